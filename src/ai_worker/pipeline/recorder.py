"""The recorder: makes what came of a turn durable, then tells the world."""

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from ai_worker.conversation.message import Reply
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.events import EventBus
from ai_worker.foundation.retry import backoff
from ai_worker.pipeline.board import Board, Finished, GivenUp
from ai_worker.pipeline.delivery import Delivery
from ai_worker.pipeline.facts import TurnCompleted, TurnGivenUp
from ai_worker.pipeline.outbox import outbound
from ai_worker.pipeline.store import Claim, LeaseLost, OutboundMessage, PipelineStore

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 5
"""A message that fails this often becomes a dead letter; counted on disk before each attempt."""

RETRY_BASE_S = 1.0
RETRY_CAP_S = 60.0

SHORTEST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 15.0
"""Between two attempts at a message that waits for the model."""


class TurnRecorder:
    """Writes the end of a turn, or of an attempt at one, into the store.

    What must not be lost (a result) is written however long the store is busy. What the lease repairs by running
    out (a retry, a pause, a dead letter) is tried once.
    """

    def __init__(
        self,
        store: PipelineStore,
        *,
        pushes: Callable[[Claim], bool],
        delivery: Delivery,
        board: Board,
        events: EventBus,
        clock: Clock,
    ) -> None:
        """Record turns in a store.

        Args:
            store: Where they are kept.
            pushes: Returns whether the reply has to be carried out.
            delivery: Carries it out.
            board: Told at once of what ended in this process.
            events: Told of what has happened.
            clock: Tells the time.
        """
        self._store = store
        self._pushes = pushes
        self._delivery = delivery
        self._board = board
        self._events = events
        self._clock = clock

    async def count_attempt(self, claim: Claim) -> None:
        """Count an attempt on disk right before it begins, however long the store is busy.

        Raises:
            LeaseLost: Another process has taken the conversation over.
        """
        while True:
            try:
                return await self._store.count_attempt(claim)
            except Busy as busy:
                log.warning("runner.store_busy", turn=claim.turn_id)
                await asyncio.sleep(busy.retry_after)

    async def result(self, claim: Claim, result: TurnResult) -> None:
        """Make a result durable with its reply, however long the store is busy, then tell whoever listens.

        Raises:
            LeaseLost: Another process has taken the conversation over.
            AnswererChanged: A person took the conversation over, or handed it back, while the turn was at work.
        """
        now = self._clock.now()
        response_ms = self._response_ms(claim, result)
        notice, reply = self._notice(claim, result), self._reply(claim, result)
        while True:
            try:
                if result.hold:
                    due = await self._store.hold(claim, notice, until=now + self._pause(claim))
                else:
                    due = await self._store.finish(claim, result, reply, now=now, response_ms=response_ms)
                break
            except Busy as busy:
                log.warning("runner.store_busy", turn=claim.turn_id)
                await asyncio.sleep(busy.retry_after)
        self._delivery.begin(due)
        finished = Finished(claim.turn_id, claim.conversation_id, result)
        self._board.post(finished, conversation_id=claim.conversation_id)
        if not result.hold:
            self._events.publish(
                TurnCompleted(
                    claim.message.channel, claim.conversation_id, claim.turn_id, result, response_ms, self._clock.now()
                )
            )

    async def announce(self, claim: Claim, words: Reply) -> None:
        """Tell the contact, in a message of its own, that the answer is on its way."""
        notice = outbound(claim, words, "holding", now=self._clock.now())
        try:
            self._delivery.begin(await self._store.announce(claim, notice))
        except (Busy, LeaseLost):  # a notice is a courtesy; the answer is what was promised
            log.warning("runner.notice_not_recorded", turn=claim.turn_id)

    async def defer(self, claim: Claim, *, until: datetime) -> None:
        """Leave a message alone until then; that is no attempt."""
        try:
            await self._store.defer(claim, until=until)
        except Busy:  # the lease runs out by itself, and the message comes back
            log.warning("runner.store_busy", turn=claim.turn_id)

    async def retry(self, claim: Claim, error: str, *, at_once: bool = False) -> None:
        """Record that an attempt failed; after the last one the message becomes a dead letter.

        Args:
            claim: What was tried.
            error: Why it failed, for whoever looks at the dead letter.
            at_once: It did not fail: it is to be tried again now, as often as need be.
        """
        if claim.attempt >= MAX_ATTEMPTS and not at_once:
            await self.give_up(claim, error)
            return
        pause = 0.0 if at_once else backoff(claim.attempt, base=RETRY_BASE_S, cap=RETRY_CAP_S)
        until = self._clock.now() + timedelta(seconds=pause)
        try:
            await self._store.retry(claim, error=error, until=until)
        except (Busy, LeaseLost):  # the lease runs out by itself, and the message comes back
            log.warning("runner.retry_not_recorded", turn=claim.turn_id)

    async def give_up(self, claim: Claim, error: str) -> None:
        """Make a message a dead letter, which a person can put back."""
        try:
            await self._store.bury(claim, error=error, now=self._clock.now())
        except (Busy, LeaseLost):
            log.warning("runner.dead_letter_not_recorded", turn=claim.turn_id)
            return
        log.error("runner.dead_letter", turn=claim.turn_id)
        self._board.post(GivenUp(claim.turn_id, claim.conversation_id), conversation_id=claim.conversation_id)
        self._events.publish(TurnGivenUp(claim.message.channel, claim.conversation_id, claim.turn_id, error))

    def _reply(self, claim: Claim, result: TurnResult) -> list[OutboundMessage]:
        if result.reply is None or not self._pushes(claim):
            return []
        return [outbound(claim, result.reply, "reply", now=self._clock.now())]

    def _notice(self, claim: Claim, result: TurnResult) -> OutboundMessage | None:
        if not result.hold or claim.held or claim.promised or result.reply is None or not self._pushes(claim):
            return None
        return outbound(claim, result.reply, "holding", now=self._clock.now())

    def _response_ms(self, claim: Claim, result: TurnResult) -> float:
        """Return milliseconds from accept to the first visible words."""
        waited = claim.waited_s(self._clock.now()) * 1000
        if result.first_words_ms is not None:
            whole = sum(step.ms for step in result.steps)
            waited -= max(0.0, whole - result.first_words_ms)
        return max(0.0, waited)

    def _pause(self, claim: Claim) -> timedelta:
        """Return how long to leave the model alone: a quarter of how long the message has waited."""
        quarter = claim.waited_s(self._clock.now()) / 4
        spread = random.uniform(0.75, 1.25)  # noqa: S311  (spreads load, guards nothing)
        return timedelta(seconds=min(LONGEST_PAUSE_S, max(SHORTEST_PAUSE_S, quarter)) * spread)
