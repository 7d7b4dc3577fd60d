"""Delivery: which of the platform's kinds of message says a reply, and what to do when it takes none of them."""

import asyncio
from collections.abc import Mapping, Sequence

import msgspec

from ai_worker.channels.feishu.answers import TOO_LONG, UNBUILDABLE_CARD, Answered
from ai_worker.channels.feishu.api import FeishuApi, send_uuid
from ai_worker.channels.feishu.cards import Face, finished
from ai_worker.channels.feishu.client import APP
from ai_worker.channels.feishu.faces import Faces
from ai_worker.channels.feishu.files import Files
from ai_worker.channels.feishu.growing import GrowingCards
from ai_worker.channels.feishu.places import Place
from ai_worker.channels.feishu.words import RICH_BYTES, card, pieces, plain, said
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.text import split_bytes
from ai_worker.pipeline.sending import Limit, Need, SendFailed, Sent
from ai_worker.pipeline.store import OutboundMessage

PER_CHAT = (4, 1.0)
"""The platform allows 5 in a second, of all applications in the chat together."""

PLAIN, BURST, BURST_S, MINUTE_S = 950, 8, 0.2, 61.0
"""The platform allows 1,000 in a minute and 50 in any second, by its own clock. What leaves us evenly can
arrive in bunches, so the second is cut into small steps: 8 in 0.2 s are at most 48 in 1.2 s."""
PAUSE_AFTER, PAUSE_S = PER_CHAT[0], 1.2
"""The pieces of one reply keep to the chat's limit as well."""

SHORTEST = 200
"""Bytes: a piece that is too long and no longer than this is refused for another reason."""


class Speaking:
    """Sends the messages of one channel."""

    def __init__(self, api: FeishuApi, cards: GrowingCards, faces: Faces, files: Files, *, per_minute: int) -> None:
        self._api = api
        self._files = files
        self._cards = cards
        self._faces = faces
        self._app = (
            Limit(f"{APP}-second", max(PER_CHAT[0], BURST * per_minute // PLAIN), BURST_S),
            Limit(APP, per_minute, MINUTE_S),
        )

    @property
    def shared(self) -> Limit:
        """The application's limit a minute."""
        return self._app[1]

    def needs(self, message: OutboundMessage) -> Sequence[Need]:
        """Return the limits that a message counts to, with all of its pieces."""
        count = len(self._pieces(message)) + len(message.reply.attachments) or 1
        try:
            needs = self.needs_of_one(message.address)
        except SendFailed:  # nobody to send to: the delivery says so
            return ()
        return [Need(need.limit, min(count, need.limit.most)) for need in needs]

    def needs_of_one(self, address: Mapping[str, str]) -> Sequence[Need]:
        """Return the limits that one message to an address counts to."""
        chat = Limit(Place.of(address).limit_key, *PER_CHAT)
        return [Need(limit) for limit in (chat, *self._app)]

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send a message in as many pieces as it needs, its files behind its words; its card, if it has grown, ends.

        Raises:
            SendFailed: Some of it was not taken.
        """
        place, texts = Place.of(message.address), self._pieces(message)
        files = message.reply.attachments
        if not texts and not files:
            raise SendFailed("feishu", "there is nothing to say", retry_after=None)
        mention = place.user if place.group else ""
        sent, number = "", 0
        try:
            for number, text in enumerate(texts):
                if number and number % PAUSE_AFTER == 0:
                    await asyncio.sleep(PAUSE_S)
                face = Face.of(
                    message.turn_id,
                    text,
                    message.reply,
                    mention="" if number else mention,
                    address=message.address,
                )
                if number < len(texts) - 1:
                    face = msgspec.structs.replace(face, choices=(), rateable=False)
                sent = await self._piece(message.id, number, face, place)
            for number, file in enumerate(files, len(texts)):
                if number and number % PAUSE_AFTER == 0:
                    await asyncio.sleep(PAUSE_S)
                content = await self._files.content(file, message.contents[file.id])
                sent = await self._api.say(place, content, uuid=send_uuid(message.id, "file", file.id))
        except SendFailed as failure:
            if not number:
                raise
            detail = f"{number} of {len(texts) + len(files)} messages went out, then {failure}"
            raise SendFailed("feishu", detail, retry_after=failure.retry_after, blocks=failure.blocks) from failure
        return Sent(sent)

    def _pieces(self, message: OutboundMessage) -> list[str]:
        reply = message.reply
        return pieces(reply.text, RICH_BYTES if reply.choices or reply.rateable else None)

    async def _piece(self, id: str, number: int, face: Face, place: Place) -> str:
        if number == 0:
            ended = await self._cards.end(id, face)
            if ended is not None:
                await self._remember(ended)
                return ended.reply_id
        if not face.has_buttons:
            return await self._said(id, str(number), face.text, face.mention, place)
        await self._remember(face)
        try:
            return await self._api.say(place, card(finished(face)), uuid=send_uuid(id, number))
        except Answered as refusal:
            if refusal.answer not in UNBUILDABLE_CARD | TOO_LONG:
                raise
        return await self._said(id, f"{number}.text", face.text, face.mention, place)

    async def _said(self, id: str, which: str, text: str, mention: str, place: Place) -> str:
        """Send a piece without buttons, plainer or shorter if the platform does not take it as it is."""
        content = said(text, mention=mention)
        try:
            return await self._api.say(place, content, uuid=send_uuid(id, which))
        except Answered as refusal:
            if refusal.answer in TOO_LONG and len(text.encode()) > SHORTEST:
                sent = ""
                for number, part in enumerate(split_bytes(text, len(text.encode()) // 2 + 4)):
                    sent = await self._said(id, f"{which}.{number}", part, "" if number else mention, place)
                return sent
            if refusal.answer not in UNBUILDABLE_CARD or content[0] == "text":
                raise
        return await self._api.say(place, plain(text), uuid=send_uuid(id, f"{which}.plain"))

    async def _remember(self, face: Face) -> None:
        if not face.has_buttons:
            return
        try:
            await self._faces.keep(face)
        except Busy as busy:
            raise SendFailed("feishu", "the store is busy", retry_after=busy.retry_after) from None
