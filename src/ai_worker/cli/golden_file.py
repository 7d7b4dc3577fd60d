"""Golden questions in a CSV file."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from ai_worker.foundation.errors import BadInput

if TYPE_CHECKING:
    from ai_worker.conversation.evaluation import GoldenQuestion


class BadGoldenFile(BadInput):
    """The file with golden questions cannot be used; nothing of it was added."""

    code = "eval.bad_file"
    hint = "A CSV with the columns id, question, answer_id (several joined by |, empty: nobody knows), topic."


def read(file: Path) -> "list[GoldenQuestion]":
    """Return the golden questions in a CSV.

    Raises:
        BadGoldenFile: It cannot be read, lacks a column or a value, or has an id twice; the words name the line.
    """
    from ai_worker.conversation.evaluation import GoldenQuestion
    from ai_worker.knowledge.ingest.encoding import decode

    try:
        text = decode(file.read_bytes())
        rows = list(csv.DictReader(text.splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise BadGoldenFile(f"{file}: {error}") from None
    if not rows or not {"question", "answer_id"} <= rows[0].keys():
        raise BadGoldenFile(f"{file}: the columns question and answer_id are needed")
    made: dict[str, GoldenQuestion] = {}
    for line, row in enumerate(rows, start=2):
        question = (row["question"] or "").strip()
        id_ = (row.get("id") or "").strip() or f"q{line - 1}"
        if not question:
            raise BadGoldenFile(f"{file}, line {line}: there is no question")
        if id_ in made:
            raise BadGoldenFile(f"{file}, line {line}: the id {id_!r} is that of an earlier question, too")
        ids = tuple(one.strip() for one in (row["answer_id"] or "").split("|") if one.strip())
        made[id_] = GoldenQuestion(id_, question, ids, (row.get("topic") or "").strip())
    return list(made.values())
