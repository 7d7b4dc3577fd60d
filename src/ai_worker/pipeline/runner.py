"""The runner: takes conversations that have work, one message at a time each, many at once."""

import asyncio
import random
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from ai_worker.conversation.conversation import State
from ai_worker.conversation.message import Reply
from ai_worker.conversation.model import OnDelta
from ai_worker.conversation.progress import Notebook
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.events import EventBus
from ai_worker.foundation.retry import backoff
from ai_worker.pipeline import burst
from ai_worker.pipeline.board import Board, Delta, Finished, GivenUp, Note, Restart
from ai_worker.pipeline.delivery import Delivery
from ai_worker.pipeline.drafts import Drafts, GrowingAnswer
from ai_worker.pipeline.facts import TurnCompleted, TurnGivenUp
from ai_worker.pipeline.notebook import StoredNotebook
from ai_worker.pipeline.outbox import outbound
from ai_worker.pipeline.store import (
    COUNTED_BY_CLAIM,
    AnswererChanged,
    Claim,
    LeaseLost,
    OutboundMessage,
    PipelineStore,
)

log = structlog.get_logger(__name__)

POLL_S = 0.5
"""How often the store is asked for work when nobody has called `wake` (retries, other processes)."""

BATCH = 256
MAX_ATTEMPTS = 5
"""A message that fails this often becomes a dead letter; counted on disk before each attempt."""

ALONE_FROM = COUNTED_BY_CLAIM + 1
"""From this attempt on, a message that was at work when the process died is tried with nothing beside it: what
dies then did not die of another. Three deaths in a crowd say little of any one in it."""

SETTLED_S = 5.0
"""A process that has lived for so many seconds tries the messages that earlier ones may have died of. One that is
ended again and again from outside never comes to them, and so never counts its end against them."""

ALONE_S, WAITED_FOR_S = 0.2, 2.0
"""Seconds until a message that waits to be alone is looked at again, and for which others wait for it to come."""

KNOWN_DEFECTS = 1_000
"""Turns that are remembered as failing by themselves."""

CAREFUL_TURNS, CAREFUL_MORE = 1, 1
"""After a process that died, so many turns are begun at first, and so many more with each that ends, until nothing
waits: twice as many in each round. Were all that wait begun at once, none might end before the next death, and each
would count as tried: messages that spoil nothing would become dead letters. So a death counts for about as many
messages as were answered before it."""

LET_PASS_S, LET_PASS_TIMES = 0.05, 20
"""How long new turns wait, again and again, for a crowd that is coming in: a second at most."""

RETRY_BASE_S = 1.0
RETRY_CAP_S = 60.0

RENEW_S = 5.0
"""Leases of turns in progress are extended this often; a lease lasts three times as long."""


SHORTEST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 15.0
"""Between two attempts at a message that waits for the model."""

HELD_AT_MOST_S = 1_800.0
"""A message that has waited this long for the model goes to a person instead."""

HOLDING_AFTER_S = 8.0
"""A turn that takes longer than this tells the contact that it is being worked on, once."""


class Turns(Protocol):
    """What answers a message: `conversation.engine.TurnEngine`."""

    async def run(
        self,
        given: TurnInput,
        *,
        on_delta: OnDelta | None = None,
        on_draft: Callable[[str], None] | None = None,
        notebook: Notebook | None = None,
    ) -> TurnResult:
        """Return what the worker decides and says; see `TurnEngine.run` for who hears it meanwhile."""
        ...

    def holding(self, given: TurnInput) -> Reply:
        """Return the words that say the answer is on its way."""
        ...


class Runner:
    """Works through the store's lanes, at most `max_concurrent` turns at once.

    Nothing is queued in memory: what has no free slot stays in the store. Within a conversation
    the store hands out one message at a time, so order needs no lock here.
    """

    def __init__(
        self,
        store: PipelineStore,
        *,
        turns: Turns,
        worker_of: Callable[[Claim], str],
        pushes: Callable[[Claim], bool],
        delivery: Delivery,
        board: Board,
        drafts: Drafts,
        events: EventBus,
        clock: Clock,
        owner: str,
        max_concurrent: int,
        crowded: Callable[[], bool] = lambda: False,
        window_of: Callable[[Claim], timedelta] = lambda claim: timedelta(0),
    ) -> None:
        """Put a runner to work on a store.

        Args:
            store: Whose lanes it works through.
            turns: Answers a message.
            worker_of: Returns the name of the worker who is asked.
            pushes: Returns whether the reply has to be carried out.
            delivery: Carries it out.
            board: Told of what is being said.
            drafts: Shows answers while they are being written.
            events: Told of what has happened.
            clock: Tells the time.
            owner: This process's name on the lanes that it owns.
            max_concurrent: Turns in progress at once.
            crowded: Returns whether new turns had better wait for a moment. A sender's patience ends
                after two seconds, a contact's does not.
            window_of: Returns how long to wait for more messages of a burst; zero for not at all.
        """
        self._store = store
        self._turns = turns
        self._worker_of = worker_of
        self._pushes = pushes
        self._delivery = delivery
        self._board = board
        self._drafts = drafts
        self._events = events
        self._clock = clock
        self._owner = owner
        self._crowded = crowded
        self._window_of = window_of
        self.limit = max_concurrent
        self.peak = 0
        """The most turns that were in progress at once since the start."""

        self._settled_at = 0.0
        """From then on, in the clock's monotonic seconds, suspects are tried."""

        self._careful_turns: int | None = None
        self._alone_until = 0.0
        """Until then, in the clock's monotonic seconds, messages wait to be tried with nothing beside them."""

        self._apart: set[str] = set()
        """The turns that wait for that."""

        self._suspects: set[asyncio.Task[None]] = set()
        """What is at work of those that the process may have died of."""

        self._defects: OrderedDict[str, None] = OrderedDict()
        """Turns that failed here by themselves: they did not bring the process down, and need not be alone."""

        self._active: dict[asyncio.Task[None], Claim] = {}
        self._wake = asyncio.Event()
        self._stopping = False

    @property
    def active(self) -> int:
        """How many turns are in progress."""
        return len(self._active)

    def begin_carefully(self) -> None:
        """Begin with a few turns: an earlier process left work behind, and may have died of too much of it."""
        self._careful_turns = CAREFUL_TURNS
        self._settled_at = self._clock.monotonic() + SETTLED_S

    def wake(self) -> None:
        """Look into the store now: there may be work."""
        self._wake.set()

    async def run(self) -> None:
        """Take work until `drain` is called."""
        renewing = asyncio.create_task(self._renew())
        try:
            while not self._stopping:
                await self._let_pass()
                self._wake.clear()
                wanted = min(self._room(), BATCH)
                claims = await self._claim(wanted) if wanted > 0 else []
                if wanted > 0 and not claims:
                    self._careful_turns = None  # nothing waits any more
                    self._apart.clear()
                for claim in claims:
                    self._begin(claim)
                if wanted <= 0 or len(claims) < wanted:
                    await self._sleep(POLL_S)
        finally:
            renewing.cancel()

    def _room(self) -> int:
        """Return how many turns may be begun now."""
        if self._suspects or self._clock.monotonic() < self._alone_until:
            return 0 if self._active else 1
        most = self.limit if self._careful_turns is None else min(self.limit, self._careful_turns)
        return most - len(self._active)

    async def _let_pass(self) -> None:
        """Wait while a crowd is coming in, but not for ever: it may be one without an end."""
        for _ in range(LET_PASS_TIMES):
            if self._stopping or not self._crowded():
                return
            await asyncio.sleep(LET_PASS_S)

    async def drain(self, seconds: float) -> None:
        """Take nothing new and give the turns in progress `seconds` to end.

        What has not ended by then is cut off; it stays on disk and is answered after the next start.
        """
        self._stopping = True
        self._wake.set()
        if self._active:
            await asyncio.wait(set(self._active), timeout=seconds)
        for task in list(self._active):
            task.cancel()
        await asyncio.gather(*self._active, return_exceptions=True)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _claim(self, limit: int) -> list[Claim]:
        try:
            return await self._store.claim(owner=self._owner, limit=limit, now=self._clock.now())
        except Busy:
            log.warning("runner.store_busy")
            return []

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            if self._active:
                try:
                    await self._store.renew(list(self._active.values()), now=self._clock.now())
                except Busy:
                    log.warning("runner.store_busy")

    def _begin(self, claim: Claim) -> None:
        task = asyncio.create_task(self._work(claim))
        self._active[task] = claim
        if self._is_suspect(claim) and self._unsettled_s() <= 0:
            self._suspects.add(task)
        self.peak = max(self.peak, len(self._active))
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._active[task]
        self._suspects.discard(task)
        if self._careful_turns is not None:
            self._careful_turns += CAREFUL_MORE
        self.wake()

    async def _work(self, claim: Claim) -> None:
        try:
            if claim.attempt > MAX_ATTEMPTS:
                await self._give_up(claim, "failed every time it was tried")
            elif self._is_suspect(claim) and (soon := self._unsettled_s()) > 0:
                await self._defer(claim, until=self._clock.now() + timedelta(seconds=soon))
            elif self._is_suspect(claim) and len(self._active) > 1:
                # What is at work ends first, and nothing else is begun.
                self._apart.add(claim.turn_id)
                self._alone_until = self._clock.monotonic() + WAITED_FOR_S
                await self._defer(claim, until=self._clock.now() + timedelta(seconds=ALONE_S))
            else:
                await self._in_its_course(claim)
                self._came(claim)
        except LeaseLost:
            log.warning("runner.lease_lost", turn=claim.turn_id)
        except AnswererChanged:
            log.info("runner.answerer_changed", turn=claim.turn_id)
            await self._retry(claim, "", at_once=True)
        except Exception as defect:  # a task boundary: one message must not stop the others
            log.exception("runner.turn_failed", turn=claim.turn_id, attempt=claim.attempt)
            self._defects[claim.turn_id] = None
            if len(self._defects) > KNOWN_DEFECTS:
                self._defects.popitem(last=False)
            await self._retry(claim, f"{type(defect).__name__}: {defect}")

    def _came(self, claim: Claim) -> None:
        """Note that a message has been tried; others that wait to be alone come right behind it."""
        if claim.turn_id in self._apart:
            self._apart.discard(claim.turn_id)
            self._alone_until = self._clock.monotonic() + WAITED_FOR_S if self._apart else 0.0

    def _unsettled_s(self) -> float:
        """Return for how many seconds this process does not try suspects yet; zero or less if it does."""
        return self._settled_at - self._clock.monotonic()

    def _is_suspect(self, claim: Claim) -> bool:
        """Return whether a message may be what the process died of, more than once."""
        return claim.attempt >= ALONE_FROM and claim.turn_id not in self._defects

    async def _in_its_course(self, claim: Claim) -> None:
        """Answer a message; or wait for more of a burst, or leave it to be answered with the next one."""
        window, now = self._window_of(claim), self._clock.now()
        match burst.course(claim, window=window, now=now):
            case "wait":
                await self._defer(claim, until=claim.message.received_at + window)
            case "join":
                await self._persist(claim, burst.joined(claim))
            case "answer":
                await self._answer(burst.whole(claim))

    async def _defer(self, claim: Claim, until: datetime) -> None:
        try:
            await self._store.defer(claim, until=until)
        except Busy:  # the lease runs out by itself, and the message comes back
            log.warning("runner.store_busy", turn=claim.turn_id)

    def _input(self, claim: Claim) -> TurnInput:
        return TurnInput(
            turn_id=claim.turn_id,
            message=claim.message,
            history=claim.history if claim.message.history is not None else (*claim.history, *claim.behind),
            worker=self._worker_of(claim),
            pending=claim.pending,
            blocked=claim.blocked,
            human=claim.state is State.HUMAN,
            attempt=claim.attempt,
            held=claim.held or claim.promised,
            last_chance=claim.held and self._waited_s(claim) >= HELD_AT_MOST_S,
            progress=claim.progress,
            behind=claim.behind,
            overtaken=claim.overtaken,
        )

    async def _answer(self, claim: Claim) -> None:
        """Run the turn and persist its result; a slow one tells the contact that it is at work."""
        if claim.attempt > COUNTED_BY_CLAIM:
            await self._count_attempt(claim)
        given = self._input(claim)
        live = _Live(self._board, claim) if self._board.heard(claim.turn_id, claim.conversation_id) else None
        draft = self._drafts.of(claim)
        notice = _Notice(HOLDING_AFTER_S, lambda: self._ask_for_patience(claim, self._turns.holding(given), draft))
        if self._pushes(claim) and not (given.held or given.human):
            notice.arm()
        try:
            result = await self._turns.run(
                given,
                on_delta=live,
                on_draft=draft.grow if draft else None,
                notebook=StoredNotebook(self._store, claim),
            )
        finally:
            notice.disarm()
        if draft is not None:
            await draft.end(self._turns.holding(given).text if result.hold else "")
        if live is not None:
            live.end(result)
        if await notice.given() or (draft is not None and draft.shown):
            claim = replace(claim, held=True)
        await self._persist(claim, result)

    async def _count_attempt(self, claim: Claim) -> None:
        while True:
            try:
                return await self._store.count_attempt(claim)
            except Busy as busy:
                log.warning("runner.store_busy", turn=claim.turn_id)
                await asyncio.sleep(busy.retry_after)

    async def _ask_for_patience(self, claim: Claim, words: Reply, draft: GrowingAnswer | None) -> None:
        """Say that it takes a while: where the answer will stand if the platform can, else in a message of its own."""
        if draft is None or not await draft.hold(words.text):
            await self._announce(claim, words)

    async def _announce(self, claim: Claim, words: Reply) -> None:
        notice = outbound(claim, words, "holding", now=self._clock.now())
        try:
            self._delivery.begin(await self._store.announce(claim, notice))
        except (Busy, LeaseLost):  # a notice is a courtesy; the answer is what was promised
            log.warning("runner.notice_not_recorded", turn=claim.turn_id)

    async def _persist(self, claim: Claim, result: TurnResult) -> None:
        """Make the result durable, however long the store is busy, then tell the world."""
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

    def _response_ms(self, claim: Claim, result: TurnResult) -> float:
        """Return milliseconds from accept to the first visible words."""
        waited = self._waited_s(claim) * 1000
        if result.first_words_ms is not None:
            whole = sum(step.ms for step in result.steps)
            waited -= max(0.0, whole - result.first_words_ms)
        return max(0.0, waited)

    def _waited_s(self, claim: Claim) -> float:
        """Return seconds since the message was accepted, on the wall clock: it may have been days ago."""
        return (self._clock.now() - claim.message.received_at).total_seconds()

    def _reply(self, claim: Claim, result: TurnResult) -> list[OutboundMessage]:
        if result.reply is None or not self._pushes(claim):
            return []
        return [outbound(claim, result.reply, "reply", now=self._clock.now())]

    def _notice(self, claim: Claim, result: TurnResult) -> OutboundMessage | None:
        if not result.hold or claim.held or claim.promised or result.reply is None or not self._pushes(claim):
            return None
        return outbound(claim, result.reply, "holding", now=self._clock.now())

    def _pause(self, claim: Claim) -> timedelta:
        """Return how long to leave the model alone: a quarter of how long the message has waited."""
        waited = self._waited_s(claim)
        return timedelta(seconds=min(LONGEST_PAUSE_S, max(SHORTEST_PAUSE_S, waited / 4)) * random.uniform(0.75, 1.25))  # noqa: S311  (spreads load, guards nothing)

    async def _retry(self, claim: Claim, error: str, *, at_once: bool = False) -> None:
        if claim.attempt >= MAX_ATTEMPTS and not at_once:
            await self._give_up(claim, error)
            return
        pause = 0.0 if at_once else backoff(claim.attempt, base=RETRY_BASE_S, cap=RETRY_CAP_S)
        until = self._clock.now() + timedelta(seconds=pause)
        try:
            await self._store.retry(claim, error=error, until=until)
        except (Busy, LeaseLost):  # the lease runs out by itself, and the message comes back
            log.warning("runner.retry_not_recorded", turn=claim.turn_id)

    async def _give_up(self, claim: Claim, error: str) -> None:
        try:
            await self._store.bury(claim, error=error, now=self._clock.now())
        except (Busy, LeaseLost):
            log.warning("runner.dead_letter_not_recorded", turn=claim.turn_id)
            return
        log.error("runner.dead_letter", turn=claim.turn_id)
        self._board.post(GivenUp(claim.turn_id, claim.conversation_id), conversation_id=claim.conversation_id)
        self._events.publish(TurnGivenUp(claim.message.channel, claim.conversation_id, claim.turn_id, error))


class _Notice:
    """Something that is done once if the turn takes too long. It costs a timer, and no task unless it does."""

    def __init__(self, after_s: float, give: Callable[[], Coroutine[None, None, None]]) -> None:
        self._after_s, self._give = after_s, give
        self._timer: asyncio.TimerHandle | None = None
        self._giving: asyncio.Task[None] | None = None

    def arm(self) -> None:
        """Begin to wait."""
        self._timer = asyncio.get_running_loop().call_later(self._after_s, self._begin)

    def disarm(self) -> None:
        """It is not needed any more; one that has begun goes on."""
        if self._timer is not None:
            self._timer.cancel()

    async def given(self) -> bool:
        """Return whether it was given, once that has come to its end."""
        if self._giving is None:
            return False
        await self._giving
        return True

    def _begin(self) -> None:
        self._giving = asyncio.get_running_loop().create_task(self._give())


class _Live:
    """Posts an answer on the board while it is being written."""

    def __init__(self, board: Board, claim: Claim) -> None:
        self._board, self._claim = board, claim
        self._posted = ""

    def __call__(self, text: str) -> None:
        self._posted += text
        self._post(Delta(self._claim.turn_id, text))

    def end(self, result: TurnResult) -> None:
        """Declare void what was posted if the answer reads otherwise (a model failed half-way)."""
        final = result.reply.text if result.reply else ""
        if not final.startswith(self._posted):
            self._post(Restart(self._claim.turn_id))

    def _post(self, note: Note) -> None:
        self._board.post(note, conversation_id=self._claim.conversation_id)
