"""On the development questions the knowledge answers about as well as it did when its weights were fitted."""

import json
from pathlib import Path
from typing import Any

import pytest

from ai_worker.knowledge.confidence import ANSWER_AT
from ai_worker.knowledge.library import Library


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "table", "first", "right"),
    [
        ("zh-faq-webank", "kb_alias.jsonl", 0.84, 0.91),
        ("zh-faq-general", "kb.jsonl", 0.95, 0.90),
        ("zh-docqa", "kb.jsonl", 0.60, 0.75),
    ],
)
async def test_the_right_entry_comes_first_and_answers_are_right(
    library: Library, shared_dir: Path, name: str, table: str, first: float, right: float
) -> None:
    await library.put_entries(read(shared_dir / "data" / name / table), base="default")
    queries = read(shared_dir / "data" / name / "queries.jsonl")

    hits = inside = 0
    answered = {True: 0, False: 0}
    sound = 0
    for query in queries:
        best = next(iter(library.search(query["text"], limit=1)), None)
        known = bool(query["gold"])
        good = best is not None and best.passage.answer_id in query["gold"]
        inside += known
        hits += good
        if best is not None and best.score >= ANSWER_AT:
            answered[known] += 1
            sound += good

    strangers = 0.25 * inside / (len(queries) - inside)  # as if one question in five were outside the knowledge
    assert hits / inside >= first
    assert sound / (answered[True] + strangers * answered[False]) >= right
