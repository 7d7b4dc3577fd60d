"""What is stored of conditions and versions, the same for every kind of database."""

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from ai_worker.foundation.clock import from_micros
from ai_worker.knowledge.archive import Kept, Thing, Version
from ai_worker.knowledge.keeping import OPEN, Keeping
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Document, Trouble
from ai_worker.storage import codec, rows

NOTHING = "{}"

DOCUMENT = "id, base, title, state, passages, added_at, reason, code, keeping, source, place, troubles"
PASSAGE = "id, base, document_id, kind, title, text, aliases, locator, keeping"
VERSION = "n, base, kind, id, at, person, act, title"

_keeping = msgspec.json.Decoder(Keeping)
_kept = msgspec.json.Decoder(Kept)
_troubles = msgspec.json.Decoder(tuple[Trouble, ...])


def conditions(keeping: Keeping, of_document: Keeping | None = None) -> tuple[str, str | None]:
    """Return what is stored of conditions, and the day of review.

    A passage that is kept like its document has no day of its own: nobody wants to hear of each.
    """
    review = None if keeping.review_by is None or keeping == of_document else keeping.review_by.isoformat()
    return (NOTHING if keeping == OPEN else codec.encode(keeping)), review


def keeping(text: str) -> Keeping:
    """Return the conditions that were stored."""
    return OPEN if text == NOTHING else _keeping.decode(text)


def document(row: Any) -> Document:
    """Return a document as the columns `DOCUMENT` tell."""
    id, base, title, state, passages, added_at, reason, code, kept, source, place, troubles = row
    at = from_micros(added_at)
    told = _troubles.decode(troubles)
    return Document(id, base, title, state, passages, at, reason, code, place, told, keeping(kept), source)


def passage(row: Any) -> Passage:
    """Return a passage as the columns `PASSAGE` tell."""
    id, base, document_id, kind, title, text, aliases, locator, kept = row
    return Passage(id, base, document_id, kind, title, text, codec.strings(aliases), locator, keeping(kept))


def version(row: Any) -> Version:
    """Return a version as the columns `VERSION` tell."""
    number, base, kind, id, at, person, act, title = row
    return Version(number, Thing(base, kind, id), from_micros(at), person, act, title)


def packed(kept: Kept) -> bytes:
    """Return what is stored of a version's content."""
    return zlib.compress(msgspec.json.encode(kept), 6)


def unpacked(body: bytes) -> Kept:
    """Return a version's content."""
    return _kept.decode(zlib.decompress(body))


def inherited(entries: Sequence[Passage], before: Mapping[str, Passage], inherit: Collection[str]) -> Sequence[Passage]:
    """Return entries, those in `inherit` with the conditions that they had before."""
    return [
        replace(entry, keeping=before[entry.id].keeping) if entry.id in inherit and entry.id in before else entry
        for entry in entries
    ]


def differ(one: Kept, other: Kept) -> bool:
    """Return whether two states of a document differ in what a person would call a change."""
    assert one.document is not None
    assert other.document is not None
    told = [(kept.title, kept.keeping, kept.source) for kept in (one.document, other.document)]
    return told[0] != told[1] or one.passages != other.passages


def in_order(passages: Iterable[Passage]) -> tuple[Passage, ...]:
    """Return passages in the order in which their document has them; rows of tables by their ids."""
    return tuple(sorted(passages, key=_place))


def _place(passage: Passage) -> tuple[int, int, str]:
    number = passage.id.removeprefix(f"{passage.document_id}#")
    if number != passage.id and number.isdecimal():
        return 0, int(number), ""
    return 1, 0, passage.id


def wanted(
    *, base: str, words: str, document_id: str, after: tuple[str, str] | None, limit: int
) -> dict[str, str | int]:
    """Return which entries somebody wants to see, by the names that the statements have for it."""
    first, then = after or ("", "")
    return {
        "base": rows.plain(base),
        "document": rows.plain(document_id),
        "words": rows.plain(words),
        "pattern": rows.pattern(words),
        "after": rows.plain(first),
        "id": rows.plain(then),
        "limit": limit,
    }
