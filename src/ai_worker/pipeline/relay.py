"""The relay: what other processes do on the same store wakes this one, and reaches who waits in it."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta

import structlog

from ai_worker.conversation.message import Reply
from ai_worker.conversation.store import ConversationStore, ThreadItem
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.board import Board, Finished, GivenUp, PersonSaid
from ai_worker.pipeline.store import Heard, PipelineStore

log = structlog.get_logger(__name__)

AGAIN_S = 1.0
MOST_LOOKS = 1_000
"""Looks into the store at once; what is heard above it is left to those who look by themselves."""

LINES = 10
"""Latest lines of a conversation that are looked at when it is not known what happened there."""

FRESH = timedelta(seconds=5)
"""Lines that are older when a conversation is first looked at were read by its listeners themselves."""

MOST_TOLD = 20_000


class Relay:
    """Listens to the store for as long as it runs."""

    def __init__(
        self,
        store: PipelineStore,
        *,
        conversations: ConversationStore,
        board: Board,
        clock: Clock,
        wake_runner: Callable[[], None],
        wake_delivery: Callable[[], None],
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._board = board
        self._clock = clock
        self._wake_runner = wake_runner
        self._wake_delivery = wake_delivery
        self._looks: set[asyncio.Task[None]] = set()
        self._around: asyncio.Task[None] | None = None
        self._around_again = False
        self._told: OrderedDict[str, None] = OrderedDict()
        self._known: set[int] = set()

    async def run(self) -> None:
        """Listen until cancelled; a lost connection is made anew."""
        try:
            while True:
                try:
                    await self._store.watch(self._hear)
                except Busy as busy:
                    log.warning("relay.store_busy", error=str(busy))
                await asyncio.sleep(AGAIN_S)
        finally:
            for look in [*self._looks, *([self._around] if self._around else [])]:
                look.cancel()

    def _hear(self, heard: Heard) -> None:
        if heard.kind == "work":
            self._wake_runner()
        elif heard.kind == "outbound":
            self._wake_delivery()
        elif not heard.turn_id:
            self._look_around()
        elif self._board.heard(heard.turn_id, heard.conversation_id) and len(self._looks) < MOST_LOOKS:
            look = asyncio.create_task(self._look(heard.turn_id))
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)

    def _look_around(self) -> None:
        """Begin to look at everything that somebody listens to; once more if that is going on already."""
        if self._around is None or self._around.done():
            self._around = asyncio.create_task(self._everywhere())
        else:
            self._around_again = True

    async def _everywhere(self) -> None:
        self._around_again = True
        while self._around_again:
            self._around_again = False
            conversations = self._board.heard_conversations()
            self._known.intersection_update(conversations)
            for turn_id in self._board.heard_turns():
                await self._look(turn_id)
            for conversation_id in conversations:
                await self._look_at(conversation_id)

    async def _look(self, turn_id: str) -> None:
        """Tell the board how the turn ended, as if it had ended here."""
        try:
            record = await self._conversations.turn(turn_id)
        except Busy:  # whoever waits looks again by itself
            return
        if record is None:
            return
        note: Finished | GivenUp
        if record.state == "dead":
            note = GivenUp(turn_id, record.conversation_id)
        elif record.result is not None:
            note = Finished(turn_id, record.conversation_id, record.result)
        else:
            return
        if self._new(turn_id):
            self._board.post(note, conversation_id=record.conversation_id)

    async def _look_at(self, conversation_id: int) -> None:
        """Tell the board what was said in a conversation since it was looked at."""
        try:
            thread = await self._conversations.thread(conversation_id, limit=LINES)
        except Busy:
            return
        first = conversation_id not in self._known
        self._known.add(conversation_id)
        for item in thread:
            note = _note(item, conversation_id)
            old = first and self._clock.now() - item.at > FRESH
            if note is not None and self._new(item.turn_id or f"{conversation_id} {item.at}") and not old:
                self._board.post(note, conversation_id=conversation_id)

    def _new(self, key: str) -> bool:
        """Return whether this was not told before; from now on it was."""
        if key in self._told:
            return False
        self._told[key] = None
        if len(self._told) > MOST_TOLD:
            self._told.popitem(last=False)
        return True


def _note(item: ThreadItem, conversation_id: int) -> Finished | PersonSaid | None:
    if item.author == "human":
        return PersonSaid(conversation_id, Reply(item.text), item.name)
    if item.author == "worker" and item.result is not None:
        return Finished(item.turn_id, conversation_id, item.result)
    return None
