"""What comes in for one robot, by either way: checked, decoded, made durable, and only then acknowledged."""

import asyncio
import math
from datetime import datetime

import structlog

from ai_worker.channels.contract import REFUSED, CallbackRequest, CallbackResponse, Rate, Receive
from ai_worker.channels.dingtalk import buttons, frames, wire
from ai_worker.channels.dingtalk.address import Address
from ai_worker.channels.dingtalk.buttons import Press
from ai_worker.channels.dingtalk.cards import Cards, Kept
from ai_worker.channels.dingtalk.fields import Fields, NotJson, fields
from ai_worker.channels.dingtalk.frames import Frame
from ai_worker.channels.dingtalk.hosts import TrustedHosts
from ai_worker.channels.dingtalk.refused import Refused
from ai_worker.channels.dingtalk.settings import DingtalkSettings
from ai_worker.channels.dingtalk.sign import check
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.ids import derived_id
from ai_worker.learning.feedback import Rating

log = structlog.get_logger(__name__)

MAX_BODY = 1_048_576

PATIENCE_S = 20.0
"""For so long a push is tried again while our store is busy: the platform promises no second delivery of
it, and has been seen to repeat one after 60 s without an answer."""

CARD_DEADLINE_S = 2.5
"""Somebody looks at the button they have pressed until a card callback is answered."""

_NOTHING_TO_SAY = CallbackResponse(body=b'{"msgtype":"empty"}', content_type="application/json")


class Reception:
    """Takes robot messages and pressed buttons."""

    def __init__(
        self, *, channel: str, settings: DingtalkSettings, hosts: TrustedHosts, cards: Cards | None, clock: Clock
    ) -> None:
        self._channel, self._settings, self._hosts = channel, settings, hosts
        self._cards, self._clock = cards, clock
        self._receive: Receive | None = None
        self._rate: Rate | None = None
        self.last_at: datetime | None = None
        """When the last message was made durable."""

        self.called_at: datetime | None = None
        """When the platform last called us with a good signature."""

    def open(self, receive: Receive, rate: Rate) -> None:
        """Begin to take what comes."""
        self._receive, self._rate = receive, rate

    def close(self) -> None:
        """Take nothing more: whoever comes is told to come again."""
        self._receive = self._rate = None

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Answer one HTTP callback."""
        try:
            found = self._opened(request)
            message = self._message(found, robot_required=True)
        except Refused as refused:
            log.warning("channel.callback_refused", channel=self._channel, reason=refused.reason)
            return REFUSED
        self.called_at = self._clock.now()
        try:
            await self._take(message, found)
        except Busy as busy:
            return CallbackResponse(status=503, headers={"Retry-After": str(max(1, math.ceil(busy.retry_after)))})
        return _NOTHING_TO_SAY

    async def robot(self, frame: Frame) -> str:
        """Answer one pushed robot message."""
        try:
            found = frame.content()
            message = self._message(found, robot_required=False)
        except (NotJson, Refused) as refused:
            reason = refused.reason if isinstance(refused, Refused) else "json"
            log.warning("channel.push_refused", channel=self._channel, reason=reason)
            return frames.answer(frame, frames.BAD)
        until = self._clock.monotonic() + PATIENCE_S
        while True:
            try:
                await self._take(message, found)
            except Busy as busy:
                if self._receive is None or self._clock.monotonic() >= until:
                    return frames.answer(frame, frames.FAILED)
                await asyncio.sleep(min(busy.retry_after, 2.0))
            else:
                return frames.answer(frame)

    async def card(self, frame: Frame) -> str:
        """Answer one pressed button: the answer says how its card changes."""
        try:
            press = buttons.pressed(frame.content())
        except NotJson:
            return frames.answer(frame, frames.BAD)
        try:
            async with asyncio.timeout(CARD_DEADLINE_S):
                return frames.answer(frame, response=await self._pressed(press) if press else {})
        except (Busy, TimeoutError):
            return frames.answer(frame, frames.FAILED)

    def _opened(self, request: CallbackRequest) -> Fields:
        if self._settings.mode != "http" or request.method != "POST":
            raise Refused("mode")
        if len(request.body) > MAX_BODY:
            raise Refused("size")
        check(
            request.headers,
            self._settings.client_secret,
            now=self._clock.now().timestamp(),
            max_age_s=self._settings.max_callback_age_s,
        )
        try:
            return fields(request.body)
        except NotJson:
            raise Refused("json") from None

    def _message(self, found: Fields, *, robot_required: bool) -> InboundMessage:
        return wire.decode(
            found,
            channel=self._channel,
            robot_code=self._settings.robot_code,
            robot_required=robot_required,
            hosts=self._hosts,
            received_at=self._clock.now(),
        )

    async def _take(self, message: InboundMessage, found: Fields) -> None:
        """Make a message durable, unless its group's setting says that it is not answered.

        Raises:
            Busy: It could not be kept now.
        """
        if message.group and not self._answers(Address.read(message.address), found):
            log.info("channel.group_message_left", channel=self._channel)
            return
        await self._accept(message)

    def _answers(self, address: Address, found: Fields) -> bool:
        group = self._settings.groups.get(address.conversation)
        answer = group.answer if group else self._settings.group_answer
        return answer == "all" or (answer == "mentioned" and wire.mentions_us(found))

    async def _accept(self, message: InboundMessage) -> None:
        if self._receive is None:
            raise Busy("the channel is not started")
        await self._receive(message)
        self.last_at = self._clock.now()

    async def _pressed(self, press: Press) -> Fields:
        """Do what a button stands for and return how its card changes; nothing for a card that is not ours."""
        kept = await self._cards.recall(press.card) if self._cards else None
        if kept is None:
            return {}
        address = Address.read(kept.address)
        if press.mark is not None:
            if self._rate is None:
                raise Busy("the channel is not started")
            now = self._clock.now()
            await self._rate(Rating(kept.turn_id, press.mark, now, channel=self._channel, contact=press.contact))
            return buttons.change(buttons.after_rating(press.mark), to_all=not address.group)
        if press.choice is None or press.choice >= len(kept.choices):
            return {}
        await self._accept(self._chosen(press, kept, address, *kept.choices[press.choice]))
        return buttons.change(buttons.after_choice(), to_all=True)

    def _chosen(self, press: Press, kept: Kept, address: Address, choice: str, label: str) -> InboundMessage:
        """Return the message that a pressed choice is. In a group anybody may press: the reply is theirs."""
        known = kept.address | {"contact": press.contact, "staff": press.contact}
        if press.contact != address.contact:
            known.pop("nick", None)
        pressed_by = Address.read(known)
        return InboundMessage(
            channel=self._channel,
            message_id=derived_id("card", press.card, choice, press.contact),
            conversation_key=address.conversation_key,
            contact=Contact(press.contact, pressed_by.nick or None, member=True),  # a press names a staff id
            text=label,
            received_at=self._clock.now(),
            address=pressed_by.written(),
            group=address.group,
            chosen=choice,
        )
