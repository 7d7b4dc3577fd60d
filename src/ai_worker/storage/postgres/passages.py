"""Putting and removing knowledge on PostgreSQL, inside a transaction. Every change is kept as a version beside it.

Who changes knowledge holds the row of the latest revision until its transaction ends, so revisions
become visible in their order and a reader never misses one.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ai_worker.foundation.clock import to_micros
from ai_worker.knowledge.archive import Kept, Thing
from ai_worker.knowledge.keeping import OPEN, Keeping
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.store import Document
from ai_worker.storage import codec, keepings, rows
from ai_worker.storage.postgres import versions
from ai_worker.storage.postgres.versions import Change, Noted

CHANGE_S = 60.0
"""How long a change may take as a whole: a document can have ten thousand passages."""

ALONE = "SELECT latest FROM knowledge_revision FOR UPDATE"
RAISE = "UPDATE knowledge_revision SET latest = latest + $1 RETURNING latest"
PURGED = "UPDATE knowledge_revision SET purged = $1"

PUT = """
INSERT INTO passage (revision, base, id, document_id, kind, title, aliases, locator, text, keeping, review_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (base, id) DO UPDATE SET
    revision = excluded.revision, document_id = excluded.document_id, removed = false, kind = excluded.kind,
    title = excluded.title, aliases = excluded.aliases, locator = excluded.locator, text = excluded.text,
    keeping = excluded.keeping, review_by = excluded.review_by
WHERE passage.removed OR (passage.document_id, passage.kind, passage.title, passage.aliases, passage.locator,
    passage.text, passage.keeping, passage.review_by) IS DISTINCT FROM (excluded.document_id, excluded.kind,
    excluded.title, excluded.aliases, excluded.locator, excluded.text, excluded.keeping, excluded.review_by)
"""

ELSEWHERE = """
SELECT DISTINCT document_id FROM passage
WHERE base = $1 AND id = ANY ($2::text[]) AND NOT removed AND document_id <> $3
"""

REMOVE = """
UPDATE passage SET revision = given.revision, removed = true, title = '', aliases = '[]', locator = '', text = '',
    keeping = '{}', review_by = NULL
FROM unnest($2::text[], $3::bigint[]) AS given (id, revision) WHERE base = $1 AND passage.id = given.id
"""

PUT_DOCUMENT = """
INSERT INTO document (base, id, title, state, passages, added_at, reason, code, keeping, review_by, source, place,
    troubles)
VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9, $10, $11, $12)
ON CONFLICT (base, id) DO UPDATE SET
    title = excluded.title, state = excluded.state, added_at = excluded.added_at, reason = excluded.reason,
    code = excluded.code, keeping = excluded.keeping, review_by = excluded.review_by, source = excluded.source,
    place = excluded.place, troubles = excluded.troubles
"""

FORGET = "DELETE FROM document WHERE base = $1 AND id = $2"

RECOUNT = """
UPDATE document SET passages = (
    SELECT count(*) FROM passage
    WHERE passage.base = document.base AND passage.document_id = document.id AND NOT removed)
WHERE base = $1 AND id = ANY ($2::text[])
"""

ONE_DOCUMENT = f"SELECT {keepings.DOCUMENT} FROM document WHERE base = $1 AND id = $2"
OF_DOCUMENT = f"SELECT {keepings.PASSAGE} FROM passage WHERE base = $1 AND document_id = $2 AND NOT removed"
OF_IDS = f"SELECT {keepings.PASSAGE} FROM passage WHERE base = $1 AND id = ANY ($2::text[]) AND NOT removed"


async def begin(connection: Any) -> None:
    """Wait for other changes to end."""
    await connection.execute(f"SET LOCAL lock_timeout = {int(CHANGE_S * 1000)}")
    await connection.execute(f"SET LOCAL statement_timeout = {int(CHANGE_S * 1000)}")
    await connection.execute(ALONE, timeout=CHANGE_S)


async def put_document(
    connection: Any,
    document: Document,
    passages: Sequence[Passage],
    change: Change,
    *,
    inherit: Collection[str] = (),
) -> int:
    """Replace a document and its passages; return the new revision."""
    passages = keepings.inherited(passages, await of_ids(connection, document.base, list(inherit)), inherit)
    former = await one_document(connection, document.base, document.id)
    held = await of_document(connection, document.base, document.id)
    await _row_of(connection, document)
    elsewhere = await _elsewhere(connection, document.base, document.id, passages)
    await _put(connection, document.id, passages, document.keeping)
    kept = {rows.plain(passage.id) for passage in passages}
    await _remove(connection, document.base, [passage.id for passage in held if passage.id not in kept])
    await connection.execute(RECOUNT, document.base, [document.id, *elsewhere])
    now = Kept(keepings.in_order(passages), replace(document, passages=len(passages)))
    before = None if former is None or former.state != "ready" else Kept(held, former)
    if document.state == "ready" and (before is None or keepings.differ(before, now)):
        thing = Thing(document.base, "document", document.id)
        await versions.note(connection, change, [Noted(thing, now, before)])
    return await _raise(connection, 1)


async def put_entries(
    connection: Any,
    base: str,
    document_id: str,
    entries: Sequence[Passage],
    change: Change,
    *,
    inherit: Collection[str] = (),
) -> int:
    """Add or replace entries of a table that exists or is made; return the new revision."""
    before = await of_ids(connection, base, [entry.id for entry in entries])
    entries = keepings.inherited(entries, before, inherit)
    elsewhere = await _elsewhere(connection, base, document_id, entries)
    table = await one_document(connection, base, document_id)
    if table is None:
        await _row_of(connection, Document(document_id, base, document_id, "ready", 0, change.at))
    await _put(connection, document_id, entries, OPEN if table is None else table.keeping)
    await connection.execute(RECOUNT, base, [document_id, *elsewhere])
    changed = [
        Noted(Thing(base, "entry", entry.id), Kept((entry,)), Kept((before[entry.id],)) if entry.id in before else None)
        for entry in entries
        if before.get(entry.id) != entry
    ]
    await versions.note(connection, change, changed)
    return await _raise(connection, 1)


async def remove_document(connection: Any, base: str, document_id: str, change: Change) -> bool:
    """Remove a document with its passages; return whether it was there."""
    former = await one_document(connection, base, document_id)
    if former is None:
        return False
    held = await of_document(connection, base, document_id)
    await connection.execute(FORGET, base, document_id)
    await _remove(connection, base, [passage.id for passage in held])
    await _raise(connection, 1)
    if former.state == "ready":
        thing = Thing(base, "document", document_id)
        await versions.note(connection, change, [Noted(thing, Kept(held, former))])
    return True


async def remove_entry(connection: Any, base: str, id: str, change: Change) -> bool:
    """Remove one entry; return whether it was there."""
    former = (await of_ids(connection, base, [id])).get(id)
    if former is None:
        return False
    await _remove(connection, base, [id])
    await connection.execute(RECOUNT, base, [former.document_id])
    await _raise(connection, 1)
    await versions.note(connection, change, [Noted(Thing(base, "entry", id), Kept((former,)))])
    return True


async def restore(connection: Any, number: int, change: Change) -> Thing:
    """Make what a version holds the current state again; see `Archive.restore`."""
    version, kept = await versions.one(connection, number)
    if kept.document is not None:
        document = replace(kept.document, added_at=change.at)
        await put_document(connection, document, kept.passages, change)
    else:
        (entry,) = kept.passages
        await put_entries(connection, entry.base, entry.document_id, [entry], change)
    return version.thing


async def one_document(connection: Any, base: str, document_id: str) -> Document | None:
    """Return a document; `None` if there is none."""
    row = await connection.fetchrow(ONE_DOCUMENT, base, document_id)
    return None if row is None else keepings.document(row)


async def of_document(connection: Any, base: str, document_id: str) -> tuple[Passage, ...]:
    """Return a document's passages, in order."""
    return keepings.in_order(map(keepings.passage, await connection.fetch(OF_DOCUMENT, base, document_id)))


async def of_ids(connection: Any, base: str, ids: Iterable[str]) -> dict[str, Passage]:
    """Return the passages of these ids that there are."""
    found = await connection.fetch(OF_IDS, base, [rows.plain(id) for id in ids])
    return {passage.id: passage for passage in map(keepings.passage, found)}


async def purged(connection: Any) -> None:
    """Say that what indexes were built from until now must be gone from their files."""
    await connection.execute(PURGED, await _raise(connection, 1))


async def _row_of(connection: Any, document: Document) -> None:
    keeping, review_by = keepings.conditions(document.keeping)
    identity = (document.base, document.id, rows.plain(document.title), document.state, to_micros(document.added_at))
    rest = (document.source, rows.plain(document.place), codec.encode(document.troubles))
    told = (rows.plain(document.reason), document.code, keeping, review_by)
    await connection.execute(PUT_DOCUMENT, *identity, *told, *rest)


async def _put(connection: Any, document_id: str, passages: Sequence[Passage], of_document: Keeping) -> None:
    first = await _raise(connection, len(passages)) - len(passages) + 1
    made = []
    for n, p in enumerate(passages):
        texts = (p.base, p.id, document_id, p.kind, p.title, codec.encode(p.aliases), p.locator, p.text)
        conditions = keepings.conditions(p.keeping, of_document)
        made.append((first + n, *(rows.plain(text) for text in texts), *conditions))
    await connection.executemany(PUT, made, timeout=CHANGE_S)


async def _elsewhere(connection: Any, base: str, document_id: str, passages: Sequence[Passage]) -> list[str]:
    """Return the other documents that hold some of these passages now."""
    ids = [rows.plain(passage.id) for passage in passages]
    return [row[0] for row in await connection.fetch(ELSEWHERE, base, ids, document_id)]


async def _remove(connection: Any, base: str, ids: Sequence[str]) -> None:
    first = await _raise(connection, len(ids)) - len(ids) + 1
    await connection.execute(REMOVE, base, ids, list(range(first, first + len(ids))))


async def _raise(connection: Any, by: int) -> int:
    """Raise the revision; return the new one."""
    return int(await connection.fetchval(RAISE, by))
