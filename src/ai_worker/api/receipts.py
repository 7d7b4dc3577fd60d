"""Receipts: messages that this process has put into a queue, and that the store may not know yet."""

from collections import Counter, OrderedDict
from dataclasses import dataclass
from datetime import datetime

from ai_worker.conversation.message import InboundMessage
from ai_worker.pipeline.store import Accepted

MOST = 10_000


@dataclass(frozen=True, slots=True)
class Receipted:
    """Where an accepted message belongs, and when it came."""

    conversation_key: str
    received_at: datetime


class Receipts:
    """The latest 10,000 of them; a message that went straight into the store needs none."""

    def __init__(self) -> None:
        self._by_turn: OrderedDict[str, Receipted] = OrderedDict()
        self._conversations: Counter[str] = Counter()

    def note(self, accepted: Accepted, message: InboundMessage) -> None:
        """Remember a message, if only a queue has it."""
        if accepted.conversation_id or accepted.turn_id in self._by_turn:
            return
        self._by_turn[accepted.turn_id] = Receipted(message.conversation_key, message.received_at)
        self._conversations[message.conversation_key] += 1
        if len(self._by_turn) > MOST:
            _, oldest = self._by_turn.popitem(last=False)
            self._conversations[oldest.conversation_key] -= 1
            if not self._conversations[oldest.conversation_key]:
                del self._conversations[oldest.conversation_key]

    def of_turn(self, turn_id: str) -> Receipted | None:
        """Return what is remembered of a turn."""
        return self._by_turn.get(turn_id)

    def expects(self, conversation_key: str) -> bool:
        """Return whether a message of this conversation may still be on its way into the store."""
        return conversation_key in self._conversations
