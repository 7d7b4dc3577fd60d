"""Gaps: questions that had no answer or a bad one, and how a person closes them.

Each wording is counted on its own. People see groups of wordings that ask the same, answer a group once,
and the wordings become the entry's; a gap that is asked again without an answer opens by itself.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ai_worker.foundation.text import fold

GapKind = Literal["unanswered", "disliked"]
"""`disliked`: it was answered, and a contact said that this did not help."""

GapState = Literal["open", "answered", "dismissed"]

ALIKE = 0.62
"""From this likeness on two wordings are shown as one gap. Grouping too little costs a person a second
look; grouping too much would hide a question behind another."""

GROUPED = 500
"""So many of the latest wordings are looked at: comparing all with all takes its square."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A question that nothing answered, or not well."""

    question: str
    times: int
    first_at: datetime
    last_at: datetime
    turn_id: str
    """The latest turn that asked it."""

    number: int = 0
    kind: GapKind = "unanswered"
    said: str = ""
    """What was answered, where that did not help."""

    state: GapState = "open"
    base: str = ""
    entry_id: str = ""
    """The entry that answers it now; empty unless `state` is `answered`."""

    settled_at: datetime | None = None
    settled_by: str = ""


@dataclass(frozen=True, slots=True)
class GapGroup:
    """Wordings that ask the same."""

    gaps: tuple[Gap, ...]
    """The most frequent wording first."""

    @property
    def question(self) -> str:
        """The wording that stands for all."""
        return self.gaps[0].question

    @property
    def others(self) -> tuple[str, ...]:
        """The other wordings."""
        return tuple(gap.question for gap in self.gaps[1:])

    @property
    def numbers(self) -> tuple[int, ...]:
        """What the store knows them by."""
        return tuple(gap.number for gap in self.gaps)

    @property
    def times(self) -> int:
        """How often all of them were asked."""
        return sum(gap.times for gap in self.gaps)

    @property
    def last_at(self) -> datetime:
        """When one of them was asked last."""
        return max(gap.last_at for gap in self.gaps)

    @property
    def said(self) -> str:
        """An answer that did not help; empty where there was none."""
        return next((gap.said for gap in self.gaps if gap.said), "")


class GapStore(Protocol):
    """Keeps gaps. Those that nobody has asked for longest are forgotten when there are too many."""

    async def open_gaps(self, limit: int) -> list[Gap]:
        """Return open gaps, the most frequent first and of those the latest."""
        ...

    async def settled_gaps(self, limit: int) -> list[Gap]:
        """Return gaps that a person has answered or dismissed, the latest first."""
        ...

    async def by_number(self, numbers: Sequence[int]) -> list[Gap]:
        """Return these gaps, whatever their state; those that are gone are left out."""
        ...

    async def settle(
        self, numbers: Sequence[int], state: GapState, *, by: str, at: datetime, base: str = "", entry_id: str = ""
    ) -> int:
        """Answer, dismiss or open gaps again; return how many there were."""
        ...


def groups(gaps: Sequence[Gap]) -> list[GapGroup]:
    """Return gaps in groups that ask the same, the most frequent first. The same gaps give the same groups.

    A wording joins the first group whose most frequent wording is like it: groups do not grow into
    chains whose ends have nothing in common.
    """
    made: list[tuple[frozenset[str], list[Gap]]] = []
    for gap in sorted(gaps[:GROUPED], key=lambda gap: (-gap.times, -gap.last_at.timestamp(), gap.question)):
        pieces = _pieces(gap.question)
        for first, members in made:
            if likeness(pieces, first) >= ALIKE:
                members.append(gap)
                break
        else:
            made.append((pieces, [gap]))
    found = [GapGroup(tuple(members)) for _, members in made]
    return sorted(found, key=lambda group: (-group.times, -group.last_at.timestamp(), group.question))


def likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Return the Dice coefficient of two sets of pieces: 0 nothing in common, 1 the same."""
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0


_FILLER = frozenset("的了吗呢啊吧呀哦哈嘛么呗请问您你我想能可以怎如何是有在就还")

_WHEN = re.compile("什么时候|啥时候|何时|几点钟?|哪天")
_WHERE = re.compile("什么地方|哪里|哪儿|何处")


def _pieces(question: str) -> frozenset[str]:
    """Return the characters and the pairs of neighbours that carry meaning."""
    folded = _WHERE.sub("哪", _WHEN.sub("时", fold(question)))
    kept = [character for character in folded if character.isalnum() and character not in _FILLER]
    text = "".join(kept)
    return frozenset((*kept, *(text[at : at + 2] for at in range(len(text) - 1))))
