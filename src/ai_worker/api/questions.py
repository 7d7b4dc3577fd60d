"""Questions that a caller waits for: durable first, then heard from the board or read from the store."""

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from typing import Self

from ai_worker.api.problems import KeyReused, Unanswered
from ai_worker.api.waiting import Waiting
from ai_worker.conversation.message import InboundMessage
from ai_worker.conversation.store import ConversationStore, TurnRecord
from ai_worker.conversation.turn import TurnResult
from ai_worker.pipeline.answers import KEPT
from ai_worker.pipeline.board import Board, Finished, GivenUp, Note
from ai_worker.pipeline.inbox import Intake
from ai_worker.pipeline.store import IdReused

PATIENCE_S = 100.0
"""How long a caller is kept waiting before it is told to come again."""

POLL_S = 5.0
"""The board only knows this process; another one's work shows in the store, which is read this often."""

RETRIES = 8
"""How often a question that was given up can be asked again under the same Idempotency-Key."""

MORE = "·"
"""Sets apart what we add to an id that is made of a key: no key holds it."""


class Questions:
    """Puts questions into the inbox and waits for what becomes of them."""

    def __init__(
        self,
        *,
        inbox: Intake,
        board: Board,
        conversations: ConversationStore,
        waiting: Waiting,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._inbox = inbox
        self._board = board
        self._conversations = conversations
        self._waiting = waiting
        self._patience_s = patience_s

    async def put(self, message: InboundMessage) -> "Watch":
        """Make `message` durable and return the watch over its turn.

        A repeated message watches the turn of the first, unless that was given up: then it is put anew.
        After `KEPT` a message with the same id is another one.

        Raises:
            StoreBusy: It is not on disk.
            KeyReused: Its id stands for another question.
        """
        try:
            return await self._put(message)
        except IdReused:
            raise KeyReused("This Idempotency-Key was used with another body") from None

    async def _put(self, message: InboundMessage) -> "Watch":
        try:
            watch = await self._accept(message)
            first = await watch.record() if watch.duplicate else None
            later = _later(message, first)
        except IdReused as error:
            later = _later(message, await self._conversations.turn(error.turn_id))
            if later is None:
                raise
        else:
            if later is None:
                return await self._anew(message, watch, first)
            watch.close()
        watch = await self._accept(later)
        return await self._anew(later, watch, await watch.record() if watch.duplicate else None)

    async def _anew(self, message: InboundMessage, watch: "Watch", first: TurnRecord | None) -> "Watch":
        """Return the watch over a turn that was not given up, put anew if need be."""
        for number in range(1, RETRIES):
            if first is None or first.state != "dead":
                break
            watch.close()
            watch = await self._accept(replace(message, message_id=f"{message.message_id}{MORE}{number}"))
            first = await watch.record() if watch.duplicate else None
        return watch

    async def _accept(self, message: InboundMessage) -> "Watch":
        accepted = await self._inbox.accept(message)
        # A queue recognises no repeat. Only a question with a digest has an id that can come again.
        perhaps = accepted.conversation_id == 0 and bool(message.digest)
        return Watch(
            accepted.turn_id,
            duplicate=accepted.duplicate or perhaps,
            board=self._board,
            conversations=self._conversations,
            waiting=self._waiting,
            patience_s=self._patience_s,
        )


def _later(message: InboundMessage, first: TurnRecord | None) -> InboundMessage | None:
    """Return the message under an id of its own; `None` while its id stands for the first one.

    The store recognises ids for longer than a key is promised to stand for one request, so what comes
    later gets an id with the number of days since.
    """
    days = 0 if first is None else (message.received_at - first.received_at) // KEPT
    if days < 1:
        return None
    message_id = f"{message.message_id}{MORE}{days}d"
    conversation_key = message_id if message.standalone else message.conversation_key
    return replace(message, message_id=message_id, conversation_key=conversation_key)


class Watch:
    """Looks at one turn until it is closed. It listens from the moment it is made."""

    def __init__(
        self,
        turn_id: str,
        *,
        duplicate: bool,
        board: Board,
        conversations: ConversationStore,
        waiting: Waiting,
        patience_s: float,
    ) -> None:
        self.turn_id = turn_id
        self.duplicate = duplicate
        self._conversations = conversations
        self._waiting = waiting
        self._stack = ExitStack()
        self._listener = self._stack.enter_context(board.turn(turn_id))
        self._until = asyncio.get_running_loop().time() + patience_s
        self._looked = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop listening; the turn goes on."""
        self._stack.close()

    async def record(self) -> TurnRecord | None:
        """Return the turn as it is stored."""
        return await self._conversations.turn(self.turn_id)

    async def result(self) -> TurnResult:
        """Return the turn's result, or its holding notice if the answer has to wait.

        Raises:
            Unanswered: As for `next`.
        """
        while True:
            if isinstance(note := await self.next(), Finished):
                return note.result

    async def next(self) -> Note | None:
        """Return what happened next; `None` if nothing did for a while.

        Raises:
            Unanswered: The turn was given up, or the patience is at its end, or the process is.
        """
        note = await self._next()
        if isinstance(note, GivenUp):
            raise Unanswered("The question could not be answered", turn_id=self.turn_id)
        return note

    async def _next(self) -> Note | None:
        if not self._looked:
            self._looked = True
            if note := await self._stored():
                return note
        left = self._until - asyncio.get_running_loop().time()
        if self._waiting.closed or left <= 0:
            raise Unanswered("The answer is not there yet", turn_id=self.turn_id)
        return await self._waiting.hear(self._listener, min(POLL_S, left)) or await self._stored()

    async def _stored(self) -> Note | None:
        record = await self.record()
        if record is None:
            return None
        if record.state == "dead":
            return GivenUp(self.turn_id, record.conversation_id)
        if record.result is not None and (record.state == "done" or record.result.hold):
            return Finished(self.turn_id, record.conversation_id, record.result)
        return None
