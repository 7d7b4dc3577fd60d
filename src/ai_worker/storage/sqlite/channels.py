"""What channels remember and agree on, on SQLite. The clock is the process's: it may be set back."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

import apsw

from ai_worker.foundation.clock import Clock, to_micros
from ai_worker.pipeline.channel_store import Usage, checked
from ai_worker.pipeline.sending import Limit, Need
from ai_worker.storage import windows
from ai_worker.storage.sqlite.database import SqliteDatabase

RECALL = "SELECT value FROM channel_memory WHERE channel = ? AND key = ? AND (ends_at IS NULL OR ends_at > ?)"
REMEMBER = """
INSERT INTO channel_memory (channel, key, value, ends_at) VALUES (?, ?, ?, ?)
ON CONFLICT (channel, key) DO UPDATE SET value = excluded.value, ends_at = excluded.ends_at
"""
FORGET = "DELETE FROM channel_memory WHERE channel = ? AND key = ?"

# A lease that is another's for longer than it can have been taken for was taken before the clock was set
# back: it ends when one that was taken now would.
OWN = """
INSERT INTO channel_lease (name, owner, ends_at) VALUES (:name, :owner, :now + :lease)
ON CONFLICT (name) DO UPDATE SET ends_at = :now + :lease, owner = iif(ends_at <= :now, :owner, owner)
WHERE owner = :owner OR ends_at <= :now OR ends_at > :now + :lease
RETURNING owner
"""
DISOWN = "DELETE FROM channel_lease WHERE name = ? AND owner = ?"

LOOK = "SELECT spent, blocked_at, blocked_for FROM channel_limit WHERE channel = ? AND key = ?"
KEEP = """
INSERT INTO channel_limit (channel, key, spent, blocked_at, blocked_for, idle_at) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (channel, key) DO UPDATE SET spent = excluded.spent, blocked_at = excluded.blocked_at,
    blocked_for = excluded.blocked_for, idle_at = max(idle_at, excluded.idle_at)
"""


SWEEP = 500
"""Most values, and most limits, that one sweep forgets."""

SWEEP_MEMORY = """
DELETE FROM channel_memory WHERE (channel, key) IN (
    SELECT channel, key FROM channel_memory WHERE ends_at IS NOT NULL AND ends_at <= ? LIMIT ?)
"""
SWEEP_LIMITS = """
DELETE FROM channel_limit WHERE (channel, key) IN (
    SELECT channel, key FROM channel_limit WHERE idle_at <= ? LIMIT ?)
"""


class SqliteChannelStore:
    """Keeps what channels remember, own and spend; see `ChannelStore`.

    After the clock was set back, what is stored of later moments counts as of now: waits and leases
    become longer by at most their own length, and no limit is exceeded.
    """

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def recall(self, channel: str, key: str) -> str | None:
        """Return what was remembered; `None` if nothing was, or its time is over."""
        asked = (channel, key, self._moment())

        def work(connection: apsw.Connection) -> str | None:
            row = connection.execute(RECALL, asked).fetchone()
            return None if row is None else str(row[0])

        return await self._database.read(work)

    async def remember(self, channel: str, key: str, value: str, *, until: datetime | None = None) -> None:
        """Keep `value` in place of the former one."""
        row = (channel, key, checked(value), None if until is None else to_micros(until))
        await self._database.write(lambda connection: _run(connection, REMEMBER, row))

    async def forget(self, channel: str, key: str) -> None:
        """Drop a value; nothing happens if there is none."""
        await self._database.write(lambda connection: _run(connection, FORGET, (channel, key)))

    async def own(self, name: str, *, owner: str, lease: timedelta) -> bool:
        """Take the lease `name`, or extend it; return whether it is this owner's."""

        def work(connection: apsw.Connection) -> bool:
            length = lease // timedelta(microseconds=1)
            given = {"name": name, "owner": owner, "now": self._moment(), "lease": length}
            return (owner,) in connection.execute(OWN, given).fetchall()

        return await self._database.write(work)

    async def disown(self, name: str, *, owner: str) -> None:
        """Give a lease back before its time; nothing happens if it is another's by now."""
        await self._database.write(lambda connection: _run(connection, DISOWN, (name, owner)))

    async def spend(self, channel: str, needs: Sequence[Sequence[Need]]) -> list[float]:
        """Count messages that are about to be sent; see `windows` for how exactly that is counted."""

        def work(connection: apsw.Connection) -> list[float]:
            known = _look(connection, channel, {need.limit.key for message in needs for need in message})
            waits = windows.spend(known, needs, self._moment())
            _keep(connection, channel, known)
            return waits

        return await self._database.write(work)

    async def usage(self, channel: str, limits: Sequence[Limit]) -> list[Usage]:
        """Return how much of each limit is used up."""
        keys = [limit.key for limit in limits]
        known = await self._database.read(lambda connection: _look(connection, channel, keys))
        return windows.usage(known, limits, self._moment())

    async def block(self, channel: str, key: str, *, seconds: float) -> None:
        """Let nothing more be spent of the limit `key` for so long."""

        def work(connection: apsw.Connection) -> None:
            known = _look(connection, channel, [key])
            known[key].block(self._moment(), round(seconds * windows.SECOND))
            _keep(connection, channel, known)

        await self._database.write(work)

    def _moment(self) -> int:
        return to_micros(self._clock.now())


def sweep(connection: apsw.Connection, now: datetime) -> int:
    """Forget some of what is over; return how many rows went."""
    gone = 0
    for statement in (SWEEP_MEMORY, SWEEP_LIMITS):
        connection.execute(statement, (to_micros(now), SWEEP))
        gone += connection.changes()
    return gone


def _run(connection: apsw.Connection, statement: str, values: tuple[str | int | None, ...]) -> None:
    connection.execute(statement, values)


def _look(connection: apsw.Connection, channel: str, keys: Iterable[str]) -> dict[str, windows.Window]:
    found = {}
    for key in keys:
        row = connection.execute(LOOK, (channel, key)).fetchone()
        found[key] = windows.Window() if row is None else windows.unpacked(*row)
    return found


def _keep(connection: apsw.Connection, channel: str, known: dict[str, windows.Window]) -> None:
    changed = (
        (channel, key, windows.packed(one), one.blocked_at, one.blocked_for, one.idle_at)
        for key, one in known.items()
        if one.changed
    )
    connection.executemany(KEEP, changed)
