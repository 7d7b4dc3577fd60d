"""Putting and removing knowledge on SQLite, inside a transaction. Every change is kept as a version beside it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

import apsw

from ai_worker.foundation.clock import to_micros
from ai_worker.knowledge.archive import Kept, Thing
from ai_worker.knowledge.keeping import OPEN, Keeping
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Document
from ai_worker.storage import codec, keepings
from ai_worker.storage.sqlite import versions
from ai_worker.storage.sqlite.versions import Change

RAISE = "UPDATE knowledge_revision SET latest = latest + ? RETURNING latest"

PUT = """
INSERT INTO passage (revision, base, id, document_id, kind, title, aliases, locator, text, keeping, review_by)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (base, id) DO UPDATE SET
    revision = excluded.revision, document_id = excluded.document_id, removed = 0, kind = excluded.kind,
    title = excluded.title, aliases = excluded.aliases, locator = excluded.locator, text = excluded.text,
    keeping = excluded.keeping, review_by = excluded.review_by
WHERE removed OR (document_id, kind, title, aliases, locator, text, keeping, review_by)
    IS NOT (excluded.document_id, excluded.kind, excluded.title, excluded.aliases, excluded.locator, excluded.text,
        excluded.keeping, excluded.review_by)
"""

ELSEWHERE = """
SELECT DISTINCT document_id FROM passage
WHERE base = ? AND id IN (SELECT value FROM json_each(?)) AND removed = 0 AND document_id <> ?
"""

REMOVE = """
UPDATE passage SET revision = ?, removed = 1, title = '', aliases = '[]', locator = '', text = '', keeping = '{}',
    review_by = NULL
WHERE base = ? AND id = ?
"""

PUT_DOCUMENT = """
INSERT INTO document (base, id, title, state, passages, added_at, reason, code, keeping, review_by, source, place,
    troubles)
VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (base, id) DO UPDATE SET
    title = excluded.title, state = excluded.state, added_at = excluded.added_at, reason = excluded.reason,
    code = excluded.code, keeping = excluded.keeping, review_by = excluded.review_by, source = excluded.source,
    place = excluded.place, troubles = excluded.troubles
"""

RECOUNT = """
UPDATE document SET passages = (
    SELECT count(*) FROM passage WHERE passage.base = ?1 AND document_id = ?2 AND removed = 0)
WHERE base = ?1 AND id = ?2
"""

ONE_DOCUMENT = f"SELECT {keepings.DOCUMENT} FROM document WHERE base = ? AND id = ?"  # noqa: S608
OF_DOCUMENT = f"SELECT {keepings.PASSAGE} FROM passage WHERE base = ? AND document_id = ? AND removed = 0"  # noqa: S608
OF_IDS = f"""
SELECT {keepings.PASSAGE} FROM passage
WHERE base = ? AND id IN (SELECT value FROM json_each(?)) AND removed = 0
"""  # noqa: S608


def put_document(
    connection: apsw.Connection,
    document: Document,
    passages: Sequence[Passage],
    change: Change,
    *,
    inherit: Collection[str] = (),
) -> int:
    """Replace a document and its passages; return the new revision."""
    passages = keepings.inherited(passages, of_ids(connection, document.base, list(inherit)), inherit)
    former = one_document(connection, document.base, document.id)
    held = of_document(connection, document.base, document.id)
    _row_of(connection, document)
    elsewhere = _elsewhere(connection, document.base, document.id, passages)
    _put(connection, document.id, passages, document.keeping)
    kept = {passage.id for passage in passages}
    _remove(connection, document.base, [passage.id for passage in held if passage.id not in kept])
    _recount(connection, document.base, [document.id, *elsewhere])
    now = Kept(keepings.in_order(passages), replace(document, passages=len(passages)))
    before = None if former is None or former.state != "ready" else Kept(held, former)
    if document.state == "ready" and (before is None or keepings.differ(before, now)):
        versions.note(connection, Thing(document.base, "document", document.id), change, now, before)
    return _raise(connection, 1)


def put_entries(
    connection: apsw.Connection,
    base: str,
    document_id: str,
    entries: Sequence[Passage],
    change: Change,
    *,
    inherit: Collection[str] = (),
) -> int:
    """Add or replace entries of a table that exists or is made; return the new revision."""
    before = of_ids(connection, base, [entry.id for entry in entries])
    entries = keepings.inherited(entries, before, inherit)
    elsewhere = _elsewhere(connection, base, document_id, entries)
    table = one_document(connection, base, document_id)
    if table is None:
        _row_of(connection, Document(document_id, base, document_id, "ready", 0, change.at))
    _put(connection, document_id, entries, None if table is None else table.keeping)
    _recount(connection, base, [document_id, *elsewhere])
    for entry in entries:
        former = before.get(entry.id)
        if former != entry:
            of_former = None if former is None else Kept((former,))
            versions.note(connection, Thing(base, "entry", entry.id), change, Kept((entry,)), of_former)
    return _raise(connection, 1)


def remove_document(connection: apsw.Connection, base: str, document_id: str, change: Change) -> bool:
    """Remove a document with its passages; return whether it was there."""
    former = one_document(connection, base, document_id)
    if former is None:
        return False
    held = of_document(connection, base, document_id)
    connection.execute("DELETE FROM document WHERE base = ? AND id = ?", (base, document_id))
    _remove(connection, base, [passage.id for passage in held])
    _raise(connection, 1)
    if former.state == "ready":
        versions.note(connection, Thing(base, "document", document_id), change, Kept(held, former))
    return True


def remove_entry(connection: apsw.Connection, base: str, id: str, change: Change) -> bool:
    """Remove one entry; return whether it was there."""
    former = of_ids(connection, base, [id]).get(id)
    if former is None:
        return False
    _remove(connection, base, [id])
    _recount(connection, base, [former.document_id])
    _raise(connection, 1)
    versions.note(connection, Thing(base, "entry", id), change, Kept((former,)))
    return True


def restore(connection: apsw.Connection, number: int, change: Change) -> Thing:
    """Make what a version holds the current state again; see `Archive.restore`."""
    version, kept = versions.one(connection, number)
    if kept.document is not None:
        document = replace(kept.document, added_at=change.at)
        put_document(connection, document, kept.passages, change)
    else:
        (entry,) = kept.passages
        put_entries(connection, entry.base, entry.document_id, [entry], change)
    return version.thing


def one_document(connection: apsw.Connection, base: str, document_id: str) -> Document | None:
    """Return a document; `None` if there is none."""
    row = connection.execute(ONE_DOCUMENT, (base, document_id)).fetchone()
    return None if row is None else keepings.document(row)


def of_document(connection: apsw.Connection, base: str, document_id: str) -> tuple[Passage, ...]:
    """Return a document's passages, in order."""
    return keepings.in_order(map(keepings.passage, connection.execute(OF_DOCUMENT, (base, document_id))))


def of_ids(connection: apsw.Connection, base: str, ids: Sequence[str]) -> dict[str, Passage]:
    """Return the passages of these ids that there are."""
    found = map(keepings.passage, connection.execute(OF_IDS, (base, codec.encode(ids))))
    return {passage.id: passage for passage in found}


def purged(connection: apsw.Connection) -> None:
    """Say that what indexes were built from until now must be gone from their files."""
    connection.execute("UPDATE knowledge_revision SET purged = ?", (_raise(connection, 1),))


def _row_of(connection: apsw.Connection, document: Document) -> None:
    keeping, review_by = keepings.conditions(document.keeping)
    identity = (document.base, document.id, document.title, document.state, to_micros(document.added_at))
    rest = (document.source, document.place, codec.encode(document.troubles))
    connection.execute(PUT_DOCUMENT, (*identity, document.reason, document.code, keeping, review_by, *rest))


def _put(
    connection: apsw.Connection, document_id: str, passages: Sequence[Passage], of_document: Keeping | None
) -> None:
    first = _raise(connection, len(passages)) - len(passages) + 1
    connection.executemany(
        PUT, (_row(first + n, document_id, passage, of_document or OPEN) for n, passage in enumerate(passages))
    )


def _row(revision: int, document_id: str, passage: Passage, of_document: Keeping) -> tuple[Any, ...]:
    texts = (passage.kind, passage.title, codec.encode(passage.aliases), passage.locator, passage.text)
    conditions = keepings.conditions(passage.keeping, of_document)
    return (revision, passage.base, passage.id, document_id, *texts, *conditions)


def _elsewhere(connection: apsw.Connection, base: str, document_id: str, passages: Sequence[Passage]) -> list[str]:
    """Return the other documents that hold some of these passages now."""
    ids = codec.encode([passage.id for passage in passages])
    return [row[0] for row in connection.execute(ELSEWHERE, (base, ids, document_id))]


def _remove(connection: apsw.Connection, base: str, ids: Sequence[str]) -> None:
    first = _raise(connection, len(ids)) - len(ids) + 1
    connection.executemany(REMOVE, ((first + n, base, passage_id) for n, passage_id in enumerate(ids)))


def _recount(connection: apsw.Connection, base: str, document_ids: Iterable[str]) -> None:
    connection.executemany(RECOUNT, ((base, document_id) for document_id in document_ids))


def _raise(connection: apsw.Connection, by: int) -> int:
    """Raise the revision; return the new one."""
    return int(next(connection.execute(RAISE, (by,)))[0])
