"""Indexes for the fitting scripts: made of rows, without a store."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tantivy

from ai_worker.knowledge.index import Standing, documents, revision_document, schema
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.view import View


def read(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a JSONL file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def view_of(rows: Sequence[dict[str, Any]], folder: str) -> View:
    """Return an index of entries (rows with a question) and passages, made in an empty folder."""
    index = tantivy.Index(schema(), path=folder)
    writer = index.writer(32_000_000, 1)
    for row in rows:
        for document in documents(_passage(row)):
            writer.add_document(document)
    writer.add_document(revision_document(Standing(1, 1)))
    writer.commit()
    writer.wait_merging_threads()
    index.reload()
    return View(index)


def _passage(row: dict[str, Any]) -> Passage:
    if "question" in row:
        return Passage(row["id"], "default", "set", "entry", row["question"], row["answer"], tuple(row["aliases"]))
    return Passage(row["id"], "default", "set", "passage", row.get("title", ""), row["text"])
