"""What became of entries and documents, on PostgreSQL, inside a transaction."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from ai_worker.foundation.clock import to_micros
from ai_worker.knowledge.archive import VERSIONS, Act, Kept, NoSuchThing, Thing, Version
from ai_worker.storage import keepings, rows

PUT = """
INSERT INTO knowledge_version (base, kind, id, at, person, act, title, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""

KNOWN = """
SELECT id FROM knowledge_version WHERE base = $1 AND kind = $2 AND id = ANY ($3::text[]) GROUP BY id
"""

PRUNE = f"""
DELETE FROM knowledge_version WHERE base = $1 AND kind = $2 AND id = $3 AND n <= (
    SELECT n FROM knowledge_version WHERE base = $1 AND kind = $2 AND id = $3 ORDER BY n DESC LIMIT 1 OFFSET {VERSIONS})
"""

OF_THING = f"""
SELECT {keepings.VERSION} FROM knowledge_version WHERE base = $1 AND kind = $2 AND id = $3 ORDER BY n DESC
"""

ONE = f"SELECT {keepings.VERSION}, body FROM knowledge_version WHERE n = $1"

REMOVED = f"""
SELECT {keepings.VERSION} FROM knowledge_version AS one WHERE act = 'removed' AND at <= $1 AND NOT EXISTS (
    SELECT 1 FROM knowledge_version AS later
    WHERE later.base = one.base AND later.kind = one.kind AND later.id = one.id AND later.n > one.n)
"""

FORGET = "DELETE FROM knowledge_version WHERE base = $1 AND kind = $2 AND id = $3 RETURNING n"


class Change(NamedTuple):
    """What is done, when, and by whom."""

    act: Act
    at: datetime
    by: str


class Noted(NamedTuple):
    """A thing that a change has changed."""

    thing: Thing
    now: Kept
    before: Kept | None = None
    """What it was, so that the first change of a thing that is older than its versions keeps that, too."""


async def note(connection: Any, change: Change, changed: Sequence[Noted]) -> None:
    """Keep the states that a change leads to; all things are of one base and one kind."""
    if not changed:
        return
    base, kind = rows.plain(changed[0].thing.base), changed[0].thing.kind
    ids = [rows.plain(one.thing.id) for one in changed]
    known = {row[0] for row in await connection.fetch(KNOWN, base, kind, ids)}
    made: list[tuple[Any, ...]] = []
    for id, one in zip(ids, changed, strict=True):
        if one.before is not None and id not in known:
            found = change.at if one.before.document is None else one.before.document.added_at
            told = (to_micros(found), "", "found", _title(one.before), keepings.packed(one.before))
            made.append((base, kind, id, *told))
        by = rows.plain(change.by)
        made.append((base, kind, id, to_micros(change.at), by, change.act, _title(one.now), keepings.packed(one.now)))
    await connection.executemany(PUT, made)
    await connection.executemany(PRUNE, [(base, kind, id) for id in ids if id in known])


async def of_thing(connection: Any, thing: Thing) -> list[Version]:
    """Return what became of a thing, the latest first."""
    return list(map(keepings.version, await connection.fetch(OF_THING, thing.base, thing.kind, thing.id)))


async def one(connection: Any, number: int) -> tuple[Version, Kept]:
    """Return one version with what it holds.

    Raises:
        NoSuchThing: There is none.
    """
    row = await connection.fetchrow(ONE, number)
    if row is None:
        raise NoSuchThing(f"There is no version {number} (any more).")
    *told, body = row
    return keepings.version(told), keepings.unpacked(body)


async def forget(connection: Any, thing: Thing) -> int:
    """Delete all versions of a thing; return how many there were."""
    return len(await connection.fetch(FORGET, thing.base, thing.kind, thing.id))


def _title(kept: Kept) -> str:
    return rows.plain(kept.document.title if kept.document is not None else kept.passages[0].title)
