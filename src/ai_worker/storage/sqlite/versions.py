"""What became of entries and documents, on SQLite, inside a transaction."""

from datetime import datetime
from typing import NamedTuple

import apsw

from ai_worker.foundation.clock import to_micros
from ai_worker.knowledge.archive import VERSIONS, Act, Kept, NoSuchThing, Thing, Version
from ai_worker.storage import keepings

PUT = "INSERT INTO knowledge_version (base, kind, id, at, person, act, title, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

KNOWN = "SELECT 1 FROM knowledge_version WHERE base = ? AND kind = ? AND id = ? LIMIT 1"

PRUNE = """
DELETE FROM knowledge_version WHERE base = ?1 AND kind = ?2 AND id = ?3 AND n <= (
    SELECT n FROM knowledge_version WHERE base = ?1 AND kind = ?2 AND id = ?3 ORDER BY n DESC LIMIT 1 OFFSET ?4)
"""

OF_THING = f"""
SELECT {keepings.VERSION} FROM knowledge_version WHERE base = ? AND kind = ? AND id = ? ORDER BY n DESC
"""  # noqa: S608

ONE = f"SELECT {keepings.VERSION}, body FROM knowledge_version WHERE n = ?"  # noqa: S608

REMOVED = f"""
SELECT {keepings.VERSION} FROM knowledge_version AS one WHERE act = 'removed' AND at <= ? AND NOT EXISTS (
    SELECT 1 FROM knowledge_version AS later
    WHERE later.base = one.base AND later.kind = one.kind AND later.id = one.id AND later.n > one.n)
"""  # noqa: S608

FORGET = "DELETE FROM knowledge_version WHERE base = ? AND kind = ? AND id = ?"


class Change(NamedTuple):
    """What is done, when, and by whom."""

    act: Act
    at: datetime
    by: str


def note(connection: apsw.Connection, thing: Thing, change: Change, now: Kept, before: Kept | None = None) -> None:
    """Keep the state that a change leads to; the one before it, too, if the thing is older than its versions."""
    key = (thing.base, thing.kind, thing.id)
    if before is not None and connection.execute(KNOWN, key).fetchone() is None:
        found = change.at if before.document is None else before.document.added_at
        connection.execute(PUT, (*key, to_micros(found), "", "found", _title(before), keepings.packed(before)))
    told = (to_micros(change.at), change.by, change.act, _title(now), keepings.packed(now))
    connection.execute(PUT, (*key, *told))
    connection.execute(PRUNE, (*key, VERSIONS))


def of_thing(connection: apsw.Connection, thing: Thing) -> list[Version]:
    """Return what became of a thing, the latest first."""
    return list(map(keepings.version, connection.execute(OF_THING, (thing.base, thing.kind, thing.id))))


def one(connection: apsw.Connection, number: int) -> tuple[Version, Kept]:
    """Return one version with what it holds.

    Raises:
        NoSuchThing: There is none.
    """
    row = connection.execute(ONE, (number,)).fetchone()
    if row is None:
        raise NoSuchThing(f"There is no version {number} (any more).")
    return keepings.version(row[:-1]), keepings.unpacked(row[-1])


def removed(connection: apsw.Connection, before: int, limit: int, *, newest: bool) -> list[Version]:
    """Return the removals that can be taken back."""
    order = "DESC" if newest else "ASC"
    found = connection.execute(f"{REMOVED} ORDER BY n {order} LIMIT ?", (before, limit))
    return list(map(keepings.version, found))


def forget(connection: apsw.Connection, thing: Thing) -> int:
    """Delete all versions of a thing; return how many there were."""
    connection.execute(FORGET, (thing.base, thing.kind, thing.id))
    return connection.changes()


def _title(kept: Kept) -> str:
    return kept.document.title if kept.document is not None else kept.passages[0].title
