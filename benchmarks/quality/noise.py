"""What kinds of noise cost: hit@1 lost against the same questions as they were written, in points.

    .venv/bin/python -m benchmarks.quality.noise DATA

Each rule is told for all of its questions, and for two halves of them, which are parted by the question
that was made noisy: what was chosen on one half should hold on the other.
"""

import sys
import zlib
from collections import defaultdict
from functools import cache
from pathlib import Path

from benchmarks.quality.adapters import retrieval
from benchmarks.quality.views import read

KNOWLEDGE = {"webank": "zh-faq-webank/kb_alias.jsonl", "general": "zh-faq-general/kb.jsonl"}
PARTS = ("all", "one half", "other half")


def drops(data: Path, name: str) -> dict[str, dict[str, float]]:
    """Return of each part of the questions what each rule costs."""
    asked = retrieval()
    asked.load(read(data / KNOWLEDGE[name]))

    @cache
    def first(text: str) -> str | None:
        found: str | None = asked.ask(text)["answer_id"]
        return found

    lost: dict[str, dict[str, list[int]]] = {part: defaultdict(list) for part in PARTS}
    for query in read(data / "zh-noise" / "queries.jsonl"):
        if query["kb"] == name:
            clean, noisy = (first(query[key]) in query["gold"] for key in ("orig", "text"))
            half = PARTS[1 + (zlib.crc32(query["orig_qid"].encode()) & 1)]
            for part in ("all", half):
                lost[part][query["type"].removeprefix("noise:")].append(clean - noisy)
    return {
        part: {rule: 100 * sum(of_one) / len(of_one) for rule, of_one in sorted(rules.items())}
        for part, rules in lost.items()
    }


def main() -> None:
    for name in KNOWLEDGE:
        told = drops(Path(sys.argv[1]), name)
        for rule in told["all"]:
            print(f"{name:8} {rule:14}", *(f"{part}: {told[part][rule]:5.1f}" for part in PARTS), sep="  ")
        for part in PARTS:
            points = told[part].values()
            print(f"{name}, {part}: mean {sum(points) / len(points):.2f}, worst {max(points):.1f}", flush=True)


if __name__ == "__main__":
    main()
