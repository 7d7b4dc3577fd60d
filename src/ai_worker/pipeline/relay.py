"""The relay: what other processes do on the same store wakes this one, and reaches who waits in it."""

import asyncio
from collections.abc import Callable

import structlog

from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.board import Board, Finished, GivenUp
from ai_worker.pipeline.store import Heard, PipelineStore

log = structlog.get_logger(__name__)

AGAIN_S = 1.0
MOST_LOOKS = 1_000
"""Looks into the store at once; what is heard above it is left to those who look by themselves."""


class Relay:
    """Listens to the store for as long as it runs."""

    def __init__(
        self,
        store: PipelineStore,
        *,
        conversations: ConversationStore,
        board: Board,
        wake_runner: Callable[[], None],
        wake_delivery: Callable[[], None],
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._board = board
        self._wake_runner = wake_runner
        self._wake_delivery = wake_delivery
        self._looks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Listen until cancelled; a lost connection is made anew."""
        while True:
            try:
                await self._store.watch(self._hear)
            except Busy as busy:
                log.warning("relay.store_busy", error=str(busy))
            await asyncio.sleep(AGAIN_S)

    def _hear(self, heard: Heard) -> None:
        if heard.kind == "work":
            self._wake_runner()
        elif heard.kind == "outbound":
            self._wake_delivery()
        elif self._board.heard(heard.turn_id, heard.conversation_id) and len(self._looks) < MOST_LOOKS:
            look = asyncio.create_task(self._look(heard.turn_id))
            self._looks.add(look)
            look.add_done_callback(self._looks.discard)

    async def _look(self, turn_id: str) -> None:
        """Tell the board how the turn ended, as if it had ended here."""
        try:
            record = await self._conversations.turn(turn_id)
        except Busy:  # whoever waits looks again by itself
            return
        if record is None:
            return
        if record.state == "dead":
            self._board.post(GivenUp(turn_id, record.conversation_id), conversation_id=record.conversation_id)
        elif record.result is not None:
            note = Finished(turn_id, record.conversation_id, record.result)
            self._board.post(note, conversation_id=record.conversation_id)
