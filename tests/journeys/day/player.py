"""Plays a day: contacts and colleagues write through the simulated WeCom, and what each is shown is checked in order.

A day is made of hours, an hour of scenes that go on at the same time, a scene of lines. A line is one
turn: who says what, and what everybody is shown because of it. Nothing is left out of a line: a message that no
line expects is found by the next one, or at the end.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.site import Site
from tests.console.reading import attribute, csrf_of, page_of

PATIENCE_S = 40.0
"""So long one reply is waited for; a quiet machine takes half a second."""

LABEL = re.compile(r"c-\d+")
Shown = tuple[str, ...]
"""What one message has to hold; a part that begins with `!` must not be in it."""


@dataclass(frozen=True)
class Line:
    """One turn."""

    who: str
    says: tuple[str, ...]
    """Several are a burst. `{label}` stands for the conversation that the speaker was called to last."""

    shown: Mapping[str, Sequence[Shown]]
    """What each is shown, in order."""

    failing: Mapping[str, Sequence[Shown]] | None = None
    """What each is shown instead while a model is configured that fails."""

    thinking: Mapping[str, Sequence[Shown]] | None = None
    """What each is shown instead while a model is configured that works."""


@dataclass(frozen=True)
class Gap:
    """Somebody in the console answers what was asked in vain."""

    question: str
    answer: str


Scene = Sequence[Line | Gap]


def says(who: str, *said: str) -> "Says":
    """Begin a line: `says(WANG, "怎么退货").shown("签收 7 天内")`."""
    return Says(who, said)


@dataclass(frozen=True)
class Says:
    """Half a line: what is said."""

    who: str
    said: tuple[str, ...]

    def shown(self, *parts: str, **others: Shown) -> Line:
        """The speaker is shown one message with these parts; `others` are shown one each."""
        told: dict[str, Sequence[Shown]] = {name: [words] for name, words in others.items()}
        return Line(self.who, self.said, {**({self.who: [parts]} if parts else {}), **told})

    def carried(self, to: str, *messages: str) -> Line:
        """Somebody else is shown these messages; the speaker is shown nothing."""
        return Line(self.who, self.said, {to: [(message,) for message in messages]})
