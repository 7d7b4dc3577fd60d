"""Conversations on PostgreSQL: lists, and who answers them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ai_worker.conversation.contacts import ContactKey
from ai_worker.conversation.conversation import Conversation, State
from ai_worker.conversation.message import Reply
from ai_worker.conversation.store import AlreadyTaken, NoSuchConversation, ThreadItem, TurnRecord, show_reply
from ai_worker.foundation.clock import to_micros
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.store import Heard
from ai_worker.storage import conversation_rows, outbound_rows, rows
from ai_worker.storage.postgres import files, outbox, thread
from ai_worker.storage.postgres.database import PostgresDatabase

COLUMNS = """
SELECT id, channel, key, contact_id, coalesce((
        SELECT name FROM contact WHERE contact.channel = conversation.channel AND contact.id = conversation.contact_id
    ), contact_name), worker, state, handoff_reason, waiting_since,
    opened_at, last_at, last_text, unread, person,
    (SELECT department FROM contact
        WHERE contact.channel = conversation.channel AND contact.id = conversation.contact_id),
    grouped, group_name, first_in_queue
FROM conversation
"""

BY_ID = f"{COLUMNS} WHERE id = $1"
BY_KEY = f"{COLUMNS} WHERE channel = $1 AND key = $2"
ASKING = f"{COLUMNS} WHERE state = 'waiting' AND NOT standalone ORDER BY first_in_queue DESC, waiting_since LIMIT $1"
NEWEST = f"{COLUMNS} WHERE state = $1 AND NOT standalone ORDER BY last_at DESC LIMIT $2"
OF_CONTACT = f"""
{COLUMNS} WHERE channel = $1 AND contact_id = $2 AND NOT standalone AND NOT grouped ORDER BY last_at DESC LIMIT $3
"""

COUNTS = "SELECT state, count(*) FROM conversation WHERE NOT standalone GROUP BY state"

# Two who take over at once are told apart before either is counted.
LOCK = "SELECT FROM conversation WHERE id = $1 FOR NO KEY UPDATE"

# What is told to others who wait rests on how long this one has.
WAITED = """
INSERT INTO handoff_wait (asked_at, taken_at)
SELECT waiting_since, $1 FROM conversation WHERE id = $2 AND state = 'waiting' AND waiting_since IS NOT NULL
"""

NOBODY_SITS = "UPDATE seat SET conversation_id = NULL WHERE conversation_id = $1"

TAKE_OVER = """
UPDATE conversation SET state = 'human', person = $1, waiting_since = NULL, first_in_queue = false, last_at = $2
WHERE id = $3 AND state <> 'human' RETURNING id
"""

HAND_BACK = """
UPDATE conversation SET state = 'worker', person = '', handoff_reason = '', pending_question = NULL, unread = 0,
    last_at = $1
WHERE id = $2 AND state = 'human' AND person = $3 RETURNING id
"""

NOTE = "INSERT INTO notice (conversation_id, at, kind, person) VALUES ($1, $2, $3, $4)"

SAID = """
UPDATE conversation SET last_at = $1, last_text = $2, unread = 0
WHERE id = $3 AND state = 'human' AND person = $4
RETURNING channel, address
"""


class PostgresConversationStore:
    """Reads conversations, and changes who answers them; see `ConversationStore`.

    Notices in a thread carry a code for their text (`handed_over`, `taken_over`, `handed_back`): the
    words are the reader's language's business. A hand-over's reason is in the notice's `result`.
    """

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def conversations(self, *, states: Sequence[State] = (), limit: int = 50) -> list[Conversation]:
        """Return conversations: those waiting for a person first, longest wait first, then newest first."""
        wanted = frozenset(states or State)
        asking = await self._database.fetch(ASKING, limit) if State.WAITING in wanted else []
        others = [
            row
            for state in wanted - {State.WAITING}
            for row in await self._database.fetch(NEWEST, state.value, limit - len(asking))
        ]
        others.sort(key=_last_at, reverse=True)
        return [conversation_rows.conversation(row) for row in [*asking, *others][:limit]]

    async def counts(self) -> dict[State, int]:
        """Return how many conversations are in each state, standalone questions left out."""
        found: dict[str, int] = dict(await self._database.fetch(COUNTS))
        return {state: found.get(state, 0) for state in State}

    async def conversation(self, conversation_id: int) -> Conversation:
        """Return one conversation."""
        return _one(await self._database.first(BY_ID, conversation_id), conversation_id)

    async def find(self, channel: str, key: str) -> Conversation | None:
        """Return the conversation of a channel with this key; `None` if there never was one."""
        row = await self._database.first(BY_KEY, rows.plain(channel), rows.plain(key))
        return None if row is None else conversation_rows.conversation(row)

    async def of_contact(self, key: ContactKey, *, limit: int = 5) -> list[Conversation]:
        """Return the private conversations with a contact, the latest first."""
        found = await self._database.fetch(OF_CONTACT, rows.plain(key.channel), rows.plain(key.id), limit)
        return [conversation_rows.conversation(row) for row in found]

    async def thread(self, conversation_id: int, *, limit: int = 200) -> list[ThreadItem]:
        """Return the latest `limit` lines of a conversation, oldest first."""
        return await thread.lines(self._database, conversation_id, limit)

    async def take_over(self, conversation_id: int, person: str, at: datetime) -> Conversation:
        """Let `person` answer from now on; nothing changes if that person answers already."""
        async with self._database.transaction() as connection:
            return await take_over(connection, conversation_id, person, to_micros(at))

    async def hand_back(self, conversation_id: int, person: str, at: datetime) -> Conversation:
        """Let the worker answer from now on."""
        async with self._database.transaction() as connection:
            if not await hand_back(connection, conversation_id, person, to_micros(at)):
                raise conversation_rows.not_theirs(await one(connection, conversation_id), person)
            return await one(connection, conversation_id)

    async def say(self, conversation_id: int, person: str, reply: Reply, at: datetime) -> str:
        """Make a person's reply durable and due for delivery; return its outbound id."""
        line = rows.plain(shorten(show_reply(reply), rows.LINE))
        async with self._database.transaction() as connection:
            lane = await connection.fetchrow(SAID, to_micros(at), line, conversation_id, person)
            if lane is None:
                raise conversation_rows.not_theirs(await one(connection, conversation_id), person)
            row = outbound_rows.said(conversation_id, lane, person, reply, at)
            await outbox.insert(self._database, connection, [{**row, "owner": None}])
            await files.belong(connection, reply.attachments, str(row["id"]), conversation_id)
        self._database.bell.ring(Heard("outbound", conversation_id))
        self._database.bell.ring(Heard("turn", conversation_id))
        return str(row["id"])

    async def turn(self, turn_id: str) -> TurnRecord | None:
        """Return a turn; `None` if there is none with this id."""
        return await thread.turn(self._database, rows.plain(turn_id))


async def take_over(connection: Any, conversation_id: int, person: str, moment: int) -> Conversation:
    """Let `person` answer, and note how long the contact has waited.

    Raises:
        AlreadyTaken: Another person answers it.
        NoSuchConversation: There is none with this number.
    """
    await connection.execute(LOCK, conversation_id)
    await connection.execute(WAITED, moment, conversation_id)
    if await connection.fetchval(TAKE_OVER, person, moment, conversation_id):
        await connection.execute(NOBODY_SITS, conversation_id)
        await connection.execute(NOTE, conversation_id, moment, "taken_over", person)
    found = await one(connection, conversation_id)
    if found.person != person:
        raise AlreadyTaken(f"{found.person} answers {found.label}.")
    return found


async def hand_back(connection: Any, conversation_id: int, person: str, moment: int) -> bool:
    """Let the worker answer; return False if `person` does not answer."""
    if not await connection.fetchval(HAND_BACK, moment, conversation_id, person):
        return False
    await connection.execute(NOBODY_SITS, conversation_id)
    await connection.execute(NOTE, conversation_id, moment, "handed_back", person)
    return True


async def one(connection: Any, conversation_id: int) -> Conversation:
    """Return one conversation.

    Raises:
        NoSuchConversation: There is none with this number.
    """
    return _one(await connection.fetchrow(BY_ID, conversation_id), conversation_id)


def _one(row: Any, conversation_id: int) -> Conversation:
    if row is None:
        raise NoSuchConversation(f"There is no conversation c-{conversation_id}.")
    return conversation_rows.conversation(row)


def _last_at(row: Any) -> tuple[int, int]:
    return row[10], row[0]
