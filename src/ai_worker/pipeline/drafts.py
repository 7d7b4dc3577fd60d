"""Drafts: an answer that grows on the contact's screen while it is being written.

A draft is a courtesy. It is shown as far and as fast as the platform allows, what fails is left out,
and nothing of it is durable here: the reply is, and takes its place.
"""

import asyncio
from collections.abc import Mapping
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
        self._failed = False
        self.shown = False
        """Whether the contact has seen anything of it."""

    def grow(self, text: str) -> None:
        """Show `text`, all of the answer so far, as soon as the update before has got through."""
        self._put(text, holding=False)

    def hold(self, text: str) -> None:
        """Show words that ask for patience, unless something of the answer is there already."""
        if not self.shown and self._next is None:
            self._put(text, holding=True)

    async def end(self, instead: str = "") -> None:
        """Send no more: the reply comes now. An update on its way is waited for, so that it cannot come after it.

        Args:
            instead: Words that ask for patience, to be shown in place of half an answer: the reply comes later.
        """
        self._next = None
        if instead and self.shown:
            self._put(instead, holding=True)
        self._failed = True
        if self._showing is None:
            return
        _, late = await asyncio.wait({self._showing}, timeout=LAST_UPDATE_S)
        for task in late:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _put(self, text: str, *, holding: bool) -> None:
        if self._failed:
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
        while (draft := self._next) is not None:
            self._next = None
            try:
                await self._shower.show(draft)
            except SendFailed as failure:
                self._failed = True
                log.info("drafts.not_shown", channel=draft.channel, turn=draft.turn_id, error=str(failure))
                return
            except Exception:  # a task boundary: a defect in a courtesy must not touch the answer
                self._failed = True
                log.exception("drafts.defect", channel=draft.channel, turn=draft.turn_id)
                return
            self.shown = True
            await asyncio.sleep(PAUSE_S)
