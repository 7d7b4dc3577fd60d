"""The runner: takes conversations that have work, one message at a time each, many at once."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
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
from ai_worker.pipeline import burst
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.caution import Caution
from ai_worker.pipeline.delivery import Delivery
from ai_worker.pipeline.drafts import Drafts, GrowingAnswer
from ai_worker.pipeline.live import LateNotice, LiveAnswer
from ai_worker.pipeline.notebook import StoredNotebook
from ai_worker.pipeline.recorder import MAX_ATTEMPTS, TurnRecorder
from ai_worker.pipeline.store import COUNTED_BY_CLAIM, AnswererChanged, Claim, LeaseLost, PipelineStore

log = structlog.get_logger(__name__)

POLL_S = 0.5
"""How often the store is asked for work when nobody has called `wake` (retries, other processes)."""

BATCH = 256

LET_PASS_S, LET_PASS_TIMES = 0.05, 20
"""How long new turns wait, again and again, for a crowd that is coming in: a second at most."""

RENEW_S = 5.0
"""Leases of turns in progress are extended this often; a lease lasts three times as long."""

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
        self._board = board
        self._drafts = drafts
        self._clock = clock
        self._owner = owner
        self._crowded = crowded
        self._window_of = window_of
        self._caution = Caution(limit=max_concurrent, clock=clock)
        self._recorder = TurnRecorder(store, pushes=pushes, delivery=delivery, board=board, events=events, clock=clock)
        self.peak = 0
        """The most turns that were in progress at once since the start."""

        self._active: dict[asyncio.Task[None], Claim] = {}
        self._wake = asyncio.Event()
        self._stopping = False

    @property
    def active(self) -> int:
        """How many turns are in progress."""
        return len(self._active)

    @property
    def limit(self) -> int:
        """How many may be."""
        return self._caution.limit

    def begin_carefully(self) -> None:
        """Begin with a few turns: an earlier process left work behind, and may have died of too much of it."""
        self._caution.begin()

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
                wanted = min(self._caution.room(self.active), BATCH)
                claims = await self._claim(wanted) if wanted > 0 else []
                if wanted > 0 and not claims:
                    self._caution.nothing_waits()
                for claim in claims:
                    self._begin(claim)
                if wanted <= 0 or len(claims) < wanted:
                    await self._sleep(POLL_S)
        finally:
            renewing.cancel()

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
        self._caution.begun(claim)
        self.peak = max(self.peak, self.active)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._caution.ended(self._active.pop(task))
        self.wake()

    async def _work(self, claim: Claim) -> None:
        try:
            if claim.attempt > MAX_ATTEMPTS:
                await self._recorder.give_up(claim, "failed every time it was tried")
            elif wait := self._caution.wait(claim, beside=self.active - 1):
                await self._recorder.defer(claim, until=self._clock.now() + wait)
            else:
                await self._in_its_course(claim)
                self._caution.survived(claim)
        except LeaseLost:
            log.warning("runner.lease_lost", turn=claim.turn_id)
        except AnswererChanged:
            log.info("runner.answerer_changed", turn=claim.turn_id)
            await self._recorder.retry(claim, "", at_once=True)
        except Exception as defect:  # a task boundary: one message must not stop the others
            log.exception("runner.turn_failed", turn=claim.turn_id, attempt=claim.attempt)
            self._caution.failed(claim)
            await self._recorder.retry(claim, f"{type(defect).__name__}: {defect}")

    async def _in_its_course(self, claim: Claim) -> None:
        """Answer a message; or wait for more of a burst, or leave it to be answered with the next one."""
        window, now = self._window_of(claim), self._clock.now()
        match burst.course(claim, window=window, now=now):
            case "wait":
                await self._recorder.defer(claim, until=claim.message.received_at + window)
            case "join":
                await self._recorder.result(claim, burst.joined(claim))
            case "answer":
                await self._answer(burst.whole(claim))

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
            last_chance=claim.held and claim.waited_s(self._clock.now()) >= HELD_AT_MOST_S,
            progress=claim.progress,
            behind=claim.behind,
            overtaken=claim.overtaken,
        )

    async def _answer(self, claim: Claim) -> None:
        """Run the turn and persist its result; a slow one tells the contact that it is at work."""
        if claim.attempt > COUNTED_BY_CLAIM:
            await self._recorder.count_attempt(claim)
        if not self._board.heard(claim.turn_id, claim.conversation_id):
            await self._run_turn(claim, None)
            return
        with LiveAnswer(self._board, claim) as live:
            await self._run_turn(claim, live)

    async def _run_turn(self, claim: Claim, live: LiveAnswer | None) -> None:
        given = self._input(claim)
        draft = self._drafts.of(claim)
        notice = LateNotice(HOLDING_AFTER_S, lambda: self._ask_for_patience(claim, self._turns.holding(given), draft))
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
        await self._recorder.result(claim, result)

    async def _ask_for_patience(self, claim: Claim, words: Reply, draft: GrowingAnswer | None) -> None:
        """Say that it takes a while: where the answer will stand if the platform can, else in a message of its own."""
        if draft is None or not await draft.hold(words.text):
            await self._recorder.announce(claim, words)
