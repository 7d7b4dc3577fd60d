"""The cards of the simulated DingTalk: made, put into a chat, streamed into, ended."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from ai_worker.demo.dingtalk_chats import Chats, Counts
from ai_worker.foundation.clock import Clock

CALL_S = 0.01
"""How long one update takes; a second one for the same card meanwhile is refused."""

FINISHED = "3"

Told = tuple[int, dict[str, Any]]
"""HTTP status and answer."""


@dataclass(slots=True)
class Card:
    """One card."""

    id: str
    template: str
    params: dict[str, str]
    chat: str = ""
    """Where it was put; empty as long as it was not."""

    private: dict[str, dict[str, str]] = field(default_factory=dict)
    """What single people see instead."""

    updates: list[tuple[float, str]] = field(default_factory=list)
    """Every streamed update: when, in `Clock.monotonic` seconds, and the whole text."""

    finalized: bool = False

    @property
    def finished(self) -> bool:
        """Whether it has stopped to spin."""
        return self.params.get("flowStatus") == FINISHED


class CardDesk:
    """All cards of one organisation."""

    def __init__(self, *, template: str, robot_code: str, chats: Chats, clock: Clock, counts: Counts) -> None:
        self.cards: dict[str, Card] = {}
        self._template, self._robot_code = template, robot_code
        self._chats, self._clock, self._counts = chats, clock, counts
        self._guids: set[str] = set()
        self._writers: Counter[str] = Counter()
        chats.text_of_card = lambda card: self.cards[card].params.get("content", "")

    async def serve(self, method: str, path: str, body: dict[str, Any]) -> Told:
        """Answer one call."""
        self._counts.card_calls += 1
        match method, path:
            case "POST", "/v1.0/card/instances":
                return self._create(body)
            case "POST", "/v1.0/card/instances/deliver":
                return self._deliver(body)
            case "POST", "/v1.0/card/instances/createAndDeliver":
                status, told = self._create(body)
                return (status, told) if status != 200 else self._deliver(body)
            case "PUT", "/v1.0/card/instances":
                return await self._alone(body, self._update)
            case "PUT", "/v1.0/card/streaming":
                return await self._alone(body, self._stream)
        return 404, _refusal("InvalidAction.NotFound")

    def press(self, card: str, staff: str, response: Any) -> None:
        """Change a card as the answer to a pressed button says."""
        told = response if isinstance(response, dict) else {}
        shared = told.get("cardData", {}).get("cardParamMap", {})
        private = told.get("userPrivateData", {}).get("cardParamMap", {})
        for params in (shared, private):
            if not all(isinstance(value, str) for value in params.values()):
                self._counts.violations.append("a card's variable is not a string")
        found = self.cards[card]
        found.params |= shared
        found.private[staff] = found.private.get(staff, {}) | private
        self._chats.changed(found.chat)

    def _create(self, body: dict[str, Any]) -> Told:
        card, params = body.get("outTrackId"), body.get("cardData", {}).get("cardParamMap", {})
        if body.get("cardTemplateId") != self._template or not self._template:
            return 400, _refusal("param.templateUnpublished")
        if not isinstance(card, str) or not card:
            return 400, _refusal("param.outTrackIdEmpty")
        if card in self.cards:
            self._counts.violations.append("a card was made twice")
            return 400, _refusal("param.outTrackIdExist")
        if refused := self._checked(params):
            return refused
        self.cards[card] = Card(card, str(body["cardTemplateId"]), dict(params))
        return 200, {"success": True, "result": card}

    def _deliver(self, body: dict[str, Any]) -> Told:
        card, space = self.cards.get(str(body.get("outTrackId"))), str(body.get("openSpaceId"))
        if card is None:
            return 404, _refusal("card.notExist")
        kind, _, chat = space.removeprefix("dtv1.card//").partition(".")
        model = {"IM_GROUP": "imGroupOpenDeliverModel", "IM_ROBOT": "imRobotOpenDeliverModel"}.get(kind, "")
        told = body.get(model, {})
        # The official SDK names no robot in a private chat.
        good = chat and told.get("robotCode", self._robot_code if kind == "IM_ROBOT" else "") == self._robot_code
        if good:
            card.chat = chat
            at = tuple(told.get("atUserIds", {}))
            self._chats.show(chat, "", msgtype="card", by="card", mentions=at, card=card.id)
        result = {"spaceType": kind, "spaceId": chat, "success": bool(good)}
        return 200, {"success": True, "result": {"outTrackId": card.id, "deliverResults": [result]}}

    async def _alone(self, body: dict[str, Any], change: Any) -> Told:
        """Take an update unless another one of the same card is being taken."""
        card = self.cards.get(str(body.get("outTrackId")))
        if card is None:
            return 404, _refusal("card.notExist")
        if self._writers[card.id]:
            self._counts.violations.append("two updates of one card at once")
            return 403, _refusal("Forbidden.ConcurrentUpdate")
        self._writers[card.id] += 1
        try:
            await asyncio.sleep(CALL_S)
            told: Told = change(card, body)
        finally:
            del self._writers[card.id]
        self._chats.changed(card.chat)
        return told

    def _update(self, card: Card, body: dict[str, Any]) -> Told:
        params = body.get("cardData", {}).get("cardParamMap", {})
        if refused := self._checked(params):
            return refused
        partial = body.get("cardUpdateOptions", {}).get("updateCardDataByKey")
        card.params = card.params | params if partial else dict(params)
        return 200, {"success": True}

    def _stream(self, card: Card, body: dict[str, Any]) -> Told:
        content, guid = body.get("content"), body.get("guid")
        if not isinstance(content, str) or not isinstance(guid, str) or not guid:
            return 400, _refusal("param.invalid")
        if guid in self._guids:  # the same call once more, by an HTTP client that lost the answer
            return 200, {"success": True, "result": True}
        self._guids.add(guid)
        if card.finalized:
            return 400, _refusal("param.streamFinalized")
        if body.get("isFull") is not True:
            self._counts.violations.append("a Markdown variable was not written whole")
            return 400, _refusal("param.isFull")
        card.params[str(body.get("key"))] = content
        card.updates.append((self._clock.monotonic(), content))
        card.finalized = body.get("isFinalize") is True
        return 200, {"success": True, "result": True}

    def _checked(self, params: Any) -> Told | None:
        if isinstance(params, dict) and all(isinstance(value, str) for value in params.values()):
            return None
        self._counts.violations.append("a card's variable is not a string")
        return 400, _refusal("param.cardParamMap")


def _refusal(code: str) -> dict[str, Any]:
    return {"code": code, "message": code, "requestid": "0"}
