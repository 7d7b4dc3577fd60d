"""What comes out of a document: the values that pass from the child process to its parent."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a document."""

    title: str
    """The document's title and the headings above, outermost first, joined by ` › `."""

    locator: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table, with an id of its own."""

    id: str
    kind: Literal["entry", "passage"]
    title: str
    text: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a document, or a row of it, was not taken."""

    code: str
    reason: str
    place: str = ""
    """Where in the document: `第 4 页`, `row 7`; empty where nobody can say."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """All that was read of one document."""

    title: str
    pieces: tuple[Piece, ...] = ()
    rows: tuple[Row, ...] = ()
    refused_rows: tuple[Refusal, ...] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """What the parent sends before a document's bytes."""

    name: str
    size: int
    """How many bytes follow."""


@dataclass(frozen=True, slots=True)
class Response:
    """What the child answers: one of the two is set."""

    parsed: Parsed | None = None
    refusal: Refusal | None = None
