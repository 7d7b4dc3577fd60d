"""What somebody who is handed over can be told: when a person comes. Only what is known, never a guess."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from statistics import median

from ai_worker.conversation.message import InboundMessage
from ai_worker.conversation.office_hours import OfficeHours
from ai_worker.conversation.phrases import Phrases

ENOUGH = 5
"""Measured waits from which on a wait is foretold."""

LONGEST = 120
"""Minutes beyond which no wait is foretold: too much can happen."""


@dataclass(frozen=True, slots=True)
class Wait:
    """How long somebody waited for a person."""

    asked_at: datetime
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of how soon a person comes."""

    opens_at: datetime | None = None
    """When people are there again, in their own zone; `None` if they are there now, or nobody knows."""

    off_today: bool = False
    """Nobody works today at all."""

    ahead: int = 0
    """How many wait that are to be seen to first."""

    minutes: int | None = None
    """How long others in the same place have waited; `None` where too few have."""


Foresee = Callable[[InboundMessage, bool], Awaitable[Outlook]]
"""Returns what the sender of a message can be told; the flag says whether they are first in the queue."""


def expected(waits: Sequence[Wait], ahead: int, hours: OfficeHours) -> int | None:
    """Return in how many minutes somebody with `ahead` before them is seen to, measured in open hours.

    It is the median wait of those who had at least as many before them when they asked; `None` if those
    were fewer than `ENOUGH`, or if it is more than `LONGEST`.
    """
    alike = [
        hours.open_between(wait.asked_at, wait.taken_at).total_seconds()
        for wait in waits
        if _before(wait, waits) >= ahead
    ]
    if len(alike) < ENOUGH:
        return None
    minutes = max(1, ceil(median(alike) / 60))
    return minutes if minutes <= LONGEST else None


def _before(one: Wait, waits: Sequence[Wait]) -> int:
    """Return how many were waiting already when `one` asked."""
    return sum(other.asked_at < one.asked_at < other.taken_at for other in waits)


def foretell(words: Phrases, outlook: Outlook, *, now: datetime) -> str:
    """Return the sentence that says what is known, to be put behind others; empty if nothing is."""
    if outlook.opens_at is not None:
        when = _when(words, outlook.opens_at, now.astimezone(outlook.opens_at.tzinfo))
        said = words.say("closed_today" if outlook.off_today else "closed_now", when=when)
    elif outlook.ahead and outlook.minutes is not None:
        said = words.say("queued_minutes", ahead=outlook.ahead, minutes=outlook.minutes)
    elif outlook.ahead:
        said = words.say("queued", ahead=outlook.ahead)
    elif outlook.minutes is not None:
        said = words.say("next_minutes", minutes=outlook.minutes)
    else:
        return ""
    return said if words.language.startswith("zh") else f" {said}"


def _when(words: Phrases, moment: datetime, now: datetime) -> str:
    days = (moment.date() - now.date()).days
    time = f"{moment.hour}:{moment.minute:02d}"
    if days in (0, 1):
        return words.say("tomorrow" if days else "today", time=time)
    weekday = words.ask_model["weekdays"][moment.weekday()]
    return words.say("on_day", month=moment.month, day=moment.day, weekday=weekday, time=time)
