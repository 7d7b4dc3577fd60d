"""Conversations on SQLite: lists, and who answers."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

import apsw

from ai_worker.conversation.contacts import ContactKey
from ai_worker.conversation.conversation import Conversation, State
from ai_worker.conversation.message import Reply
from ai_worker.conversation.store import AlreadyTaken, NoSuchConversation, ThreadItem, TurnRecord, show_reply
from ai_worker.foundation.clock import Clock, to_micros
from ai_worker.foundation.text import shorten
from ai_worker.storage import conversation_rows, outbound_rows, rows
from ai_worker.storage.sqlite import files, outbox, thread
from ai_worker.storage.sqlite.database import SqliteDatabase

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

BY_ID = f"{COLUMNS} WHERE id = ?"
BY_KEY = f"{COLUMNS} WHERE channel = ? AND key = ?"
ASKING = f"{COLUMNS} WHERE state = 'waiting' AND standalone = 0 ORDER BY first_in_queue DESC, waiting_since LIMIT ?"
NEWEST = f"{COLUMNS} WHERE state = ? AND standalone = 0 ORDER BY last_at DESC LIMIT ?"
OF_CONTACT = f"""
{COLUMNS} WHERE channel = ? AND contact_id = ? AND standalone = 0 AND grouped = 0 ORDER BY last_at DESC LIMIT ?
"""

COUNTS = "SELECT state, count(*) FROM conversation WHERE standalone = 0 GROUP BY state"

# What is told to others who wait rests on how long this one has.
WAITED = """
INSERT INTO handoff_wait (asked_at, taken_at)
SELECT waiting_since, ? FROM conversation WHERE id = ? AND state = 'waiting' AND waiting_since IS NOT NULL
"""

NOBODY_SITS = "UPDATE seat SET conversation_id = NULL WHERE conversation_id = ?"

TAKE_OVER = """
UPDATE conversation SET state = 'human', person = ?, waiting_since = NULL, first_in_queue = 0, last_at = ?
WHERE id = ? AND state <> 'human'
"""

HAND_BACK = """
UPDATE conversation SET state = 'worker', person = '', handoff_reason = '', pending_question = NULL, unread = 0,
    last_at = ?
WHERE id = ? AND state = 'human' AND person = ?
"""

NOTE = "INSERT INTO notice (conversation_id, at, kind, person) VALUES (?, ?, ?, ?)"

SAID = """
UPDATE conversation SET last_at = ?, last_text = ?, unread = 0
WHERE id = ? AND state = 'human' AND person = ?
RETURNING channel, address
"""


class SqliteConversationStore:
    """Reads conversations, and changes who answers them; see `ConversationStore`.

    Notices in a thread carry a code for their text (`handed_over`, `taken_over`, `handed_back`): the
    words are the reader's language's business. A hand-over's reason is in the notice's `result`.
    """

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def conversations(self, *, states: Sequence[State] = (), limit: int = 50) -> list[Conversation]:
        """Return conversations: those waiting for a person first, longest wait first, then newest first."""
        return await self._database.read(partial(_listed, states=frozenset(states or State), limit=limit))

    async def counts(self) -> dict[State, int]:
        """Return how many conversations are in each state, standalone questions left out."""
        found: dict[str, int] = await self._database.read(lambda connection: dict(connection.execute(COUNTS)))
        return {state: found.get(state, 0) for state in State}

    async def conversation(self, conversation_id: int) -> Conversation:
        """Return one conversation."""
        return await self._database.read(partial(one, conversation_id=conversation_id))

    async def find(self, channel: str, key: str) -> Conversation | None:
        """Return the conversation of a channel with this key; `None` if there never was one."""

        def work(connection: apsw.Connection) -> Conversation | None:
            row = connection.execute(BY_KEY, (channel, key)).fetchone()
            return None if row is None else conversation_rows.conversation(row)

        return await self._database.read(work)

    async def of_contact(self, key: ContactKey, *, limit: int = 5) -> list[Conversation]:
        """Return the private conversations with a contact, the latest first."""
        asked = (key.channel, key.id, limit)
        return await self._database.read(
            lambda connection: [conversation_rows.conversation(row) for row in connection.execute(OF_CONTACT, asked)]
        )

    async def thread(self, conversation_id: int, *, limit: int = 200) -> list[ThreadItem]:
        """Return the latest `limit` lines of a conversation, oldest first."""
        return await self._database.read(partial(thread.lines, conversation_id=conversation_id, limit=limit))

    async def take_over(self, conversation_id: int, person: str, at: datetime) -> Conversation:
        """Let `person` answer from now on; nothing changes if that person answers already."""

        def work(connection: apsw.Connection) -> Conversation:
            return take_over(connection, conversation_id, person, to_micros(at))

        return await self._database.write(work)

    async def hand_back(self, conversation_id: int, person: str, at: datetime) -> Conversation:
        """Let the worker answer from now on."""

        def work(connection: apsw.Connection) -> Conversation:
            if not hand_back(connection, conversation_id, person, to_micros(at)):
                raise conversation_rows.not_theirs(one(connection, conversation_id), person)
            return one(connection, conversation_id)

        return await self._database.write(work)

    async def say(self, conversation_id: int, person: str, reply: Reply, at: datetime) -> str:
        """Make a person's reply durable and due for delivery; return its outbound id."""
        line, moment = shorten(show_reply(reply), rows.LINE), to_micros(at)

        def work(connection: apsw.Connection) -> str:
            lane = connection.execute(SAID, (moment, line, conversation_id, person)).fetchone()
            if lane is None:
                raise conversation_rows.not_theirs(one(connection, conversation_id), person)
            row = outbound_rows.said(conversation_id, lane, person, reply, at)
            outbox.insert_waiting(connection, row, at)
            files.belong(connection, reply.attachments, row["id"], conversation_id)
            return str(row["id"])

        return await self._database.write(work)

    async def turn(self, turn_id: str) -> TurnRecord | None:
        """Return a turn; `None` if there is none with this id."""
        return await self._database.read(partial(thread.turn, turn_id=turn_id))


def take_over(connection: apsw.Connection, conversation_id: int, person: str, moment: int) -> Conversation:
    """Let `person` answer, and note how long the contact has waited.

    Raises:
        AlreadyTaken: Another person answers it.
        NoSuchConversation: There is none with this number.
    """
    connection.execute(WAITED, (moment, conversation_id))
    connection.execute(TAKE_OVER, (person, moment, conversation_id))
    if connection.changes():
        connection.execute(NOBODY_SITS, (conversation_id,))
        connection.execute(NOTE, (conversation_id, moment, "taken_over", person))
    found = one(connection, conversation_id)
    if found.person != person:
        raise AlreadyTaken(f"{found.person} answers {found.label}.")
    return found


def hand_back(connection: apsw.Connection, conversation_id: int, person: str, moment: int) -> bool:
    """Let the worker answer; return False if `person` does not answer."""
    connection.execute(HAND_BACK, (moment, conversation_id, person))
    if not connection.changes():
        return False
    connection.execute(NOBODY_SITS, (conversation_id,))
    connection.execute(NOTE, (conversation_id, moment, "handed_back", person))
    return True


def one(connection: apsw.Connection, conversation_id: int) -> Conversation:
    """Return one conversation.

    Raises:
        NoSuchConversation: There is none with this number.
    """
    row = connection.execute(BY_ID, (conversation_id,)).fetchone()
    if row is None:
        raise NoSuchConversation(f"There is no conversation c-{conversation_id}.")
    return conversation_rows.conversation(row)


def _listed(connection: apsw.Connection, states: frozenset[State], limit: int) -> list[Conversation]:
    """Ask each state's stretch of the index for its first rows, and merge them."""
    asking = list(connection.execute(ASKING, (limit,))) if State.WAITING in states else []
    others = [
        row
        for state in states - {State.WAITING}
        for row in connection.execute(NEWEST, (state.value, limit - len(asking)))
    ]
    others.sort(key=_last_at, reverse=True)
    return [conversation_rows.conversation(row) for row in [*asking, *others][:limit]]


def _last_at(row: Any) -> tuple[int, int]:
    return row[10], row[0]
