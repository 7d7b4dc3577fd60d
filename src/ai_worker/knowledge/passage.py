"""Passages and entries: the retrievable pieces of a knowledge base."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from ai_worker.foundation.text import shorten
from ai_worker.knowledge.keeping import OPEN, Keeping

ENTRIES = "entries"
"""The table that single entries are put in. No file has this id: a file's has an ending."""

FIRST_WORDS = 24
"""Characters of a text that stand for a title that it does not have."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One retrievable piece: an approved FAQ entry, or a stretch of a document."""

    id: str
    """Unique in its base. A table's row keeps its own id, which never has the form of the other kind:
    a document's passages are `<document>#<n>`."""

    base: str
    document_id: str
    """The file or table it came from; `citations` and `answer_id` of document passages carry it."""

    kind: Literal["entry", "passage"]
    """`entry`: a question with an approved answer. `passage`: text to be cited."""

    title: str
    """The question of an entry; the document's title and heading path of a passage."""

    text: str
    """The approved answer of an entry; the passage itself otherwise. Markdown or plain text."""

    aliases: tuple[str, ...] = ()
    """Other ways to ask an entry's question."""

    locator: str = ""
    """Where in the document: `§3.2`, `第 4 页`, `表 价格!A12`; empty for an entry."""

    keeping: Keeping = OPEN
    """Who may read it, and when it holds. Both are part of every search."""

    @property
    def cut(self) -> bool:
        """Whether it was cut from a document; otherwise it is a row with an id of its own."""
        return self.kind == "passage" and self.id.startswith(f"{self.document_id}#")

    @property
    def called(self) -> str:
        """What a person calls it: never empty.

        Its title; without one the document's name where it was cut from one, else its first words.
        """
        if self.title:
            return self.title
        return PurePosixPath(self.document_id).stem if self.cut else shorten(self.text, FIRST_WORDS)

    @property
    def answer_id(self) -> str:
        """The id that `answer_id` and `candidates` carry.

        A row's own, whether it is an entry or (without a question) a passage; the document's for a
        passage that was cut from one.
        """
        return self.document_id if self.cut else self.id


@dataclass(frozen=True, slots=True)
class Scored:
    """A passage that a question found, with how sure retrieval is of it."""

    passage: Passage
    score: float
    """Confidence in 0..1 that this passage answers the question; comparable between questions."""

    matched: str = ""
    """The wording of the entry (question or alias) that matched best; for explanations."""
