"""Caution: what a process that comes after one that died begins, and which messages it tries alone.

A message can bring its process down, so every attempt at it is counted on disk. But whatever was at work at that
moment was counted, too, and what ends a process is mostly something else: a deploy, the kernel, a power cut. So that
nothing is given up for what it did not do, few turns are begun at first, and what was at work at several deaths is
tried late and with nothing beside it (decision 0021).
"""

from collections import OrderedDict
from datetime import timedelta

from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.store import COUNTED_BY_CLAIM, Claim

ALONE_FROM = COUNTED_BY_CLAIM + 1
"""From this attempt on, a message that was at work when the process died is tried with nothing beside it: what
dies then did not die of another. Three deaths in a crowd say little of any one in it."""

SETTLED_S = 5.0
"""A process that has lived for so many seconds tries the messages that earlier ones may have died of. One that is
ended again and again from outside never comes to them, and so never counts its end against them."""

ALONE_S, WAITED_FOR_S = 0.2, 2.0
"""Seconds until a message that waits to be alone is looked at again, and for which others wait for it to come."""

KNOWN_DEFECTS = 1_000
"""Turns that are remembered as failing by themselves."""

CAREFUL_TURNS, CAREFUL_MORE = 1, 1
"""After a process that died, so many turns are begun at first, and so many more with each that ends, until nothing
waits: twice as many in each round. Were all that wait begun at once, none might end before the next death, and each
would count as tried: messages that spoil nothing would become dead letters. So a death counts for about as many
messages as were answered before it."""


class Caution:
    """Says how many turns may be begun, and how long one that is suspected has to wait.

    A suspect is a message that was at work at so many deaths that they may be its doing. All of this is in memory:
    the next process begins to suspect anew, from the attempts that the store has counted.
    """

    def __init__(self, *, limit: int, clock: Clock) -> None:
        """Begin without any.

        Args:
            limit: Turns in progress at once when there is no reason to be careful.
            clock: Tells the time; its monotonic seconds alone are used.
        """
        self.limit = limit
        self._clock = clock
        self._most: int | None = None
        """Turns in progress at once for now; `None` if there is no reason to be careful."""

        self._settled_at = 0.0
        """From then on suspects are tried."""

        self._alone_until = 0.0
        """Until then nothing is begun beside what is at work: a suspect waits to be alone."""

        self._apart: set[str] = set()
        """The turns that wait for that."""

        self._at_work: set[tuple[str, int]] = set()
        """The suspects that are at work, by turn and epoch."""

        self._defects: OrderedDict[str, None] = OrderedDict()
        """Turns that failed here by themselves: they did not bring the process down, and need not be alone."""

    def begin(self) -> None:
        """Be careful from now on: an earlier process left work behind, and may have died of it."""
        self._most = CAREFUL_TURNS
        self._settled_at = self._clock.monotonic() + SETTLED_S

    def room(self, active: int) -> int:
        """Return how many turns may be begun beside those that are at work; not more than zero for none."""
        if self._at_work or self._clock.monotonic() < self._alone_until:
            return 0 if active else 1
        most = self.limit if self._most is None else min(self.limit, self._most)
        return most - active

    def nothing_waits(self) -> None:
        """All that earlier processes left behind has been begun."""
        self._most = None
        self._apart.clear()

    def begun(self, claim: Claim) -> None:
        """Note that a message is at work."""
        if self._is_suspect(claim) and self._unsettled_s() <= 0:
            self._at_work.add((claim.turn_id, claim.epoch))

    def ended(self, claim: Claim) -> None:
        """Note that it is no more, whatever came of it."""
        self._at_work.discard((claim.turn_id, claim.epoch))
        if self._most is not None:
            self._most += CAREFUL_MORE

    def wait(self, claim: Claim, *, beside: int) -> timedelta | None:
        """Return how long a message must not be tried yet; `None` if it may be tried now.

        Args:
            claim: What is to be tried.
            beside: How many others are at work.
        """
        if not self._is_suspect(claim):
            return None
        if (soon := self._unsettled_s()) > 0:
            return timedelta(seconds=soon)
        if beside > 0:  # what is at work ends first, and nothing else is begun
            self._apart.add(claim.turn_id)
            self._alone_until = self._clock.monotonic() + WAITED_FOR_S
            return timedelta(seconds=ALONE_S)
        return None

    def survived(self, claim: Claim) -> None:
        """Note that a message was tried and the process lives; others that wait to be alone come right behind it."""
        if claim.turn_id in self._apart:
            self._apart.discard(claim.turn_id)
            self._alone_until = self._clock.monotonic() + WAITED_FOR_S if self._apart else 0.0

    def failed(self, claim: Claim) -> None:
        """Note that a turn failed by itself: it is no suspect in this process."""
        self._defects[claim.turn_id] = None
        if len(self._defects) > KNOWN_DEFECTS:
            self._defects.popitem(last=False)
        self.survived(claim)

    def _unsettled_s(self) -> float:
        """Return for how many seconds suspects are not tried yet; zero or less if they are."""
        return self._settled_at - self._clock.monotonic()

    def _is_suspect(self, claim: Claim) -> bool:
        return claim.attempt >= ALONE_FROM and claim.turn_id not in self._defects
