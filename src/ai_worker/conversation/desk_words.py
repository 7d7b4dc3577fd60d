"""What colleagues on the duty roster write in their messenger, and what they are told there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ai_worker.conversation.conversation import Conversation
from ai_worker.conversation.handoff_summary import Summary
from ai_worker.conversation.phrases import LANGUAGES, Phrases, catalogue
from ai_worker.foundation.text import fold, shorten
from ai_worker.skills.approval import Approval

Order = Literal["queue", "take", "leave", "approve", "refuse", "unclear"]

QUEUE = 10
"""Conversations that a colleague is shown of the queue."""

_NUMBER = r"\s*(?:c\s*-?\s*)?(\d{1,12})"
_AT_THE_END = re.compile(r"[\s。.！!，,]+$")


@dataclass(frozen=True, slots=True)
class Command:
    """What a colleague wants."""

    order: Order
    """`unclear`: it begins like an order and cannot be read as one."""

    number: int | None = None
    """Which conversation; `None` means the first, or the one they are in."""

    code: str = ""
    """Of `approve` and `refuse`: which approval; see `Approval.code`."""


def command(text: str) -> Command | None:
    """Return the order that a whole message is; `None` if it is none, and so for whom they talk to.

    `排队`, `接管` or `接管 c-2041`, `交还` or `结束` with or without a number; in English `queue`,
    `take c-2041`, `hand back`; `批准 3FA9C1`, `拒绝 3FA9C1`, `approve 3FA9C1`, `refuse 3FA9C1`.
    """
    said = _AT_THE_END.sub("", fold(text))
    if (about := _approval(said)) is not None:
        return about
    for order in ("queue", "take", "leave"):
        for words in _orders(order):
            if said == words:
                return Command(order)
            if order == "queue" or not said.startswith(words):
                continue
            if found := re.fullmatch(_NUMBER, said[len(words) :]):
                return Command(order, int(found[1]))
            if order == "take" and re.fullmatch(r"\s*c?\s*-?\s*\w{1,8}", said[len(words) :]) and "c" in said:
                return Command("unclear")
    return None


def _approval(said: str) -> Command | None:
    """Return the word for an approval that a whole message is: `批准 3FA9C1`, `refuse 3fa9c1`."""
    orders: tuple[Order, ...] = ("approve", "refuse")
    for order in orders:
        for words in _orders(order):
            if said.startswith(words) and (found := re.fullmatch(r"\s*([0-9a-f]{6})", said[len(words) :])):
                return Command(order, code=found[1].upper())
    return None


def _orders(order: str) -> list[str]:
    return [words for language in LANGUAGES for words in catalogue(language)["desk"][f"order_{order}"]]


class DeskWords:
    """One language's words for colleagues."""

    def __init__(self, words: Phrases) -> None:
        self._desk = catalogue(words.language)["desk"]

    def say(self, key: str, **values: object) -> str:
        """Return the words called `key`, filled with `values`."""
        return str(self._desk[key]).format(**values)

    def name(self, conversation: Conversation) -> str:
        """Return what a contact or group is called."""
        if conversation.group:
            return conversation.group_name or conversation.key
        named = conversation.contact_name or conversation.contact_id
        return f"{named}（{conversation.department}）" if conversation.department else named

    def reason(self, conversation: Conversation) -> str:
        """Return why a person was asked for."""
        return str(self._desk["reason"].get(conversation.handoff_reason, ""))

    def waited(self, conversation: Conversation, now: datetime) -> str:
        """Return how long a contact has waited."""
        since = conversation.waiting_since
        minutes = 0 if since is None else int((now - since).total_seconds() // 60)
        if minutes < 1:
            return self.say("just_now")
        hours, rest = divmod(minutes, 60)
        return self.say("hours", hours=hours, minutes=rest) if hours else self.say("minutes", minutes=minutes)

    def call(self, conversation: Conversation, summary: Summary, now: datetime, *, again: bool) -> str:
        """Return how somebody is told that a contact waits."""
        head = self.say(
            "reminded" if again else "called",
            label=conversation.label,
            name=self.name(conversation),
            waited=self.waited(conversation, now),
        )
        first = [self.say("first")] if conversation.first_in_queue else []
        reason = [self.say("because", reason=reason)] if (reason := self.reason(conversation)) else []
        how = self.say("how_to_take", label=conversation.label)
        return "\n".join([head, *first, *reason, *self.summary(summary), how])

    def approval(self, approval: Approval, *, minutes: int) -> str:
        """Return how a colleague is asked for their word."""
        asker = approval.asker
        name = asker.name or asker.id
        named = f"{name}（{asker.department}）" if asker.department else name
        return self.say("approval_called", name=named, text=approval.text, code=approval.code, minutes=minutes)

    def settled(self, approval: Approval) -> str:
        """Return the line by which a conversation learns what became of an approval."""
        state = approval.state if approval.state in ("approved", "refused") else "expired"
        person = approval.decided_by.rpartition("/")[2]
        return self.say(f"settled_{state}", person=person, title=approval.title)

    def unanswered(self, conversation: Conversation, minutes: int) -> str:
        """Return how somebody who has taken over is told that the contact waits for an answer."""
        return self.say("unanswered", label=conversation.label, name=self.name(conversation), minutes=minutes)

    def taken(self, conversation: Conversation, summary: Summary) -> str:
        """Return what somebody is told who has taken over."""
        head = self.say("taken", label=conversation.label, name=self.name(conversation))
        return "\n".join([head, *self.summary(summary)])

    def queue(self, waiting: Sequence[tuple[Conversation, str]], count: int, now: datetime) -> str:
        """Return who waits and what about, the first one first; `count` is how many do."""
        if not waiting:
            return self.say("queue_empty")
        lines = [
            self.say(
                "queue_line",
                label=one.label,
                name=self.name(one),
                waited=self.waited(one, now),
                text=shorten(about, 30),
            )
            for one, about in waiting[:QUEUE]
        ]
        return "\n".join([self.say("queue", count=count), *lines])

    def summary(self, summary: Summary) -> list[str]:
        """Return the lines of a summary."""
        told = [
            line
            for one in summary.answered
            for line in (self.say("asked", text=one.question), self.say("answered", text=one.answer))
        ]
        left_out = [self.say("left_out", count=summary.left_out)] if summary.left_out else []
        return left_out + told + [self.say("open", text=text) for text in summary.open]
