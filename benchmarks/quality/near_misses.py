"""What the search decides in small knowledge bases of our own, at the product's thresholds, and print it.

    .venv/bin/python -m benchmarks.quality.near_misses

Known questions in other words, questions that differ from a known one in what matters, and questions
that do not say what they are about; once with all wordings of an entry, once with its first alone.
"""

import tempfile
from collections import Counter

from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.search import find
from ai_worker.knowledge.view import View
from benchmarks.quality import material
from benchmarks.quality.views import view_of


def decision(view: View, text: str, gold: str) -> str:
    found = find(view, text, bases=("*",), limit=3)
    sure = found[0].score if found else 0.0
    if sure >= ANSWER_AT:
        return "right" if found[0].passage.answer_id == gold else "wrong"
    return "asked back" if sure >= CLARIFY_AT else "handed over"


def view_of_small(base: material.Small, folder: str, *, aliases: bool) -> View:
    rows = [
        {"id": str(number), "question": wordings[0], "answer": answer, "aliases": wordings[1:] * aliases}
        for number, (wordings, answer) in enumerate(base.entries, 1)
    ]
    return view_of(rows, folder)


def main() -> None:
    for aliases in (True, False):
        counts: dict[str, Counter[str]] = {}
        for base in material.small():
            with tempfile.TemporaryDirectory() as folder:
                view = view_of_small(base, folder, aliases=aliases)
                for text, gold, kind in base.questions:
                    counts.setdefault(kind, Counter())[decision(view, text, gold)] += 1
        print("all wordings" if aliases else "first wording alone")
        for kind, count in counts.items():
            print(f"  {kind}: {dict(sorted(count.items()))} of {count.total()}")


if __name__ == "__main__":
    main()
