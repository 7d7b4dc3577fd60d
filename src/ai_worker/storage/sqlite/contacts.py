"""Who contacts are, on SQLite."""

from datetime import datetime
from typing import Any

import apsw

from ai_worker.conversation.contacts import ContactKey, KnownContact, NoSuchContact, SameContact
from ai_worker.conversation.message import Contact
from ai_worker.foundation.clock import to_micros
from ai_worker.foundation.ids import new_id
from ai_worker.pipeline.store import RETENTION
from ai_worker.storage import contact_rows, rows
from ai_worker.storage.sqlite.database import SqliteDatabase

BATCH = 200
"""Most contacts that one sweep forgets."""

KNOWN = """
SELECT channel, id, coalesce(name, (
    SELECT contact_name FROM conversation WHERE channel = :channel AND contact_id = :id AND standalone = 0
        AND grouped = 0 LIMIT 1)), department, looked_up_at, person_id
FROM contact WHERE channel = :channel AND id = :id
UNION ALL
SELECT channel, contact_id, contact_name, NULL, NULL, NULL
FROM conversation WHERE channel = :channel AND contact_id = :id AND standalone = 0 AND grouped = 0
    AND NOT EXISTS (SELECT 1 FROM contact WHERE contact.channel = :channel AND contact.id = :id)
LIMIT 1
"""

KEEP = """
INSERT INTO contact (channel, id, name, department, looked_up_at, at)
VALUES (:channel, :id, :name, :department, :at, :at)
ON CONFLICT (channel, id) DO UPDATE SET name = excluded.name, department = excluded.department,
    looked_up_at = excluded.looked_up_at, at = excluded.at
"""

# It reads every private conversation, about 30 ms for a hundred thousand: somebody is looking for somebody.
SEARCH = """
SELECT channel, id, max(name), max(department), max(looked_up_at), max(person_id) FROM (
    SELECT conversation.channel AS channel, contact_id AS id, coalesce(name, contact_name) AS name, department,
        looked_up_at, person_id
    FROM conversation LEFT JOIN contact ON contact.channel = conversation.channel AND contact.id = contact_id
    WHERE standalone = 0 AND grouped = 0
    UNION ALL
    SELECT channel, id, name, department, looked_up_at, person_id FROM contact)
WHERE name LIKE :pattern ESCAPE '\\' OR id LIKE :pattern ESCAPE '\\'
GROUP BY channel, id ORDER BY coalesce(max(name), id), channel, id LIMIT :limit
"""

OTHERS = """
SELECT other.channel, other.id, coalesce(other.name, (
    SELECT contact_name FROM conversation
    WHERE channel = other.channel AND contact_id = other.id AND standalone = 0 AND grouped = 0 LIMIT 1)),
    other.department, other.looked_up_at, other.person_id
FROM contact AS one JOIN contact AS other ON other.person_id = one.person_id
WHERE one.channel = :channel AND one.id = :id AND NOT (other.channel = :channel AND other.id = :id)
ORDER BY other.channel, other.id
"""

MAKE = """
INSERT INTO contact (channel, id, at) VALUES (?, ?, ?) ON CONFLICT (channel, id) DO UPDATE SET at = max(at, excluded.at)
"""
BE = "UPDATE contact SET person_id = ? WHERE channel = ? AND id = ?"
BECOME = "UPDATE contact SET person_id = ? WHERE person_id = ?"
LEFT_ALONE = """
UPDATE contact SET person_id = NULL
WHERE person_id = :person AND (SELECT count(*) FROM contact WHERE person_id = :person) = 1
"""

FORGET = """
DELETE FROM contact WHERE (channel, id) IN (
    SELECT channel, id FROM contact WHERE at < ? AND NOT EXISTS (
        SELECT 1 FROM conversation WHERE conversation.channel = contact.channel AND contact_id = contact.id
            AND standalone = 0 AND grouped = 0)
    ORDER BY at LIMIT ?)
"""


class SqliteContactStore:
    """Keeps who contacts are; see `ContactStore`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def known(self, key: ContactKey) -> KnownContact | None:
        """Return a contact that was looked up or linked, or has a private conversation; else `None`."""
        return await self._database.read(lambda connection: _known(connection, key))

    async def keep(self, channel: str, contact: Contact, *, at: datetime) -> None:
        """Keep what the directory says of a contact."""
        name, department = contact_rows.directory(contact)
        row = {"channel": channel, "id": contact.id, "name": name, "department": department, "at": to_micros(at)}
        await self._database.write(lambda connection: _run(connection, KEEP, row))

    async def search(self, words: str, *, limit: int = 10) -> list[KnownContact]:
        """Return known contacts in whose name or id `words` stand."""
        asked = {"pattern": rows.pattern(words), "limit": limit}
        return await self._database.read(lambda connection: _all(connection, SEARCH, asked))

    async def others(self, key: ContactKey) -> list[KnownContact]:
        """Return the other contacts of the same person."""
        return await self._database.read(lambda connection: _all(connection, OTHERS, _named(key)))

    async def link(self, one: ContactKey, other: ContactKey, *, at: datetime) -> None:
        """Say that two contacts are one person."""
        if one == other:
            raise SameContact(f"{one.id!r} cannot be linked with itself.")
        moment = to_micros(at)

        def work(connection: apsw.Connection) -> None:
            before = [_expected(connection, key).person_id for key in (one, other)]
            person = before[0] or before[1] or new_id("p")
            for key, former in zip((one, other), before, strict=True):
                connection.execute(MAKE, (key.channel, key.id, moment))
                connection.execute(BE, (person, key.channel, key.id))
                if former is not None:
                    connection.execute(BECOME, (person, former))

        await self._database.write(work)

    async def unlink(self, key: ContactKey) -> None:
        """Say that a contact is none of the person's that it was linked with."""

        def work(connection: apsw.Connection) -> None:
            found = _known(connection, key)
            if found is not None and found.person_id is not None:
                connection.execute(BE, (None, key.channel, key.id))
                connection.execute(LEFT_ALONE, {"person": found.person_id})

        await self._database.write(work)


def sweep(connection: apsw.Connection, now: datetime) -> int:
    """Forget some of those whom nobody has looked up or linked for long, and who have no conversation any more."""
    connection.execute(FORGET, (to_micros(now - RETENTION), BATCH))
    return connection.changes()


def _known(connection: apsw.Connection, key: ContactKey) -> KnownContact | None:
    row = connection.execute(KNOWN, _named(key)).fetchone()
    return None if row is None else contact_rows.contact(row)


def _expected(connection: apsw.Connection, key: ContactKey) -> KnownContact:
    found = _known(connection, key)
    if found is None:
        raise NoSuchContact(f"Nobody called {key.id!r} has written over the channel {key.channel!r}.")
    return found


def _all(connection: apsw.Connection, statement: str, asked: dict[str, Any]) -> list[KnownContact]:
    return [contact_rows.contact(row) for row in connection.execute(statement, asked)]


def _run(connection: apsw.Connection, statement: str, row: dict[str, Any]) -> None:
    connection.execute(statement, row)


def _named(key: ContactKey) -> dict[str, Any]:
    return {"channel": key.channel, "id": key.id}
