"""Pressed buttons: opinions of answers, and choices of clarifying questions.

The platform waits three seconds and does not ask again: people press again. So every action is the same
however often it is pressed, and is answered within a second, whatever the store does.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, get_args

import msgspec
import structlog

from ai_worker.channels.contract import Rate, Receive
from ai_worker.channels.feishu.cards import Face, finished
from ai_worker.channels.feishu.events import Event
from ai_worker.channels.feishu.faces import Faces
from ai_worker.channels.feishu.growing import GrowingCards
from ai_worker.channels.feishu.messages import MAX_ID, decoded
from ai_worker.channels.feishu.places import Place
from ai_worker.channels.feishu.refused import Refused
from ai_worker.conversation.message import Choice, Contact, InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.ids import derived_id
from ai_worker.foundation.text import clean
from ai_worker.learning.feedback import Mark, Rating
from ai_worker.pipeline.sending import SendFailed

log = structlog.get_logger(__name__)

ANSWER_WITHIN_S = 0.8
REDRAW_TRIES, REDRAW_PAUSE_S = 3, 1.5
"""While a press is being processed the platform refuses updates of the card."""

THANKED, CHOSEN = "感谢您的反馈", "好的，正在处理"
AGAIN, PAST = "刚才没有记下来，请再点一次", "这张卡片已经过期，请直接发消息"

Answer = Mapping[str, Any]


class _Operator(msgspec.Struct):
    open_id: str | None = None
    tenant_key: str | None = None


class _Action(msgspec.Struct):
    value: Any = None


class _Pressed(msgspec.Struct):
    operator: _Operator
    action: _Action


class Actions:
    """Does what the buttons of one channel's cards stand for."""

    def __init__(
        self, *, channel: str, receive: Receive, rate: Rate, faces: Faces, cards: GrowingCards, clock: Clock
    ) -> None:
        self._channel = channel
        self._receive = receive
        self._rate = rate
        self._faces = faces
        self._cards = cards
        self._clock = clock
        self._running: set[asyncio.Task[Any]] = set()

    async def act(self, event: Event) -> Answer:
        """Do what was pressed, and return what the platform shows for it: a short word, and the card as it is now.

        Raises:
            Refused: The event is broken.
        """
        pressed = decoded(event.body, _Pressed)
        member = event.of_our_own(pressed.operator.tenant_key)
        operator, value = Contact(clean(pressed.operator.open_id or ""), member=member), pressed.action.value
        if not 0 < len(operator.id) <= MAX_ID:
            raise Refused("message")
        if not isinstance(value, dict):
            return {}
        turn, mark, choice = (_short(value.get(name)) for name in ("turn", "rate", "choice"))
        if not turn or not (mark in get_args(Mark) or choice):
            return {}  # not a button of ours
        doing = self._keep(self._do(operator, turn, mark, choice))
        done, _ = await asyncio.wait({doing}, timeout=ANSWER_WITHIN_S)
        return doing.result() if done else _toast("warning", AGAIN)

    async def stop(self) -> None:
        """Leave the cards as they are."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _do(self, operator: Contact, turn: str, mark: str, choice: str) -> Answer:
        try:
            face = await self._faces.of(turn)
            if mark:
                return await self._rated(face, operator, turn, "up" if mark == "up" else "down")
            picked = next((known for known in face.choices if known.id == choice), None) if face else None
            if face is None or picked is None:
                return _toast("info", PAST)
            return await self._chose(face, operator, picked)
        except Busy:
            return _toast("warning", AGAIN)

    async def _rated(self, face: Face | None, operator: Contact, turn: str, mark: Mark) -> Answer:
        rating = Rating(turn, mark, at=self._clock.now(), channel=self._channel, contact=operator.id)
        if not await self._rate(rating):
            return _toast("info", PAST)
        if face is None:
            return _toast("success", THANKED)
        return await self._redrawn(msgspec.structs.replace(face, mark=mark), _toast("success", THANKED))

    async def _chose(self, face: Face, operator: Contact, choice: Choice) -> Answer:
        place = Place.of(face.address)
        place = Place(user=operator.id, chat=place.chat, message=place.message, group=place.group)
        await self._receive(
            InboundMessage(
                channel=self._channel,
                message_id=derived_id("pressed", face.turn_id, operator.id, choice.id),
                conversation_key=place.conversation,
                contact=operator,
                text=choice.label,
                received_at=self._clock.now(),
                address=place.address(),
                group=place.group,
                chosen=choice.id,
            )
        )
        return await self._redrawn(msgspec.structs.replace(face, chosen=choice.label), _toast("info", CHOSEN))

    async def _redrawn(self, face: Face, toast: dict[str, Any]) -> Answer:
        try:
            await self._faces.keep(face)
        except Busy:  # what was pressed is safe; the card is right until it is pressed again
            log.info("feishu.card_not_remembered", channel=self._channel)
        if face.reply_id:  # an entity is drawn anew by its own call, after the platform is done with the press
            self._keep(self._redraw(face))
            return toast
        return {**toast, "card": {"type": "raw", "data": finished(face)}}

    async def _redraw(self, face: Face) -> None:
        for attempt in range(1, REDRAW_TRIES + 1):
            await asyncio.sleep(REDRAW_PAUSE_S * (attempt - 1) + 0.2)
            try:
                await self._cards.redraw(face.reply_id, face)
            except SendFailed as failure:
                log.info("feishu.card_not_redrawn", channel=self._channel, attempt=attempt, error=str(failure))
            else:
                return

    def _keep(self, work: Any) -> "asyncio.Task[Any]":
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


def _toast(kind: str, words: str) -> dict[str, Any]:
    return {"toast": {"type": kind, "content": words}}


def _short(value: object) -> str:
    return value if isinstance(value, str) and len(value) <= MAX_ID else ""
