"""Fit the weights of `ai_worker.knowledge.confidence` to development questions and print them.

    .venv/bin/python -m benchmarks.quality.fit_confidence DATA

Ranking weights by conditional logit (the right candidate among all candidates of a question),
confidence weights by logistic regression (whether the first candidate is right, with questions
outside the knowledge as one fifth of the traffic). Plain Python, about a minute.
"""

import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import tantivy

from ai_worker.knowledge import confidence, search
from ai_worker.knowledge.fit import Question
from ai_worker.knowledge.index import View, documents, revision_document, schema
from ai_worker.knowledge.passage import Passage
from benchmarks.quality.regression import Group, conditional_logit, logistic_regression

FAQ_SETS = (("zh-faq-webank", "kb_alias.jsonl"), ("zh-faq-general", "kb.jsonl"), ("zh-smp2017", "kb.jsonl"))
TEXT_SETS = (("zh-docqa", "kb.jsonl"), ("zh-passages", "kb.jsonl"))
PER_SET = 1_500
SMALL = (8, 8, 12, 12, 20, 20, 30, 30)
Weights = tuple[float, ...]


@dataclass
class Asked:
    """One question of a set, with what each way of looking found."""

    gold: frozenset[str]
    question: Question
    wordings: list[search.Candidate]
    texts: list[search.Candidate]
    traffic: float
    """How much it counts."""


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def passage(row: dict[str, Any]) -> Passage:
    if "question" in row:
        return Passage(row["id"], "default", "set", "entry", row["question"], row["answer"], tuple(row["aliases"]))
    return Passage(row["id"], "default", "set", "passage", row.get("title", ""), row["text"])


def view_of(rows: Sequence[dict[str, Any]], folder: str) -> View:
    index = tantivy.Index(schema(), path=folder)
    writer = index.writer(32_000_000, 1)
    for row in rows:
        for document in documents(passage(row)):
            writer.add_document(document)
    writer.add_document(revision_document(1))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return View(index)


def near_exact(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield wordings as they stand, or with a slip or a greeting: questions that must be answered."""
    chance = random.Random(5)
    wordings = [
        (row["id"], wording) for row in rows for wording in (row["question"], *row["aliases"]) if len(wording) > 4
    ]
    chance.shuffle(wordings)
    for at, (gold, wording) in enumerate(wordings[:400]):
        slip = chance.randrange(len(wording) - 1)
        text = (
            wording,
            wording[:slip] + wording[slip + 1 :],
            chance.choice(("你好，请问", "请问一下", "您好，")) + wording + chance.choice(("", "呢", "？", "谢谢")),
            wording[:slip] + wording[slip + 1] + wording[slip] + wording[slip + 2 :],
        )[at % 4]
        yield {"text": text, "gold": [gold]}


def ask(view: View, queries: Sequence[dict[str, Any]], share: float) -> list[Asked]:
    inside = sum(1 for query in queries if query["gold"])
    traffic = {True: share / max(1, inside), False: 0.25 * share / max(1, len(queries) - inside)}
    asked = []
    for query in queries:
        question = Question.of(query["text"], view)
        asked.append(
            Asked(
                frozenset(query["gold"]),
                question,
                search.by_wording(question, view, ("*",)),
                search.by_text(question, view, ("*",)),
                traffic[bool(query["gold"])],
            )
        )
    return asked


def collect(data: Path, sets: Sequence[tuple[str, str]], *, slips: bool) -> list[Asked]:
    asked = []
    for name, table in sets:
        rows, queries = read(data / name / table), read(data / name / "queries.jsonl")
        with tempfile.TemporaryDirectory() as folder:
            view = view_of(rows, folder)
            share = 0.3 if name == "zh-smp2017" else 1.0  # intents: many wordings each, not what a FAQ is like
            asked += ask(view, queries[:: max(1, len(queries) // PER_SET)], share)
            if slips:
                asked += ask(view, list(near_exact(rows)), 0.3)
    return asked


def collect_small(data: Path, sets: Sequence[tuple[str, str]]) -> list[Asked]:
    """Ask parts of the sets that are as small as a young knowledge base: there, rarity says less."""
    chance = random.Random(7)
    asked = []
    for name, table in sets:
        rows, queries = read(data / name / table), read(data / name / "queries.jsonl")
        for size in SMALL:
            part = chance.sample(rows, size)
            ids = {row["id"] for row in part}
            inside = [query for query in queries if ids & set(query["gold"])]
            outside = chance.sample([query for query in queries if not ids & set(query["gold"])], 200)
            outside = [{**query, "gold": []} for query in outside]
            with tempfile.TemporaryDirectory() as folder:
                view = view_of(part, folder)
                asked += ask(view, chance.sample(inside, min(150, len(inside))) + outside, 0.2)
                asked += ask(view, list(near_exact(part)), 0.05)
    return asked


def rank_weights(asked: Sequence[Asked], way: Callable[[Asked], list[search.Candidate]]) -> Weights:
    groups = []
    for one in asked:
        right = [candidate.answer in one.gold for candidate in way(one)]
        if any(right) and not all(right):
            groups.append(Group([candidate.figures for candidate in way(one)], right, one.traffic))
    return conditional_logit(groups)


def reorder(candidates: list[search.Candidate], weights: Weights) -> list[search.Candidate]:
    ranked = [replace(one, rank=confidence.weigh(weights, one.figures)) for one in candidates]
    return sorted(ranked, key=lambda candidate: (-candidate.rank, candidate.key))


def confidence_weights(
    asked: Sequence[Asked], way: Callable[[Asked], list[search.Candidate]], weights: Weights
) -> Weights:
    rows, right, traffic = [], [], []
    for one in asked:
        candidates = reorder(way(one), weights)
        if candidates:
            lead = search.lead_of(candidates)
            rows.append((1.0, *candidates[0].figures, one.question.brevity, lead))
            right.append(candidates[0].answer in one.gold)
            traffic.append(one.traffic)
    return logistic_regression(rows, right, traffic)


def main() -> None:
    data = Path(sys.argv[1])
    faq = collect(data, FAQ_SETS, slips=True)
    small = collect_small(data, FAQ_SETS[:2])
    text = collect(data, TEXT_SETS, slips=False)
    wording_rank = rank_weights(faq, lambda one: one.wordings)
    text_rank = rank_weights(text, lambda one: one.texts)
    faq += small
    elsewhere = [replace(one, traffic=0.3 * one.traffic) for one in faq]  # answers that answer something else
    found = {
        "WORDING_RANK": wording_rank,
        "WORDING_CONFIDENCE": confidence_weights(faq, lambda one: one.wordings, wording_rank),
        "TEXT_RANK": text_rank,
        "TEXT_CONFIDENCE": confidence_weights([*text, *elsewhere], lambda one: one.texts, text_rank),
    }
    for name, weights in found.items():
        print(f"{name} = ({', '.join(f'{weight:.2f}' for weight in weights)})")


if __name__ == "__main__":
    main()
