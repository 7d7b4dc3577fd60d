"""Pictures and files on PostgreSQL. When a file is due is decided by the database's clock."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from ai_worker.conversation.message import Attachment, PartKind
from ai_worker.foundation.clock import to_micros
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.files import UNSAID_KEPT, KeptFile, NoSuchFile, Wanted
from ai_worker.pipeline.store import RETENTION, Heard
from ai_worker.storage import filing, rows
from ai_worker.storage.postgres.database import MOMENT, PostgresDatabase

BATCH = 50
"""Most files that one sweep forgets."""

WANT = """
INSERT INTO file (id, said_in, part, channel, key, conversation_id, kind, state, due_at, name, media_type, size, sha256,
    at)
VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting', 0, $8, '', 0, '', $9)
ON CONFLICT (id) DO NOTHING
"""

# Only what this very conversation brought, and nobody has said yet.
SAY = """
UPDATE file SET said_in = $2, part = $3, conversation_id = $6
WHERE id = $1 AND said_in = '' AND channel = $4 AND key = $5
"""

BELONG = """
UPDATE file SET said_in = $1, part = $2 WHERE id = $3 AND said_in = '' AND conversation_id = $4 RETURNING id
"""

PUT = """
INSERT INTO file (id, said_in, part, channel, key, conversation_id, kind, state, due_at, name, media_type, size, sha256,
    at)
VALUES ($1, '', 0, $2, $3, $4, $5, 'loading', 0, $6, $7, $8, $9, $10)
"""

PIECE = """
INSERT INTO file_piece (file_id, n, content) VALUES ($1, $2, $3)
ON CONFLICT (file_id, n) DO UPDATE SET content = excluded.content
"""

LOADED = "UPDATE file SET state = 'kept' WHERE id = $1 AND state = 'loading'"
STAYS = "SELECT 1 FROM file WHERE id = $1 AND state = 'waiting'"
KEEP = """
UPDATE file SET state = 'kept', error = '', name = $2, media_type = $3, size = $4, sha256 = $5
WHERE id = $1 AND state = 'waiting' RETURNING conversation_id
"""

FIND = f"SELECT {filing.COLUMNS} FROM file WHERE id = $1 AND state <> 'loading'"
SAID_IN = f"""
SELECT {filing.COLUMNS} FROM file WHERE said_in = ANY ($1::text[]) AND state <> 'loading' ORDER BY said_in, part
"""
READ = "SELECT content FROM file_piece JOIN file ON id = file_id WHERE file_id = $1 AND state = 'kept' ORDER BY n"

TAKE = f"""
UPDATE file SET attempts = attempts + 1, due_at = {MOMENT} + $2 WHERE id IN (
    SELECT id FROM file WHERE state = 'waiting' AND due_at <= {MOMENT} ORDER BY due_at, at LIMIT $3
    FOR UPDATE SKIP LOCKED)
RETURNING id, part, conversation_id, attempts, at, (SELECT body FROM inbound WHERE turn_id = said_in)
"""

POSTPONE = f"UPDATE file SET due_at = {MOMENT} + $2, error = $3 WHERE id = $4 AND state = 'waiting'"
FAIL = "UPDATE file SET state = 'failed', error = $1 WHERE id = $2 AND state = 'waiting' RETURNING conversation_id"
GONE = "its message is not kept whole any more"

UNSAID = "SELECT id FROM file WHERE id = $1 AND said_in = '' FOR UPDATE"
FORGET_PIECES = "DELETE FROM file_piece WHERE file_id = ANY ($1::text[])"
FORGET = "DELETE FROM file WHERE id = ANY ($1::text[])"

# What nobody has said in time, and what is older than anything that may still show it.
OLD = """
SELECT id FROM file
WHERE (at < $1 AND said_in = '') OR (at < $2 AND said_in <> ''
    AND NOT EXISTS (SELECT FROM inbound WHERE turn_id = said_in)
    AND NOT EXISTS (SELECT FROM outbound WHERE outbound.id = said_in))
LIMIT $3 FOR UPDATE SKIP LOCKED
"""


class PostgresFileStore:
    """Keeps files with their content; see `FileStore`."""

    def __init__(self, database: PostgresDatabase) -> None:
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
        names = ("id", "channel", "key", "conversation_id", "kind", "name", "media_type", "size", "sha256", "at")
        plain = rows.without_nul(row)
        await self._database.fetch(PUT, *(plain[name] for name in names))
        await self._load(attachment.id, content)
        await self._database.fetch(LOADED, attachment.id)

    async def drop(self, file_id: str) -> None:
        """Forget a file that nobody has said."""
        async with self._database.transaction() as connection:
            await _forget(connection, await connection.fetch(UNSAID, rows.plain(file_id)))

    async def find(self, file_id: str) -> KeptFile | None:
        """Return what is known of a file; `None` if there is none."""
        row = await self._database.first(FIND, rows.plain(file_id))
        return None if row is None else filing.kept(row)

    async def said_in(self, ids: Collection[str]) -> list[KeptFile]:
        """Return the files of turns and replies, in the order in which each has them."""
        if not ids:
            return []
        return [filing.kept(row) for row in await self._database.fetch(SAID_IN, [rows.plain(id) for id in ids])]

    async def read(self, file_id: str) -> bytes:
        """Return a file's content."""
        content = b"".join(row[0] for row in await self._database.fetch(READ, rows.plain(file_id)))
        if not content:
            raise NoSuchFile(f"There is no file {file_id}")
        return content

    async def claim(self, *, limit: int, lease: timedelta, now: datetime) -> list[Wanted]:
        """Take files that are to be fetched now."""
        taken = []
        micros = lease // timedelta(microseconds=1)
        for row in await self._database.fetch(TAKE, self._database.moment, micros, limit):
            found = filing.claimed(row)
            if found is None:
                await self.fail(row[0], error=GONE)
            else:
                taken.append(found)
        return filing.in_order(taken)

    async def keep(self, file_id: str, attachment: Attachment, content: bytes) -> bool:
        """Keep what was fetched."""
        if await self._database.first(STAYS, file_id) is None:
            return False
        await self._load(file_id, content)
        known = rows.without_nul(filing.known(attachment))
        kept = await self._database.first(
            KEEP, file_id, known["name"], known["media_type"], known["size"], known["sha256"]
        )
        self._ring(kept)
        return kept is not None

    async def postpone(self, file_id: str, *, until: datetime, error: str) -> None:
        """Let a file be fetched again at `until`."""
        told = rows.plain(shorten(error, filing.ERROR))
        await self._database.fetch(POSTPONE, self._database.moment, self._database.until(until), told, file_id)

    async def fail(self, file_id: str, *, error: str) -> None:
        """Record that a file is not to be had."""
        self._ring(await self._database.first(FAIL, rows.plain(shorten(error, filing.ERROR)), file_id))

    async def _load(self, file_id: str, content: bytes) -> None:
        for number, piece in filing.pieces(content):
            await self._database.fetch(PIECE, file_id, number, piece)

    def _ring(self, changed: Any) -> None:
        if changed is not None:
            self._database.bell.ring(Heard("turn", changed[0]))


async def accept(connection: Any, files: Sequence[Mapping[str, Any]]) -> None:
    """Write down what has to be fetched for messages, and let them have what was uploaded for them."""
    for file in files:
        place = [file[name] for name in ("id", "said_in", "part", "channel", "key", "conversation_id")]
        plain = [rows.plain(value) if isinstance(value, str) else value for value in place]
        if file["fetched"]:
            await connection.execute(SAY, *plain)
        else:
            await connection.execute(WANT, *plain, file["kind"], rows.plain(file["name"]), file["at"])


async def belong(connection: Any, attachments: Sequence[Attachment], said_in: str, conversation_id: int) -> None:
    """Let files belong to a reply.

    Raises:
        NoSuchFile: One of them is not there, or is another's.
    """
    for part, attachment in enumerate(attachments):
        if await connection.fetchval(BELONG, said_in, part, attachment.id, conversation_id) is None:
            raise NoSuchFile(f"There is no file {attachment.id} to send")


async def sweep(connection: Any, now: datetime) -> int:
    """Forget some of the files that belong to nothing any more; return how many went."""
    old = await connection.fetch(OLD, to_micros(now - UNSAID_KEPT), to_micros(now - RETENTION), BATCH)
    await _forget(connection, old)
    return len(old)


async def _forget(connection: Any, files: Sequence[Any]) -> None:
    ids = [file[0] for file in files]
    await connection.execute(FORGET_PIECES, ids)
    await connection.execute(FORGET, ids)
