"""What channels remember and agree on, on PostgreSQL. The one clock is the database's."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from ai_worker.pipeline.channel_store import Usage, checked
from ai_worker.pipeline.sending import Limit, Need
from ai_worker.storage import rows, windows
from ai_worker.storage.postgres.database import MOMENT, PostgresDatabase

RECALL = f"""
SELECT value FROM channel_memory WHERE channel = $2 AND key = $3 AND (ends_at IS NULL OR ends_at > {MOMENT})
"""
REMEMBER = f"""
INSERT INTO channel_memory (channel, key, value, ends_at) VALUES ($2, $3, $4, {MOMENT} + $5)
ON CONFLICT (channel, key) DO UPDATE SET value = excluded.value, ends_at = excluded.ends_at
"""
FORGET = "DELETE FROM channel_memory WHERE channel = $1 AND key = $2"

# A lease that is another's for longer than it can have been taken for was taken before the server's clock
# was set back: it ends when one that was taken now would.
OWN = f"""
INSERT INTO channel_lease AS held (name, owner, ends_at) VALUES ($2, $3, {MOMENT} + $4)
ON CONFLICT (name) DO UPDATE SET ends_at = excluded.ends_at,
    owner = CASE WHEN held.ends_at <= {MOMENT} THEN excluded.owner ELSE held.owner END
WHERE held.owner = excluded.owner OR held.ends_at <= {MOMENT} OR held.ends_at > excluded.ends_at
RETURNING owner
"""
DISOWN = "DELETE FROM channel_lease WHERE name = $1 AND owner = $2"

# Rows that are not there yet cannot be locked: the nodes take turns with a channel's limits as a whole.
TURN = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
LOOK = f"""
SELECT {MOMENT}, key, spent, blocked_at, blocked_for FROM (VALUES (0)) AS always
LEFT JOIN channel_limit ON channel = $2 AND key = ANY ($3::text[])
"""
KEEP = """
INSERT INTO channel_limit (channel, key, spent, blocked_at, blocked_for, idle_at)
SELECT $1, * FROM unnest($2::text[], $3::bytea[], $4::bigint[], $5::bigint[], $6::bigint[])
ON CONFLICT (channel, key) DO UPDATE SET spent = excluded.spent, blocked_at = excluded.blocked_at,
    blocked_for = excluded.blocked_for, idle_at = greatest(channel_limit.idle_at, excluded.idle_at)
"""


SWEEP = 500
"""Most values, and most limits, that one sweep forgets."""

SWEEP_MEMORY = f"""
DELETE FROM channel_memory WHERE (channel, key) IN (
    SELECT channel, key FROM channel_memory WHERE ends_at <= {MOMENT} LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING 1
"""
SWEEP_LIMITS = f"""
DELETE FROM channel_limit WHERE (channel, key) IN (
    SELECT channel, key FROM channel_limit WHERE idle_at <= {MOMENT} LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING 1
"""


class PostgresChannelStore:
    """Keeps what channels remember, own and spend; see `ChannelStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def recall(self, channel: str, key: str) -> str | None:
        """Return what was remembered; `None` if nothing was, or its time is over."""
        row = await self._database.first(RECALL, self._database.moment, channel, rows.plain(key))
        return None if row is None else str(row[0])

    async def remember(self, channel: str, key: str, value: str, *, until: datetime | None = None) -> None:
        """Keep `value` in place of the former one."""
        left = None if until is None else self._database.until(until)
        value = rows.plain(checked(value))
        await self._database.fetch(REMEMBER, self._database.moment, channel, rows.plain(key), value, left)

    async def forget(self, channel: str, key: str) -> None:
        """Drop a value; nothing happens if there is none."""
        await self._database.fetch(FORGET, channel, rows.plain(key))

    async def own(self, name: str, *, owner: str, lease: timedelta) -> bool:
        """Take the lease `name`, or extend it; return whether it is this owner's."""
        length = lease // timedelta(microseconds=1)
        row = await self._database.first(OWN, self._database.moment, name, owner, length)
        return row is not None and row[0] == owner

    async def disown(self, name: str, *, owner: str) -> None:
        """Give a lease back before its time; nothing happens if it is another's by now."""
        await self._database.fetch(DISOWN, name, owner)

    async def spend(self, channel: str, needs: Sequence[Sequence[Need]]) -> list[float]:
        """Count messages that are about to be sent; see `windows` for how exactly that is counted."""
        async with self._database.transaction() as connection:
            keys = {need.limit.key for message in needs for need in message}
            now, known = await self._look(connection, channel, keys)
            waits = windows.spend(known, needs, now)
            await _keep(connection, channel, known)
        return waits

    async def usage(self, channel: str, limits: Sequence[Limit]) -> list[Usage]:
        """Return how much of each limit is used up."""
        keys = [rows.plain(limit.key) for limit in limits]
        found = await self._database.fetch(LOOK, self._database.moment, channel, keys)
        stored = {key: windows.unpacked(*rest) for _, key, *rest in found if key is not None}
        known = {limit.key: stored.get(rows.plain(limit.key)) or windows.Window() for limit in limits}
        return windows.usage(known, limits, found[0][0])

    async def block(self, channel: str, key: str, *, seconds: float) -> None:
        """Let nothing more be spent of the limit `key` for so long."""
        async with self._database.transaction() as connection:
            now, known = await self._look(connection, channel, {key})
            known[key].block(now, round(seconds * windows.SECOND))
            await _keep(connection, channel, known)

    async def _look(self, connection: Any, channel: str, keys: set[str]) -> tuple[int, dict[str, windows.Window]]:
        """Take this channel's turn; return the moment and what is known of each limit."""
        await connection.execute(TURN, f"channel_limit:{self._database.address.schema}:{channel}")
        found = await connection.fetch(LOOK, self._database.moment, channel, [rows.plain(key) for key in keys])
        stored = {key: windows.unpacked(*rest) for _, key, *rest in found if key is not None}
        return found[0][0], {key: stored.get(rows.plain(key)) or windows.Window() for key in keys}


async def sweep(database: PostgresDatabase, connection: Any) -> int:
    """Forget some of what is over by the database's clock; return how many rows went."""
    gone = [await connection.fetch(statement, database.moment, SWEEP) for statement in (SWEEP_MEMORY, SWEEP_LIMITS)]
    return sum(map(len, gone))


async def _keep(connection: Any, channel: str, known: dict[str, windows.Window]) -> None:
    changed = [
        (rows.plain(key), windows.packed(one), one.blocked_at, one.blocked_for, one.idle_at)
        for key, one in known.items()
        if one.changed
    ]
    if changed:
        await connection.execute(KEEP, channel, *(list(column) for column in zip(*changed, strict=True)))
