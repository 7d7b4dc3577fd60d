"""API keys, one-time console links and what nodes agree on by, on SQLite."""

from datetime import datetime
from typing import Any

import apsw

from ai_worker.foundation.clock import Clock, from_micros, to_micros
from ai_worker.keys.store import PepperRequest, StoredKey
from ai_worker.storage import codec
from ai_worker.storage.sqlite.database import SqliteDatabase

PUT = """
INSERT INTO api_key (id, name, verifier, scopes, networks, created_at, expires_at, revoked_at,
    last_used_at, last_used_from)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, verifier = excluded.verifier, scopes = excluded.scopes, networks = excluded.networks,
    created_at = excluded.created_at, expires_at = excluded.expires_at, revoked_at = excluded.revoked_at,
    last_used_at = excluded.last_used_at, last_used_from = excluded.last_used_from
"""

COLUMNS = """
SELECT id, name, verifier, scopes, networks, created_at, expires_at, revoked_at, last_used_at, last_used_from
FROM api_key
"""

BY_ID = f"{COLUMNS} WHERE id = ?"
NEWEST_FIRST = f"{COLUMNS} ORDER BY created_at DESC, id"

USED = "UPDATE api_key SET last_used_at = ?, last_used_from = ? WHERE id = ?"

PUT_LINK = "INSERT INTO console_link (digest, expires_at) VALUES (?, ?) ON CONFLICT (digest) DO NOTHING"
TAKE_LINK = "DELETE FROM console_link WHERE digest = ? RETURNING expires_at"
FORGET_LINKS = "DELETE FROM console_link WHERE expires_at <= ?"

AGREED = "SELECT value FROM installation WHERE name = 'pepper'"
AGREE = "INSERT INTO installation (name, value) VALUES ('pepper', ?) ON CONFLICT (name) DO NOTHING"
ASK = "INSERT INTO pepper_request (id, public_key, asked_at) VALUES (?, ?, ?)"
FORGET_ASKED = "DELETE FROM pepper_request WHERE asked_at < ?"
ASKED = "SELECT id, public_key, asked_at FROM pepper_request WHERE answer IS NULL AND asked_at >= ? ORDER BY asked_at"
ANSWER = "UPDATE pepper_request SET answer = ? WHERE id = ? AND answer IS NULL"
TAKE_ANSWER = "DELETE FROM pepper_request WHERE id = ? AND answer IS NOT NULL RETURNING answer"


class SqliteKeyStore:
    """Keeps API keys and the console's one-time links, and what nodes agree by; see `KeyStore` and `JoiningStore`."""

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def put(self, key: StoredKey) -> None:
        """Add a key, or replace the one with the same id."""
        row = (
            key.id,
            key.name,
            key.verifier,
            codec.encode(key.scopes),
            codec.encode(key.networks),
            to_micros(key.created_at),
            to_micros(key.expires_at),
            None if key.revoked_at is None else to_micros(key.revoked_at),
            None if key.last_used_at is None else to_micros(key.last_used_at),
            key.last_used_from,
        )
        await self._database.write(lambda connection: _run(connection, PUT, row))

    async def by_id(self, key_id: str) -> StoredKey | None:
        """Return a key; `None` if there is none with this id."""

        def work(connection: apsw.Connection) -> StoredKey | None:
            row = connection.execute(BY_ID, (key_id,)).fetchone()
            return None if row is None else _key(row)

        return await self._database.read(work)

    async def keys(self) -> list[StoredKey]:
        """Return all keys, newest first."""
        return await self._database.read(lambda connection: [_key(row) for row in connection.execute(NEWEST_FIRST)])

    async def used(self, key_id: str, at: datetime, address: str) -> None:
        """Record a use. Callers thin these out: at most one a key and minute."""
        row = (to_micros(at), address, key_id)
        await self._database.write(lambda connection: _run(connection, USED, row))

    async def put_link(self, digest: bytes, expires_at: datetime) -> None:
        """Remember a one-time console link by the SHA-256 of its token, and forget those that ran out."""
        now = to_micros(self._clock.now())

        def work(connection: apsw.Connection) -> None:
            connection.execute(FORGET_LINKS, (now,))
            connection.execute(PUT_LINK, (digest, to_micros(expires_at)))

        await self._database.write(work)

    async def take_link(self, digest: bytes, now: datetime) -> bool:
        """Use a link up; return whether it was there, unused and in time. Only one caller ever gets true."""

        def work(connection: apsw.Connection) -> bool:
            row = connection.execute(TAKE_LINK, (digest,)).fetchone()
            return row is not None and row[0] > to_micros(now)

        return await self._database.write(work)

    async def agreed(self) -> bytes | None:
        """Return the check of the installation's pepper; `None` before the first node has said one."""
        return await self._database.read(_agreed)

    async def agree(self, check: bytes) -> bytes:
        """Keep the check of a pepper as the installation's unless there is one; return the one that counts."""

        def work(connection: apsw.Connection) -> bytes:
            connection.execute(AGREE, (check,))
            return _agreed(connection) or check

        return await self._database.write(work)

    async def ask(self, request: PepperRequest, *, forget_before: datetime) -> None:
        """Keep a request, and forget those that were made before a time."""

        def work(connection: apsw.Connection) -> None:
            connection.execute(FORGET_ASKED, (to_micros(forget_before),))
            connection.execute(ASK, (request.id, request.public_key, to_micros(request.asked_at)))

        await self._database.write(work)

    async def asked(self, *, since: datetime) -> list[PepperRequest]:
        """Return the requests since a time that nobody has answered, oldest first."""

        def work(connection: apsw.Connection) -> list[PepperRequest]:
            found = connection.execute(ASKED, (to_micros(since),))
            return [PepperRequest(id_, bytes(key), from_micros(at)) for id_, key, at in found]

        return await self._database.read(work)

    async def answer(self, request_id: str, sealed: bytes) -> None:
        """Answer a request, unless it is gone or somebody else was faster."""
        await self._database.write(lambda connection: _run(connection, ANSWER, (sealed, request_id)))

    async def take_answer(self, request_id: str) -> bytes | None:
        """Return the answer to a request and forget both; `None` while there is none."""

        def work(connection: apsw.Connection) -> bytes | None:
            row = connection.execute(TAKE_ANSWER, (request_id,)).fetchone()
            return None if row is None else bytes(row[0])

        return await self._database.write(work)


def _agreed(connection: apsw.Connection) -> bytes | None:
    row = connection.execute(AGREED).fetchone()
    return None if row is None else bytes(row[0])


def _run(connection: apsw.Connection, statement: str, row: tuple[Any, ...]) -> None:
    connection.execute(statement, row)


def _key(row: Any) -> StoredKey:
    key_id, name, verifier, scopes, networks, created_at, expires_at, revoked_at, used_at, used_from = row
    return StoredKey(
        id=key_id,
        name=name,
        verifier=bytes(verifier),
        scopes=codec.strings(scopes),
        networks=codec.strings(networks),
        created_at=from_micros(created_at),
        expires_at=from_micros(expires_at),
        revoked_at=None if revoked_at is None else from_micros(revoked_at),
        last_used_at=None if used_at is None else from_micros(used_at),
        last_used_from=used_from,
    )
