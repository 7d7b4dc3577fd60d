"""What the simulated Feishu remembers: what people were shown, and what happened."""

import secrets
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ai_worker.foundation.clock import Clock

KEPT = 200_000
"""Messages and violations that are remembered; a simulation that sends more forgets the oldest."""

Answer = dict[str, Any]
Json = dict[str, Any]


@dataclass(slots=True)
class Shown:
    """One message that people see; a card changes while they look at it."""

    number: int
    """1 for the first that the platform took."""

    message_id: str
    to: str
    """open_id of a person, chat_id of a group, or `robot`."""

    kind: str
    """`text`, `post`, `interactive`, `image` or `file`."""

    content: Json
    at: datetime
    answers: str = ""
    """message_id of what it answers, if it was sent as a reply."""

    card_id: str = ""
    withdrawn: bool = False
    versions: list[str] = field(default_factory=list)
    """The texts that a card has shown one after the other."""

    @property
    def text(self) -> str:
        """What a person reads, without buttons."""
        if self.kind in ("image", "file"):
            return str(self.content["name"])
        if self.kind == "text":
            return str(self.content.get("text", ""))
        if self.kind == "post":
            post: Json = next(iter(self.content.values()), {})
            rows = post.get("content", [])
            return "\n".join("".join(str(element.get("text", "")) for element in row) for row in rows)
        return "\n".join(str(node["content"]) for node in nodes(self.content) if node.get("tag") == "markdown")

    @property
    def buttons(self) -> dict[str, Json]:
        """What a card's buttons send, by their labels."""
        found = [node for node in nodes(self.content) if node.get("tag") == "button"]
        return {node["text"]["content"]: node["behaviors"][0]["value"] for node in found}

    @property
    def streaming(self) -> bool:
        """Whether a card says that it is still being written."""
        return bool(self.content.get("config", {}).get("streaming_mode"))


def nodes(card: Json) -> Iterator[Json]:
    """Walk through every element of a card, in the order in which it is shown."""
    waiting: list[Any] = [card.get("body", {}).get("elements", [])]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, list):
            waiting[:0] = node
        elif isinstance(node, dict):
            yield node
            waiting[:0] = [value for value in node.values() if isinstance(value, list)]


@dataclass(slots=True)
class Counts:
    """What happened at the platform since it started."""

    token_fetches: int = 0
    calls: int = 0
    shown: int = 0
    suppressed: int = 0
    """Sends recognised by their uuid and shown once."""

    card_updates: int = 0
    violations: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))
    """Limits of the platform that were exceeded, and answers that it cannot read, in words."""

    pushes: int = 0
    """Attempts to deliver an event, repeated ones included."""

    missed_deadlines: int = 0
    """Attempts that were not answered within the platform's three seconds."""

    refused_pushes: int = 0
    """Attempts that were answered with an error."""

    unacknowledged: int = 0
    """Events that the platform gave up."""

    connections: int = 0
    """Long connections that were made."""


class Window:
    """At most so many in so many seconds; what goes beyond is counted as a violation and refused."""

    def __init__(self, what: str, limits: tuple[tuple[int, float], ...], *, clock: Clock, counts: Counts) -> None:
        self._what = what
        self._limits = limits
        self._clock = clock
        self._counts = counts
        self._times: deque[float] = deque(maxlen=max(most for most, _ in limits))

    def take(self) -> bool:
        """Count one more if there is room for it."""
        now = self._clock.monotonic()
        for most, seconds in self._limits:
            if len(self._times) >= most and now - self._times[-most] < seconds:
                self._counts.violations.append(f"{self._what}: more than {most} in {seconds:g} s")
                return False
        self._times.append(now)
        return True


def refusal(code: int, msg: str, **more: Any) -> Answer:
    """Return an answer that says no."""
    return {"code": code, "msg": msg, **more}


def granted(**data: Any) -> Answer:
    """Return an answer that says yes."""
    return {"code": 0, "msg": "success", "data": data}


def fresh(prefix: str) -> str:
    """Return an id as the platform makes them."""
    return f"{prefix}_{secrets.token_hex(16)}"
