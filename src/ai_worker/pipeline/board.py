"""The board: what is happening in this process right now, for those who wait for it.

Nothing here is durable. A door that waits for a turn subscribes first, then looks into the store,
so that it misses nothing; whoever comes after a restart reads the store alone.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from ai_worker.conversation.message import Reply
from ai_worker.conversation.turn import TurnResult

Key = TypeVar("Key", str, int)

BACKLOG = 1_000
"""Notes that one listener may leave unread. A slower one loses deltas, never the end."""


@dataclass(frozen=True, slots=True)
class Delta:
    """A new piece of the answer that a turn is writing."""

    turn_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Restart:
    """The pieces heard so far are void; the answer begins anew."""

    turn_id: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A turn is on disk. A held turn (`result.hold`) finishes again later."""

    turn_id: str
    conversation_id: int
    result: TurnResult


@dataclass(frozen=True, slots=True)
class GivenUp:
    """A turn became a dead letter."""

    turn_id: str
    conversation_id: int


@dataclass(frozen=True, slots=True)
class PersonSaid:
    """A person who has taken over said something."""

    conversation_id: int
    reply: Reply
    person: str


Note = Delta | Restart | Finished | GivenUp | PersonSaid


class Listener:
    """What one waiting caller hears, in order."""

    def __init__(self) -> None:
        self._notes: asyncio.Queue[Note] = asyncio.Queue(BACKLOG)

    def hear(self, note: Note) -> None:
        """Add a note; of a listener that has fallen behind, what is unread of answers in the making gives way."""
        if self._notes.full():
            self._make_room()
        self._notes.put_nowait(note)

    async def next(self) -> Note:
        """Return the next note, waiting for it if need be."""
        return await self._notes.get()

    def _make_room(self) -> None:
        unread = [self._notes.get_nowait() for _ in range(self._notes.qsize())]
        lasting = [note for note in unread if not isinstance(note, Delta)]
        for note in lasting[-(BACKLOG - 1) :]:
            self._notes.put_nowait(note)


class Board:
    """Passes notes to the listeners of a turn and of its conversation."""

    def __init__(self) -> None:
        self._by_turn: defaultdict[str, set[Listener]] = defaultdict(set)
        self._by_conversation: defaultdict[int, set[Listener]] = defaultdict(set)

    @contextmanager
    def turn(self, turn_id: str, listener: Listener | None = None) -> Iterator[Listener]:
        """Listen to one turn until the block ends, with a new listener or one that listens already."""
        yield from self._listen(self._by_turn, turn_id, listener or Listener())

    @contextmanager
    def conversation(self, conversation_id: int, listener: Listener | None = None) -> Iterator[Listener]:
        """Listen to all turns of a conversation until the block ends, likewise."""
        yield from self._listen(self._by_conversation, conversation_id, listener or Listener())

    def post(self, note: Note, *, conversation_id: int) -> None:
        """Pass a note on to whoever listens to its turn or conversation; once to who listens to both."""
        listeners = set(self._by_conversation.get(conversation_id, ()))
        if not isinstance(note, PersonSaid):
            listeners |= self._by_turn.get(note.turn_id, set())
        for listener in listeners:
            listener.hear(note)

    def heard(self, turn_id: str, conversation_id: int) -> bool:
        """Return whether anybody listens; a turn that nobody hears need not stream."""
        return bool(self._by_turn.get(turn_id) or self._by_conversation.get(conversation_id))

    def heard_turns(self) -> list[str]:
        """Return the turns that somebody listens to."""
        return list(self._by_turn)

    def heard_conversations(self) -> list[int]:
        """Return the conversations that somebody listens to."""
        return list(self._by_conversation)

    @staticmethod
    def _listen(listeners: defaultdict[Key, set[Listener]], key: Key, listener: Listener) -> Iterator[Listener]:
        listeners[key].add(listener)
        try:
            yield listener
        finally:
            listeners[key].discard(listener)
            if not listeners[key]:
                del listeners[key]
