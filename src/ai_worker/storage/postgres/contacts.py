"""Who contacts are, on PostgreSQL."""

from datetime import datetime
from typing import Any

from ai_worker.conversation.contacts import ContactKey, KnownContact, NoSuchContact, SameContact
from ai_worker.conversation.message import Contact
from ai_worker.foundation.clock import to_micros
from ai_worker.foundation.ids import new_id
from ai_worker.pipeline.store import RETENTION
from ai_worker.storage import contact_rows, rows
from ai_worker.storage.postgres.database import PostgresDatabase

BATCH = 200
"""Most contacts that one sweep forgets."""

KNOWN = """
SELECT channel, id, coalesce(name, (
    SELECT contact_name FROM conversation WHERE channel = $1 AND contact_id = $2 AND NOT standalone
        AND NOT grouped LIMIT 1)), department, looked_up_at, person_id
FROM contact WHERE channel = $1 AND id = $2
UNION ALL
SELECT channel, contact_id, contact_name, NULL, NULL, NULL
FROM conversation WHERE channel = $1 AND contact_id = $2 AND NOT standalone AND NOT grouped
    AND NOT EXISTS (SELECT FROM contact WHERE contact.channel = $1 AND contact.id = $2)
LIMIT 1
"""

KEEP = """
INSERT INTO contact (channel, id, name, department, looked_up_at, at) VALUES ($1, $2, $3, $4, $5, $5)
ON CONFLICT (channel, id) DO UPDATE SET name = excluded.name, department = excluded.department,
    looked_up_at = excluded.looked_up_at, at = excluded.at
"""

# It reads every private conversation: somebody is looking for somebody.
SEARCH = """
SELECT channel, id, max(name), max(department), max(looked_up_at), max(person_id) FROM (
    SELECT conversation.channel, contact_id AS id, coalesce(name, contact_name) AS name, department,
        looked_up_at, person_id
    FROM conversation LEFT JOIN contact ON contact.channel = conversation.channel AND contact.id = contact_id
    WHERE NOT standalone AND NOT grouped
    UNION ALL
    SELECT channel, id, name, department, looked_up_at, person_id FROM contact) AS found
WHERE name ILIKE $1 OR id ILIKE $1
GROUP BY channel, id ORDER BY coalesce(max(name), id) COLLATE "C", channel COLLATE "C", id COLLATE "C" LIMIT $2
"""

OTHERS = """
SELECT other.channel, other.id, coalesce(other.name, (
    SELECT contact_name FROM conversation
    WHERE channel = other.channel AND contact_id = other.id AND NOT standalone AND NOT grouped LIMIT 1)),
    other.department, other.looked_up_at, other.person_id
FROM contact AS one JOIN contact AS other ON other.person_id = one.person_id
WHERE one.channel = $1 AND one.id = $2 AND NOT (other.channel = $1 AND other.id = $2)
ORDER BY other.channel COLLATE "C", other.id COLLATE "C"
"""

# Links are rare, and two of them at once could make three persons of two.
ONE_AT_A_TIME = "LOCK TABLE contact IN SHARE ROW EXCLUSIVE MODE"
MAKE = """
INSERT INTO contact (channel, id, at) VALUES ($1, $2, $3)
ON CONFLICT (channel, id) DO UPDATE SET at = greatest(contact.at, excluded.at)
"""
BE = "UPDATE contact SET person_id = $1 WHERE channel = $2 AND id = $3"
BECOME = "UPDATE contact SET person_id = $1 WHERE person_id = $2"
LEFT_ALONE = """
UPDATE contact SET person_id = NULL
WHERE person_id = $1 AND (SELECT count(*) FROM contact WHERE person_id = $1) = 1
"""

FORGET = """
DELETE FROM contact WHERE (channel, id) IN (
    SELECT channel, id FROM contact WHERE at < $1 AND NOT EXISTS (
        SELECT FROM conversation WHERE conversation.channel = contact.channel AND contact_id = contact.id
            AND NOT standalone AND NOT grouped)
    ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING at
"""


class PostgresContactStore:
    """Keeps who contacts are; see `ContactStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def known(self, key: ContactKey) -> KnownContact | None:
        """Return a contact that was looked up or linked, or has a private conversation; else `None`."""
        row = await self._database.first(KNOWN, *_plain(key))
        return None if row is None else contact_rows.contact(row)

    async def keep(self, channel: str, contact: Contact, *, at: datetime) -> None:
        """Keep what the directory says of a contact."""
        key = _plain(ContactKey(channel, contact.id))
        await self._database.fetch(KEEP, *key, *contact_rows.directory(contact), to_micros(at))

    async def search(self, words: str, *, limit: int = 10) -> list[KnownContact]:
        """Return known contacts in whose name or id `words` stand."""
        return [contact_rows.contact(row) for row in await self._database.fetch(SEARCH, rows.pattern(words), limit)]

    async def others(self, key: ContactKey) -> list[KnownContact]:
        """Return the other contacts of the same person."""
        return [contact_rows.contact(row) for row in await self._database.fetch(OTHERS, *_plain(key))]

    async def link(self, one: ContactKey, other: ContactKey, *, at: datetime) -> None:
        """Say that two contacts are one person."""
        if one == other:
            raise SameContact(f"{one.id!r} cannot be linked with itself.")
        async with self._database.transaction() as connection:
            await connection.execute(ONE_AT_A_TIME)
            before = [await _person(connection, key) for key in (one, other)]
            person = before[0] or before[1] or new_id("p")
            for key, former in zip((one, other), before, strict=True):
                await connection.execute(MAKE, *_plain(key), to_micros(at))
                await connection.execute(BE, person, *_plain(key))
                if former is not None:
                    await connection.execute(BECOME, person, former)

    async def unlink(self, key: ContactKey) -> None:
        """Say that a contact is none of the person's that it was linked with."""
        async with self._database.transaction() as connection:
            await connection.execute(ONE_AT_A_TIME)
            row = await connection.fetchrow(KNOWN, *_plain(key))
            if row is not None and row[5] is not None:
                await connection.execute(BE, None, *_plain(key))
                await connection.execute(LEFT_ALONE, row[5])


async def sweep(connection: Any, now: datetime) -> int:
    """Forget some of those whom nobody has looked up or linked for long, and who have no conversation any more."""
    return len(await connection.fetch(FORGET, to_micros(now - RETENTION), BATCH))


async def _person(connection: Any, key: ContactKey) -> str | None:
    row = await connection.fetchrow(KNOWN, *_plain(key))
    if row is None:
        raise NoSuchContact(f"Nobody called {key.id!r} has written over the channel {key.channel!r}.")
    return contact_rows.contact(row).person_id


def _plain(key: ContactKey) -> tuple[str, str]:
    return rows.plain(key.channel), rows.plain(key.id)
