"""The simulated Feishu's card entities: one writer each, numbers that only rise, ten minutes of streaming."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ai_worker.demo.feishu_state import Answer, Counts, Json, Shown, Window, fresh, granted, nodes, refusal
from ai_worker.foundation.clock import Clock

CARD_BYTES = 30_000
STREAMS_S = 600.0
ELEMENT_ID = 20
TEXT_TAGS = ("markdown", "plain_text")


@dataclass(slots=True)
class Entity:
    """One card entity."""

    card_id: str
    content: Json
    streaming_since: float
    sequence: int = 0
    shown: Shown | None = None
    """The one message that it was sent as."""

    pressed: bool = False
    """Somebody's click is being processed: updates are refused."""

    operations: list[str] = field(default_factory=list)


def card_fault(raw: object) -> str:
    """Say what is wrong with a card in JSON 2.0; empty if nothing is."""
    if not isinstance(raw, dict) or raw.get("schema") != "2.0":
        return "the card is not in schema 2.0"
    body = raw.get("body")
    if not isinstance(body, dict) or not isinstance(body.get("elements"), list) or not body["elements"]:
        return "body is nil"
    seen: set[str] = set()
    for node in nodes(raw):
        name = node.get("element_id", "")
        if node.get("tag") == "action":
            return "not support tag: action"
        if not isinstance(name, str) or len(name) > ELEMENT_ID or (name and name in seen):
            return f"element_id {name!r} is too long or not unique"
        seen.add(name)
        if node.get("tag") == "button" and not isinstance(node.get("behaviors", [{}])[0].get("value"), dict):
            return "a button's value is no object"
    return ""


class Cards:
    """All card entities of one application."""

    def __init__(self, *, clock: Clock, counts: Counts, streams_s: float = STREAMS_S) -> None:
        self.entities: dict[str, Entity] = {}
        self._clock = clock
        self._counts = counts
        self._streams_s = streams_s
        self._paces: defaultdict[str, Window] = defaultdict(
            lambda: Window("one card", ((10, 1.0),), clock=clock, counts=counts)
        )
        self._app = Window("cards of the application", ((50, 1.0), (1_000, 60.0)), clock=clock, counts=counts)

    def create(self, body: Json) -> Answer:
        """Make an entity."""
        if not self._app.take():
            return refusal(99991400, "request trigger frequency limit")
        content = _json(body.get("data"))
        if body.get("type") != "card_json" or content is None:
            return refusal(200621, "parse card json err")
        if len(str(body["data"]).encode()) > CARD_BYTES:
            return refusal(200860, "card content exceeds limit")
        if fault := card_fault(content):
            return refusal(200621, fault)
        entity = Entity(fresh("card"), content, self._clock.monotonic())
        self.entities[entity.card_id] = entity
        return granted(card_id=entity.card_id)

    def send(self, card_id: str) -> Entity | None:
        """Return an entity that is to be sent; `None` if there is none, or it was sent before."""
        entity = self.entities.get(card_id)
        return entity if entity is not None and entity.shown is None else None

    def operate(self, card_id: str, what: str, body: Json) -> Answer:
        """Do something to an entity if its number is higher than the last: `card`, `settings`, or an element's name."""
        entity = self.entities.get(card_id)
        if entity is None:
            return refusal(200740, "card entity not found")
        if not self._app.take() or not self._paces[card_id].take():
            return refusal(99991400, "request trigger frequency limit")
        if entity.pressed:
            return refusal(200810, "card is being interacted with")
        sequence = body.get("sequence")
        if not isinstance(sequence, int) or not 0 < sequence < 2**31:
            return refusal(300301, "sequence is invalid")
        if sequence <= entity.sequence:
            self._counts.violations.append(f"a card's number {sequence} came after {entity.sequence}")
            return refusal(300317, "sequence number compare failed")
        answer = {"card": self._replace, "settings": self._set}.get(what, self._write)(entity, what, body)
        if answer["code"] == 0:
            entity.sequence = sequence
            entity.operations.append(what)
            self._counts.card_updates += 1
            self._reflect(entity)
        return answer

    def _replace(self, entity: Entity, _what: str, body: Json) -> Answer:
        told = body.get("card")
        content = _json(told.get("data")) if isinstance(told, dict) else None
        if content is None or (fault := card_fault(content)):
            return refusal(200621, fault if content is not None else "parse card json err")
        if len(str(body["card"]["data"]).encode()) > CARD_BYTES:
            return refusal(200860, "card content exceeds limit")
        entity.content = content
        return granted()

    def _set(self, entity: Entity, _what: str, body: Json) -> Answer:
        settings = _json(body.get("settings"))
        if settings is None or not isinstance(settings.get("config"), dict):
            return refusal(300301, "settings is invalid")
        entity.content["config"] = {**entity.content.get("config", {}), **settings["config"]}
        if settings["config"].get("streaming_mode"):
            entity.streaming_since = self._clock.monotonic()
        return granted()

    def _write(self, entity: Entity, element: str, body: Json) -> Answer:
        text = body.get("content")
        if not entity.content.get("config", {}).get("streaming_mode"):
            return refusal(300309, "streaming mode is closed")
        if self._clock.monotonic() - entity.streaming_since > self._streams_s:
            entity.content["config"]["streaming_mode"] = False
            return refusal(200850, "card streaming timeout")
        node = next((node for node in nodes(entity.content) if node.get("element_id") == element), None)
        if node is None:
            return refusal(300313, "element not found")
        if node.get("tag") not in TEXT_TAGS:
            return refusal(300310, "not a text element")
        if not isinstance(text, str) or not 1 <= len(text) <= 100_000:
            return refusal(300301, "content is invalid")
        node["content"] = text
        return granted()

    @staticmethod
    def _reflect(entity: Entity) -> None:
        if entity.shown is not None:
            entity.shown.content = entity.content
            entity.shown.versions.append(entity.shown.text)


def _json(text: object) -> Json | None:
    try:
        found: Any = msgspec.json.decode(text) if isinstance(text, str) else None
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None
