"""Facts that are already true, told to whoever asked to hear them. Never commands."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

Fact = TypeVar("Fact")

log = structlog.get_logger(__name__)


class EventBus:
    """Hands each published fact to the subscribers of its class, in the order they subscribed.

    Subscribers are plain functions that must return at once: they run inside the publisher. One
    that raises is logged and does not disturb the others, because a fact cannot be refused.
    """

    def __init__(self) -> None:
        self._subscribers: defaultdict[type, list[Callable[[Any], None]]] = defaultdict(list)

    def subscribe(self, kind: type[Fact], hear: Callable[[Fact], None]) -> None:
        """Call `hear` with every `kind` that is published from now on."""
        self._subscribers[kind].append(hear)

    def publish(self, fact: object) -> None:
        """Tell the subscribers of this very class (not of its bases)."""
        for hear in self._subscribers.get(type(fact), ()):
            try:
                hear(fact)
            except Exception:  # a task boundary: one deaf subscriber must not stop the others
                log.exception("event.subscriber_failed", fact=type(fact).__name__)
