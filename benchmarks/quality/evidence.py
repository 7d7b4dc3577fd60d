"""Count what the rule of evidence costs: answers that are left out of ordinary documents.

    .venv/bin/python -m benchmarks.quality.evidence DATA

Of encyclopedia passages: how often the very words that answer the question are left out. Of technical
documentation: the share of the answers' characters, and how often one of the two sentences that are most like
the question. Beside it, sentences of handbooks written for agents, which do tell somebody what to say.
"""

import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ai_worker.conversation.grounding.evidence import evidence
from ai_worker.conversation.grounding.sentences import split
from ai_worker.conversation.grounding.support import terms
from benchmarks.quality.views import read

SHOWN = 1_500
ASKED = 1_500
NEAREST = 2
FIRST, WORDS = 40, 10
"""Sentences of a document that are asked for, and words that they must have."""


def spans(data: Path) -> str:
    """Return how often the span that answers is left out of its passage."""
    rows = {row["id"]: row for row in read(data / "zh-passages" / "kb.jsonl")}
    asked_for = read(data / "zh-passages" / "queries.jsonl")
    queries = [query for query in asked_for if query["type"] == "in" and query.get("answers")]
    lost = asked = 0
    for query in random.Random(5).sample(queries, min(ASKED, len(queries))):
        text, title = rows[query["gold"][0]]["text"][:SHOWN], rows[query["gold"][0]]["title"]
        if (answer := next((answer for answer in query["answers"] if answer in text), None)) is not None:
            asked += 1
            lost += answer not in evidence(text, query["text"], title=title)
    return f"zh-passages  answers left out   {lost} of {asked} = {lost / asked:.2%}"


def answers(data: Path) -> str:
    """Return how much of the answers of a technical FAQ is left out."""
    texts = {row["id"]: row["text"][:SHOWN] for row in read(data / "zh-docqa" / "kb.jsonl")}
    before = after = lost = near = 0
    for query in read(data / "zh-docqa" / "queries.jsonl"):
        if query["type"] != "in":
            continue
        text, asked = texts[query["gold"][0]], terms(query["text"])
        kept = evidence(text, query["text"])
        before, after = before + len(text), after + len(kept)
        nearest = sorted(split(text), key=lambda part: -asked.share_in(terms(part)))[:NEAREST]
        near += len(nearest)
        lost += sum(part.strip() not in kept for part in nearest)
    return (
        f"zh-docqa     characters left out {1 - after / before:.2%}, "
        f"nearest sentences left out {lost} of {near} = {lost / near:.2%}"
    )


def handbooks(data: Path) -> str:
    """Return what is left out of documents for customers and of those for agents.

    Characters, nothing asked and asked by the document's name; and sentences that are asked for by their own
    first half.
    """
    told = []
    for inside, name in ((False, "customers"), (True, "agents")):
        rows = [
            row for row in read(data / "en-bank-docs" / "kb.jsonl") if ("internal" in row["title"].lower()) == inside
        ]
        before = sum(len(row["text"][:SHOWN]) for row in rows)
        unasked = sum(len(evidence(row["text"][:SHOWN])) for row in rows)
        asked = sum(len(evidence(row["text"][:SHOWN], row["title"], title=row["title"])) for row in rows)
        lost, total = asked_for(rows)
        told.append(
            f"for {name}: characters {1 - unasked / before:.2%}, asked by name {1 - asked / before:.2%}; "
            f"sentences asked for {lost} of {total} = {lost / total:.2%}"
        )
    return "\n".join(f"en-bank-docs {one}" for one in told)


def asked_for(rows: Sequence[dict[str, Any]]) -> tuple[int, int]:
    """Return how many sentences are left out when their own first halves are asked, and how many were asked for."""
    lost = total = 0
    for row in rows:
        text = row["text"][:SHOWN]
        for sentence in split(text)[:FIRST]:
            if len(words := sentence.split()) >= WORDS:
                total += 1
                kept = evidence(text, " ".join(words[: len(words) // 2]), title=row["title"])
                lost += sentence.strip() not in kept
    return lost, total


def main(arguments: Sequence[str]) -> None:
    data = Path(arguments[0])
    for figure in (spans(data), answers(data), handbooks(data)):
        print(figure)


if __name__ == "__main__":
    main(sys.argv[1:])
