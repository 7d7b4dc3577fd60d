"""Drafts: an answer that grows on the contact's screen while it is being written.

A draft is a courtesy. It is shown as far and as fast as the platform allows, what fails is left out,
and nothing of it is durable here: the reply is, and takes its place.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import structlog

from ai_worker.pipeline.outbox import reply_id
from ai_worker.pipeline.sending import Draft, SendFailed
from ai_worker.pipeline.store import Claim

log = structlog.get_logger(__name__)

PAUSE_S = 0.5
"""Between two updates of one draft. Platforms take one card's updates at most ten times a second."""

LAST_UPDATE_S = 3.0
"""How long the reply waits for an update that is on its way; then that update is cut off."""


class Shower(Protocol):
    """What can show a draft: a channel whose answers grow."""

    async def show(self, draft: Draft) -> None:
        """Show an answer as far as it is written, in place of what was shown of it before.

        Raises:
            SendFailed: It was not shown.
        """
        ...


class Drafts:
    """Opens drafts for turns whose channel can show them."""

    def __init__(self, showers: Mapping[str, Shower]) -> None:
        self._showers = showers

    def of(self, claim: Claim) -> "GrowingAnswer | None":
        """Return the draft of a turn; `None` if its channel shows whole answers only."""
        shower = self._showers.get(claim.message.channel)
        return None if shower is None else GrowingAnswer(shower, claim)


class GrowingAnswer:
    """The draft of one turn. Nothing goes out before the first words, and one update at a time after that."""

    def __init__(self, shower: Shower, claim: Claim) -> None:
        self._shower = shower
        self._claim = claim
        self._next: Draft | None = None
        self._showing: asyncio.Task[None] | None = None
        self._first: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._over = asyncio.Event()
        self._failed = False

    @property
    def shown(self) -> bool:
        """Whether the contact has seen anything of it."""
        return self._first.done() and self._first.result()

    def grow(self, text: str) -> None:
        """Show `text`, all of the answer so far, as soon as the update before has got through."""
        self._put(text, holding=False)

    async def hold(self, text: str) -> bool:
        """Show words that ask for patience, unless something of the answer is there, or on its way, already.

        Returns:
            Whether the contact sees either; if not, they have to be told in another way.
        """
        if self._showing is None:
            self._put(text, holding=True)
        return False if self._showing is None else await asyncio.shield(self._first)

    async def end(self, instead: str = "") -> None:
        """Send no more: the reply comes now. An update on its way is waited for, so that it cannot come after it.

        Args:
            instead: Words that ask for patience, to be shown in place of half an answer: the reply comes later.
        """
        self._next = None
        if instead and self.shown:
            self._put(instead, holding=True)
        self._over.set()
        if self._showing is None:
            return
        _, late = await asyncio.wait({self._showing}, timeout=LAST_UPDATE_S)
        for task in late:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _put(self, text: str, *, holding: bool) -> None:
        if self._failed or self._over.is_set():
            return
        claim = self._claim
        self._next = Draft(
            id=reply_id(claim.turn_id),
            turn_id=claim.turn_id,
            conversation_id=claim.conversation_id,
            channel=claim.message.channel,
            address=claim.message.address,
            text=text,
            holding=holding,
        )
        if self._showing is None or self._showing.done():
            self._showing = asyncio.create_task(self._show())

    async def _show(self) -> None:
        """Show the latest draft until there is none newer."""
        try:
            while (draft := self._next) is not None:
                self._next = None
                if not await self._shows(draft):
                    return
                if not self._first.done():
                    self._first.set_result(True)
                with suppress(TimeoutError):
                    async with asyncio.timeout(PAUSE_S):
                        await self._over.wait()
        finally:
            if not self._first.done():
                self._first.set_result(False)

    async def _shows(self, draft: Draft) -> bool:
        try:
            await self._shower.show(draft)
        except SendFailed as failure:
            self._failed = True
            log.info("drafts.not_shown", channel=draft.channel, turn=draft.turn_id, error=str(failure))
        except Exception:  # a task boundary: a defect in a courtesy must not touch the answer
            self._failed = True
            log.exception("drafts.defect", channel=draft.channel, turn=draft.turn_id)
        return not self._failed
