"""What became of the calls of business systems, and of the checks whether they are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Protocol

from ai_worker.skills.tool import Called

CALLS_KEPT = timedelta(days=30)
"""For so long a call is remembered."""

REFUSALS = ("tool.refused", "tool.bad_arguments", "connector.not_for_asker", "cancelled")
"""Codes of calls that came to nothing without the system having failed: it said no, was not asked at all,
or nobody waited for it any more."""


Outcome = Literal["ok", "refused", "failed"]


def outcome_of(code: str) -> Outcome:
    """Return how a call ended; `failed`: something is wrong with the connection or the system."""
    if code == "ok":
        return "ok"
    return "refused" if code in REFUSALS else "failed"


@dataclass(frozen=True, slots=True)
class CallSums:
    """The calls of one connector in a window of time."""

    calls: int = 0
    failed: int = 0
    p95_ms: float | None = None
    """`None`: there was no call."""

    @property
    def failed_percent(self) -> float:
        """Of all calls; 0 where there was none."""
        return 100 * self.failed / self.calls if self.calls else 0.0


NO_CALLS = CallSums()


@dataclass(frozen=True, slots=True)
class Checked:
    """One look at whether a business system is there and takes our credentials."""

    connector: str
    at: datetime
    """Aware, in UTC."""

    code: str
    """`ok`, or the error's code."""

    detail: str = ""
    """What came back in a few words, or the error's; never a secret."""

    fix: str = ""
    """What to do about it; empty where nothing is wrong."""

    ms: float = 0.0
    drift: bool | None = None
    """Whether the system's contract is another one by now; `None`: nobody has looked, or can."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a connector stands: its last check, and the last one with either outcome."""

    last: Checked
    good_at: datetime | None = None
    """When a check was last well."""

    error: Checked | None = None
    """The last check that was not well, however long ago."""


class CallStore(Protocol):
    """Keeps calls and checks, durably. All times are aware and in UTC."""

    async def add(self, calls: Sequence[Called]) -> None:
        """Keep calls."""
        ...

    async def latest(self, connector: str | None = None, *, limit: int) -> Sequence[Called]:
        """Return the latest calls, of one connector or of all, the newest first."""
        ...

    async def sums(self, since: datetime) -> Mapping[str, CallSums]:
        """Return what the calls since a moment come to, by connector; one without any is left out."""
        ...

    async def note(self, checked: Checked) -> None:
        """Keep a check. One that does not say whether the contract has changed leaves that as it was."""
        ...

    async def standings(self) -> Mapping[str, Standing]:
        """Return how each connector that was ever checked stands, by its id."""
        ...
