"""Pictures and files on SQLite."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

import apsw

from ai_worker.conversation.message import Attachment, PartKind
from ai_worker.foundation.clock import to_micros
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.files import UNSAID_KEPT, KeptFile, NoSuchFile, Wanted
from ai_worker.pipeline.store import RETENTION
from ai_worker.storage import codec, filing
from ai_worker.storage.sqlite.database import SqliteDatabase

BATCH = 50
"""Most files that one sweep forgets, of 20 MB at most each: their pages are freed, not written."""

WANT = """
INSERT INTO file (id, said_in, part, channel, key, conversation_id, kind, state, due_at, name, media_type, size, sha256,
    at)
VALUES (:id, :said_in, :part, :channel, :key, :conversation_id, :kind, 'waiting', 0, :name, '', 0, '', :at)
ON CONFLICT (id) DO NOTHING
"""

# Only what this very conversation brought, and nobody has said yet.
SAY = """
UPDATE file SET said_in = :said_in, part = :part, conversation_id = :conversation_id
WHERE id = :id AND said_in = '' AND channel = :channel AND key = :key
"""

BELONG = "UPDATE file SET said_in = ?, part = ? WHERE id = ? AND said_in = '' AND conversation_id = ?"

PUT = """
INSERT INTO file (id, said_in, part, channel, key, conversation_id, kind, state, due_at, name, media_type, size, sha256,
    at)
VALUES (:id, '', 0, :channel, :key, :conversation_id, :kind, 'loading', 0, :name, :media_type, :size, :sha256, :at)
"""

PIECE = """
INSERT INTO file_piece (file_id, n, content) VALUES (?, ?, ?)
ON CONFLICT (file_id, n) DO UPDATE SET content = excluded.content
"""

LOADED = "UPDATE file SET state = 'kept' WHERE id = ? AND state = 'loading'"
STAYS = "SELECT 1 FROM file WHERE id = ? AND state = 'waiting'"
KEEP = """
UPDATE file SET state = 'kept', error = '', name = :name, media_type = :media_type, size = :size, sha256 = :sha256
WHERE id = :id AND state = 'waiting'
"""

FIND = f"SELECT {filing.COLUMNS} FROM file WHERE id = ? AND state <> 'loading'"  # noqa: S608
SAID_IN = f"""
SELECT {filing.COLUMNS} FROM file WHERE said_in IN (SELECT value FROM json_each(?)) AND state <> 'loading'
ORDER BY said_in, part
"""  # noqa: S608
READ = """
SELECT content FROM file_piece JOIN file ON id = file_id WHERE file_id = ? AND state = 'kept' ORDER BY n
"""

TAKE = """
UPDATE file SET attempts = attempts + 1, due_at = ? WHERE id IN (
    SELECT id FROM file WHERE state = 'waiting' AND due_at <= ? ORDER BY due_at, at LIMIT ?)
RETURNING id, part, conversation_id, attempts, at, (SELECT body FROM inbound WHERE turn_id = said_in)
"""

DUE = "SELECT EXISTS (SELECT 1 FROM file WHERE state = 'waiting' AND due_at <= ?)"
POSTPONE = "UPDATE file SET due_at = ?, error = ? WHERE id = ? AND state = 'waiting'"
FREE = "UPDATE file SET due_at = 0 WHERE state = 'waiting'"
FAIL = "UPDATE file SET state = 'failed', error = ? WHERE id = ? AND state = 'waiting'"
GONE = "its message is not kept whole any more"

FORGET_PIECES = "DELETE FROM file_piece WHERE file_id = ?"
FORGET = "DELETE FROM file WHERE id = ?"
UNSAID = "SELECT id FROM file WHERE id = ? AND said_in = ''"

# What nobody has said in time, and what is older than anything that may still show it.
OLD = """
SELECT id FROM file WHERE at < ? AND said_in = '' UNION ALL
SELECT id FROM file WHERE at < ? AND said_in <> ''
    AND NOT EXISTS (SELECT 1 FROM inbound WHERE turn_id = said_in)
    AND NOT EXISTS (SELECT 1 FROM outbound WHERE outbound.id = said_in)
LIMIT ?
"""


class SqliteFileStore:
    """Keeps files with their content; see `FileStore`."""

    def __init__(self, database: SqliteDatabase) -> None:
        self._database = database

    async def put(
        self,
        attachment: Attachment,
        content: bytes,
        *,
        kind: PartKind,
        channel: str,
        key: str = "",
        conversation_id: int = 0,
        at: datetime,
    ) -> None:
        """Keep a file that is about to be said in a conversation."""
        row = filing.put(attachment, kind=kind, channel=channel, key=key, conversation_id=conversation_id, at=at)
        await self._run(PUT, row)
        await self._load(attachment.id, content)
        await self._run(LOADED, (attachment.id,))

    async def drop(self, file_id: str) -> None:
        """Forget a file that nobody has said."""

        def work(connection: apsw.Connection) -> None:
            _forget(connection, connection.execute(UNSAID, (file_id,)).fetchall())

        await self._database.write(work)

    async def find(self, file_id: str) -> KeptFile | None:
        """Return what is known of a file; `None` if there is none."""
        found = await self._all(FIND, (file_id,))
        return found[0] if found else None

    async def said_in(self, ids: Collection[str]) -> list[KeptFile]:
        """Return the files of turns and replies, in the order in which each has them."""
        return await self._all(SAID_IN, (codec.encode(sorted(ids)),)) if ids else []

    async def read(self, file_id: str) -> bytes:
        """Return a file's content."""

        def work(connection: apsw.Connection) -> bytes:
            return b"".join(piece for (piece,) in connection.execute(READ, (file_id,)))

        content = await self._database.read(work)
        if not content:
            raise NoSuchFile(f"There is no file {file_id}")
        return content

    async def claim(self, *, limit: int, lease: timedelta, now: datetime) -> list[Wanted]:
        """Take files that are to be fetched now."""
        asked = (to_micros(now + lease), to_micros(now), limit)

        def due(connection: apsw.Connection) -> bool:
            return bool(next(connection.execute(DUE, asked[1:2]))[0])

        def work(connection: apsw.Connection) -> list[Wanted]:
            taken = []
            for row in connection.execute(TAKE, asked).fetchall():
                found = filing.claimed(row)
                if found is None:
                    connection.execute(FAIL, (GONE, row[0]))
                else:
                    taken.append(found)
            return filing.in_order(taken)

        return await self._database.write(work) if await self._database.read(due) else []

    async def keep(self, file_id: str, attachment: Attachment, content: bytes) -> bool:
        """Keep what was fetched."""
        if not await self._database.read(lambda connection: bool(connection.execute(STAYS, (file_id,)).fetchone())):
            return False
        await self._load(file_id, content)
        row = {"id": file_id, **filing.known(attachment)}

        def work(connection: apsw.Connection) -> bool:
            connection.execute(KEEP, row)
            return bool(connection.changes())

        return await self._database.write(work)

    async def postpone(self, file_id: str, *, until: datetime, error: str) -> None:
        """Let a file be fetched again at `until`."""
        await self._run(POSTPONE, (to_micros(until), shorten(error, filing.ERROR), file_id))

    async def fail(self, file_id: str, *, error: str) -> None:
        """Record that a file is not to be had."""
        await self._run(FAIL, (shorten(error, filing.ERROR), file_id))

    async def _load(self, file_id: str, content: bytes) -> None:
        """Write the content, each piece in a transaction of its own, so that accepts find their place between."""
        for number, piece in filing.pieces(content):
            await self._run(PIECE, (file_id, number, piece))

    async def _run(self, statement: str, given: Any) -> None:
        def work(connection: apsw.Connection) -> None:
            connection.execute(statement, given)

        await self._database.write(work)

    async def _all(self, statement: str, given: Any) -> list[KeptFile]:
        return await self._database.read(
            lambda connection: [filing.kept(row) for row in connection.execute(statement, given)]
        )


def free(connection: apsw.Connection) -> None:
    """Let everything that is to be fetched be due at once."""
    connection.execute(FREE)


def accept(connection: apsw.Connection, files: Sequence[Any], conversation_id: int) -> None:
    """Write down what has to be fetched for a message, and let it have what was uploaded for it."""
    for file in files:
        connection.execute(SAY if file["fetched"] else WANT, {**file, "conversation_id": conversation_id})


def belong(connection: apsw.Connection, attachments: Sequence[Attachment], said_in: str, conversation_id: int) -> None:
    """Let files belong to a reply.

    Raises:
        NoSuchFile: One of them is not there, or is another's.
    """
    for part, attachment in enumerate(attachments):
        connection.execute(BELONG, (said_in, part, attachment.id, conversation_id))
        if not connection.changes():
            raise NoSuchFile(f"There is no file {attachment.id} to send")


def sweep(connection: apsw.Connection, now: datetime) -> int:
    """Forget some of the files that belong to nothing any more; return how many went."""
    asked = (to_micros(now - UNSAID_KEPT), to_micros(now - RETENTION), BATCH)
    old = connection.execute(OLD, asked).fetchall()
    _forget(connection, old)
    return len(old)


def _forget(connection: apsw.Connection, files: Sequence[Any]) -> None:
    for file in files:
        connection.execute(FORGET_PIECES, file)
        connection.execute(FORGET, file)
