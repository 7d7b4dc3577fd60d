"""What a demo showed, summed up for people and for machines."""

from dataclasses import dataclass, field
from typing import Any

from ai_worker.demo.rounds import Exchange


@dataclass(slots=True)
class Tally:
    """All exchanges of a demo, summed up."""

    sent: int = 0
    """Messages that contacts sent, each counted once."""

    answered: int = 0
    succeeded: int = 0
    duplicates_ignored: int = 0
    seconds: float = 0.0

    def add(self, exchange: Exchange) -> None:
        """Count one exchange."""
        self.sent += 1
        self.answered += bool(exchange.replies)
        self.succeeded += exchange.ok
        self.duplicates_ignored += exchange.duplicates_ignored
        self.seconds += exchange.seconds if exchange.replies else 0.0

    @property
    def mean_seconds(self) -> float:
        """The mean time to a reply; 0 when there was none."""
        return self.seconds / self.answered if self.answered else 0.0


@dataclass(slots=True)
class Outcome:
    """What a demo showed."""

    exchanges: list[Exchange] = field(default_factory=list)
    """The scripted round."""

    tally: Tally = field(default_factory=Tally)
    """The round and every sample question after it."""

    facts: dict[str, Any] = field(default_factory=dict)
    """Where the parts were and what they held."""

    complete: bool = False
    """Whether the round was played to its end."""

    problem: str = ""
    """Why it could not be played; empty when it could."""

    @property
    def failed(self) -> list[str]:
        """The names of the steps that did not work."""
        return [exchange.name for exchange in self.exchanges if not exchange.ok]

    @property
    def ok(self) -> bool:
        """Whether every step was played and worked."""
        return self.complete and not self.failed

    def public(self) -> dict[str, Any]:
        """Return the summary that `--json` prints."""
        tally = self.tally
        counts = {"sent": tally.sent, "answered": tally.answered, "duplicates_ignored": tally.duplicates_ignored}
        return {
            "ok": self.ok,
            "steps": [exchange.public() for exchange in self.exchanges],
            "failed": self.failed,
            "problem": self.problem,
            "messages": counts,
            "mean_seconds": round(tally.mean_seconds, 3),
            **self.facts,
        }
