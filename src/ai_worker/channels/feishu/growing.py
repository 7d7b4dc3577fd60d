"""Answers that grow: one card entity for each, one writer, and a number for every update that only rises.

What is needed to end a card is remembered before the card is shown: its id, and a block of numbers that
may have been used. Whoever ends it after a crash begins with the next block.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import msgspec
import structlog

from ai_worker.channels.feishu.answers import LACKS_SCOPE, OUT_OF_SEQUENCE, STREAM_CLOSED, Answered
from ai_worker.channels.feishu.api import FeishuApi, send_uuid
from ai_worker.channels.feishu.cards import ANSWER, Face, finished, growing, words
from ai_worker.channels.feishu.places import Place
from ai_worker.channels.feishu.words import RICH_BYTES, card, harmless
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.text import cut_bytes
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import Draft, Limit, Need, SendFailed

log = structlog.get_logger(__name__)

BLOCK = 256
"""Numbers that are reserved at a time; an answer of ten minutes has about 1,200 updates."""

KEPT = 2_000
"""Cards whose state is in memory; older ones are looked up in the store."""

REMEMBERED = timedelta(days=14)
"""As long as the platform keeps an entity: so long its buttons can be pressed."""

STEP_S = 0.2
"""Between two operations on one card, whoever asks for them; the platform takes ten a second."""

PATIENCE_S = 1.5
"""An update waits this long for room below the application's limits; longer ones are left out."""

ABANDONED_S = 540.0
"""A card that nobody has touched for so long is closed before the platform gives it up (10 min)."""

NOT_ALLOWED_S = 600.0
"""After the platform has said that the application may make no cards, it is left alone for so long."""

UPDATES = (Limit("cards-second", 8, 0.2), Limit("cards-minute", 950, 61.0))
"""50 a second and 1,000 a minute for one application; kept apart from messages, as the platform does."""


class _Kept(msgspec.Struct):
    """What is remembered of a card."""

    card_id: str
    reserved: int
    """Numbers up to this one may have been used."""

    shown: bool = False
    message_id: str = ""
    broken: bool = False
    """It cannot be updated any more: the answer went, or goes, out as a message of its own."""


@dataclass(slots=True)
class _Open:
    """One card, as this process knows it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    kept: _Kept | None = None
    known: bool = False
    """Whether the store was asked for it."""

    number: int = 0
    touched_at: float = 0.0
    ended: bool = False


class GrowingCards:
    """All growing answers of one channel."""

    def __init__(self, api: FeishuApi, *, channel: str, clock: Clock, store: ChannelStore) -> None:
        self._api = api
        self._channel = channel
        self._clock = clock
        self._store = store
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._allowed_from = 0.0

    async def show(self, draft: Draft, needs: Sequence[Need]) -> None:
        """Show a draft: in a new card, or in place of what its card shows.

        Args:
            draft: All of the answer so far.
            needs: What sending the card counts to, if it is not there yet.

        Raises:
            SendFailed: It was not shown.
        """
        if self._clock.monotonic() < self._allowed_from:
            raise SendFailed("feishu", "the application may make no cards", retry_after=None)
        text = cut_bytes(harmless(draft.text), RICH_BYTES)
        place = Place.of(draft.address)
        mention = place.user if place.group else ""
        opened = self._of(draft.id)
        async with opened.lock:
            await self._look_up(draft.id, opened)
            if opened.ended or (opened.kept is not None and opened.kept.broken) or not text:
                raise SendFailed("feishu", "this answer does not grow any more", retry_after=None)
            try:
                if opened.kept is None or not opened.kept.shown:
                    await self._spend([*needs, *(Need(limit) for limit in UPDATES)])
                    await self._send(draft.id, opened, place, text, mention)
                else:
                    await self._spend([Need(limit) for limit in UPDATES])
                    await self._update(draft.id, opened, words(text, mention))
            except SendFailed as failure:
                if isinstance(failure, Answered) and failure.answer == LACKS_SCOPE:
                    log.warning("feishu.cards_not_allowed", channel=self._channel, error=str(failure))
                    self._allowed_from = self._clock.monotonic() + NOT_ALLOWED_S
                if failure.retry_after is None:
                    await self._give_up(draft.id, opened)
                raise

    async def end(self, id: str, face: Face) -> Face | None:
        """End a card with the whole answer and its buttons; return what it shows now.

        Returns:
            `None` if there is no card, or it cannot be updated: then the answer is a message of its own.

        Raises:
            SendFailed: It may work later.
        """
        opened = self._of(id)
        async with opened.lock:
            await self._look_up(id, opened)
            kept = opened.kept
            if kept is None or kept.broken:
                return None
            opened.ended = True
            face = msgspec.structs.replace(face, reply_id=id)
            try:
                if not kept.shown:  # a crash between the card and its message: the uuid tells whether it went out
                    await self._send(id, opened, Place.of(face.address), face.text, face.mention)
                await self._replace(id, opened, face)
            except Answered as refusal:
                if refusal.retry_after is not None:
                    raise
                log.warning("feishu.card_not_ended", channel=self._channel, code=refusal.answer)
                await self._give_up(id, opened)
                return None
            return face

    async def redraw(self, id: str, face: Face) -> None:
        """Show what a card has become after a button was pressed.

        Raises:
            SendFailed: It stays as it was.
        """
        opened = self._of(id)
        async with opened.lock:
            await self._look_up(id, opened)
            if opened.kept is not None and not opened.kept.broken:
                await self._replace(id, opened, face)

    async def close_abandoned(self) -> None:
        """Stop the cards that nobody writes to any more: a turn that ended without an answer."""
        now = self._clock.monotonic()
        for id, opened in list(self._open.items()):
            kept = opened.kept
            if opened.ended or kept is None or not kept.shown or now - opened.touched_at < ABANDONED_S:
                continue
            async with opened.lock:
                opened.touched_at = now
                try:
                    await self._api.set_streaming(kept.card_id, False, sequence=await self._next(id, opened))
                except (SendFailed, Busy) as failure:
                    log.info("feishu.card_left_open", channel=self._channel, error=str(failure))
                opened.ended = True

    async def _send(self, id: str, opened: _Open, place: Place, text: str, mention: str) -> None:
        if opened.kept is None:
            card_id = await self._api.create_card(growing(text, mention=mention))
            opened.kept = _Kept(card_id, reserved=BLOCK)
            opened.number = 0
            await self._keep(id, opened)
        reference = card({"type": "card", "data": {"card_id": opened.kept.card_id}})
        opened.kept.message_id = await self._api.say(place, reference, uuid=send_uuid(id, "card"))
        opened.kept.shown = True
        opened.touched_at = self._clock.monotonic()
        await self._keep(id, opened)

    async def _update(self, id: str, opened: _Open, text: str) -> None:
        assert opened.kept is not None
        card_id = opened.kept.card_id
        try:
            await self._api.put_text(card_id, ANSWER, text, sequence=await self._next(id, opened))
        except Answered as refusal:
            if refusal.answer in STREAM_CLOSED:
                await self._api.set_streaming(card_id, True, sequence=await self._next(id, opened))
            elif refusal.answer == OUT_OF_SEQUENCE:
                await self._catch_up(id, opened)
            else:
                raise
            await self._api.put_text(card_id, ANSWER, text, sequence=await self._next(id, opened))

    async def _replace(self, id: str, opened: _Open, face: Face) -> None:
        assert opened.kept is not None
        try:
            await self._api.put_card(opened.kept.card_id, finished(face), sequence=await self._next(id, opened))
        except Answered as refusal:
            if refusal.answer != OUT_OF_SEQUENCE:
                raise
            await self._catch_up(id, opened)
            await self._api.put_card(opened.kept.card_id, finished(face), sequence=await self._next(id, opened))

    async def _next(self, id: str, opened: _Open) -> int:
        """Return the next number of a card, which no process has used; keeps the card's pace as well."""
        assert opened.kept is not None
        pause = opened.touched_at + STEP_S - self._clock.monotonic()
        if pause > 0:
            await asyncio.sleep(pause)
        opened.number += 1
        if opened.number > opened.kept.reserved:
            opened.kept.reserved = opened.number + BLOCK
            await self._keep(id, opened)
        opened.touched_at = self._clock.monotonic()
        return opened.number

    async def _spend(self, needs: Sequence[Need]) -> None:
        try:
            (wait,) = await self._store.spend(self._channel, [needs])
            if 0 < wait <= PATIENCE_S:
                await asyncio.sleep(wait)
                (wait,) = await self._store.spend(self._channel, [needs])
        except Busy as busy:
            raise SendFailed("feishu", "the store is busy", retry_after=busy.retry_after) from None
        if wait > 0:
            raise SendFailed("feishu", "no room below the platform's limits", retry_after=wait)

    async def _give_up(self, id: str, opened: _Open) -> None:
        """Let the answer be a message of its own, and take half an answer off the screen."""
        kept = opened.kept = opened.kept or _Kept("", 0)
        kept.broken = True
        try:
            if kept.message_id:
                await self._api.withdraw(kept.message_id)
            await self._keep(id, opened)
        except SendFailed as failure:
            log.info("feishu.card_stays", channel=self._channel, error=str(failure))

    async def _catch_up(self, id: str, opened: _Open) -> None:
        """Begin after the numbers of whoever else has written to the card."""
        opened.known = False
        await self._look_up(id, opened)

    async def _look_up(self, id: str, opened: _Open) -> None:
        if opened.known:
            return
        try:
            found = await self._store.recall(self._channel, _key(id))
        except Busy as busy:
            raise SendFailed("feishu", "the store is busy", retry_after=busy.retry_after) from None
        if found is not None:
            opened.kept = msgspec.json.decode(found, type=_Kept)
            opened.number = opened.kept.reserved
        opened.known = True

    async def _keep(self, id: str, opened: _Open) -> None:
        text = msgspec.json.encode(opened.kept).decode()
        try:
            await self._store.remember(self._channel, _key(id), text, until=self._clock.now() + REMEMBERED)
        except Busy as busy:
            raise SendFailed("feishu", "the store is busy", retry_after=busy.retry_after) from None

    def _of(self, id: str) -> _Open:
        opened = self._open.setdefault(id, _Open())
        self._open.move_to_end(id)
        while len(self._open) > KEPT:
            self._open.popitem(last=False)
        return opened


def _key(id: str) -> str:
    return f"card:{id}"
