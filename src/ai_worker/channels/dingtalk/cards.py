"""AI cards: an answer that grows in place and carries buttons.

A card's `outTrackId` is the id of the reply, so that a process that was killed finds its card again.
What a pressed button means is remembered before the card is made; the button itself is not believed.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import msgspec
import structlog

from ai_worker.channels.dingtalk import buttons
from ai_worker.channels.dingtalk.address import Address
from ai_worker.channels.dingtalk.answers import QPS_PAUSE_S
from ai_worker.channels.dingtalk.card_calls import CARDS, CardCalls
from ai_worker.channels.dingtalk.open_cards import OpenCards
from ai_worker.channels.dingtalk.words import card_text
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import Draft, Need, SendFailed
from ai_worker.pipeline.store import OutboundMessage

log = structlog.get_logger(__name__)

REMEMBERED = timedelta(days=7)
"""How long a card's buttons work."""

PATIENT_ATTEMPTS = 3
"""So often a whole answer is streamed to its card. Then the card is updated without that, and if it is
refused for good the answer goes out as Markdown: better beside its card than not at all."""

State = Literal["opening", "open", "done", "refused"]


class Kept(msgspec.Struct, frozen=True):
    """What is remembered of a card."""

    turn_id: str
    address: dict[str, str]
    state: State
    choices: list[tuple[str, str]] = []
    """Id and label of each, in the order of the buttons."""


@dataclass(frozen=True, slots=True)
class CardPace:
    """When cards are updated and given up."""

    update_s: float = 0.8
    """Seconds between two updates of one card: the platform refuses faster ones."""

    abandoned_s: float = 180.0
    """A card that grew no further for so long is ended as it is; a reply that comes later still replaces it."""

    orphaned_s: float = 900.0
    """A card that was opened so long ago, by whichever process, and is not ended by now is nobody's."""

    look_s: float = 15.0
    """How often such cards are looked for."""


@dataclass(slots=True)
class _Growing:
    """A card of this process that is not ended yet."""

    draft: Draft
    at: float
    """When it was updated last, in `Clock.monotonic` seconds."""


class Cards:
    """Makes, grows and ends the cards of one robot."""

    def __init__(
        self,
        *,
        channel: str,
        calls: CardCalls,
        has_buttons: bool,
        store: ChannelStore,
        clock: Clock,
        pace: CardPace,
    ) -> None:
        """Prepare.

        Args:
            channel: The configured channel's name.
            calls: Makes the calls.
            has_buttons: Whether a pressed button reaches us.
            store: Remembers what buttons mean.
            clock: Tells the time.
            pace: When cards are updated and given up.
        """
        self._channel, self._calls, self._has_buttons = channel, calls, has_buttons
        self._store, self._clock, self._pace = store, clock, pace
        self._open_cards = OpenCards(channel=channel, store=store, clock=clock)
        self._growing: dict[str, _Growing] = {}
        self._writers: dict[str, tuple[asyncio.Lock, int]] = {}

    @staticmethod
    def possible(address: Address) -> bool:
        """Return whether a card can be put into a chat: people outside the company have no private space for one."""
        return bool(address.conversation if address.group else address.staff)

    async def show(self, draft: Draft) -> None:
        """Open a draft's card, or let it grow; an update for which there is no room now is left out.

        Raises:
            SendFailed: There is no card.
        """
        try:
            async with self._only_writer(draft.id):
                await self._show(draft)
        except Busy:
            raise SendFailed("dingtalk", "the store is busy", retry_after=1.0) from None

    async def _show(self, draft: Draft) -> None:
        growing = self._growing.get(draft.id)
        if growing is None:
            await self._open(draft)
            return
        await asyncio.sleep(self._pace.update_s - (self._clock.monotonic() - growing.at))
        if (await self._store.spend(self._channel, [[Need(CARDS)]]))[0] > 0:
            return
        answer = await self._calls.stream(draft.id, card_text(draft.text), final=False)
        growing.draft, growing.at = draft, self._clock.monotonic()
        if answer.too_fast:
            await self._store.block(self._channel, CARDS.key, seconds=QPS_PAUSE_S)
        elif not answer.ok:
            raise answer.failure()

    async def _open(self, draft: Draft) -> None:
        kept = await self.recall(draft.id)
        if kept is not None and kept.state in ("done", "refused"):
            raise SendFailed("dingtalk", "the card is ended, or there is none", retry_after=None)
        if kept is None:
            kept = Kept(draft.turn_id, _without_session(draft.address), "opening")
            await self._keep(draft.id, kept)
            await self._open_cards.add(draft.id)
            if (await self._store.spend(self._channel, [[Need(CARDS)]]))[0] > 0:
                raise SendFailed("dingtalk", "too many cards now", retry_after=None)
            flow = buttons.PROCESSING if draft.holding else buttons.TYPING
            if not await self._calls.create(
                draft.id, Address.read(kept.address), buttons.variables(draft.text, flow_status=flow)
            ):
                await self._keep(draft.id, msgspec.structs.replace(kept, state="refused"))
                raise SendFailed("dingtalk", "the card cannot be made", retry_after=None)
            await self._keep(draft.id, msgspec.structs.replace(kept, state="open"))
        self._growing[draft.id] = _Growing(draft, self._clock.monotonic())

    async def deliver(self, message: OutboundMessage, text: str) -> bool:
        """Show a whole answer on its card, made now if there is none; return whether it is there.

        Done again, it changes nothing.

        Raises:
            SendFailed: Nobody knows whether it is there, or not now.
            Busy: The store is busy.
        """
        async with self._only_writer(message.id):
            before = await self.recall(message.id)
            if before is not None and before.state in ("done", "refused"):
                return before.state == "done"
            choices = [(choice.id, choice.label) for choice in message.reply.choices[: buttons.CHOICES]]
            state: State = before.state if before else "opening"
            kept = Kept(message.turn_id, _without_session(message.address), state, choices)
            await self._keep(message.id, kept)
            shown = buttons.variables(
                text,
                flow_status=buttons.FINISHED,
                choices=message.reply.choices if self._has_buttons else (),
                rateable=message.reply.rateable and self._has_buttons,
            )
            there = before is not None and await self._calls.end(
                message.id, shown, streamed=message.attempt <= PATIENT_ATTEMPTS
            )
            there = there or await self._calls.create(message.id, Address.read(kept.address), shown)
            await self._keep(message.id, msgspec.structs.replace(kept, state="done" if there else "refused"))
            self._growing.pop(message.id, None)
            if before is not None and there:  # else `watch` ends what may still spin
                await self._open_cards.remove(message.id)
            return there

    async def recall(self, card: str) -> Kept | None:
        """Return what is remembered of a card; `None` if it is none of ours, or too old.

        Raises:
            Busy: The store is busy.
        """
        found = await self._store.recall(self._channel, f"card:{card}")
        return None if found is None else msgspec.json.decode(found, type=Kept)

    async def watch(self) -> None:
        """End cards that nobody goes on with, until cancelled: a card that is not ended spins for ever."""
        while True:
            await asyncio.sleep(self._pace.look_s)
            for card, growing in list(self._growing.items()):
                if self._clock.monotonic() - growing.at > self._pace.abandoned_s:
                    await self._abandon(card, growing)
            try:
                for card in await self._open_cards.older_than(self._pace.orphaned_s):
                    await self._adopt(card)
            except Busy:  # looked at again in a while
                log.info("dingtalk.cards_not_looked_at", channel=self._channel)

    async def _abandon(self, card: str, growing: _Growing) -> None:
        shown = {"content": card_text(growing.draft.text), "flowStatus": buttons.FINISHED}
        try:
            async with self._only_writer(card):
                if card in self._growing:
                    await self._calls.end(card, shown, streamed=True)
                    del self._growing[card]
                    log.info("dingtalk.card_abandoned", channel=self._channel, turn=growing.draft.turn_id)
        except SendFailed as failure:  # looked at again in a while
            log.warning("dingtalk.card_not_ended", channel=self._channel, error=str(failure))

    async def _adopt(self, card: str) -> None:
        """End a card whose process is gone, with the words that it shows.

        Raises:
            Busy: The store is busy.
        """
        kept = await self.recall(card)
        try:
            if kept is not None and kept.state != "done" and card not in self._growing:
                async with self._only_writer(card):
                    await self._calls.end(card, {"flowStatus": buttons.FINISHED}, streamed=False)
        except SendFailed as failure:
            log.warning("dingtalk.card_not_ended", channel=self._channel, error=str(failure))
        else:
            await self._open_cards.remove(card)

    async def _keep(self, card: str, kept: Kept) -> None:
        until = self._clock.now() + REMEMBERED
        await self._store.remember(self._channel, f"card:{card}", msgspec.json.encode(kept).decode(), until=until)

    @asynccontextmanager
    async def _only_writer(self, card: str) -> AsyncIterator[None]:
        """Let one update of a card go out at a time: the platform refuses a second."""
        lock, users = self._writers.get(card, (asyncio.Lock(), 0))
        self._writers[card] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._writers[card]
            if users == 1:
                del self._writers[card]
            else:
                self._writers[card] = (lock, users - 1)


def _without_session(address: Mapping[str, str]) -> dict[str, str]:
    """Return an address as it may be remembered: a session is a secret, and over before a button is pressed."""
    return {name: value for name, value in address.items() if not name.startswith("webhook")}
