"""What a demo showed, summed up for people and for machines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ai_worker.demo.company import PLATFORMS
from ai_worker.demo.exchange import Exchange


@dataclass(slots=True)
class Tally:
    """All exchanges of a demo, summed up."""

    sent: int = 0
    """Messages that wanted an answer, each counted once; a pressed choice is one too."""

    answered: int = 0
    played: int = 0
    """Everything that was tried, ratings and forgeries too."""

    succeeded: int = 0
    duplicates_ignored: int = 0
    seconds: float = 0.0

    def add(self, exchange: Exchange) -> None:
        """Count one exchange."""
        self.played += 1
        self.succeeded += exchange.ok
        self.duplicates_ignored += exchange.duplicates_ignored
        if exchange.expects_reply:
            self.sent += 1
            self.answered += bool(exchange.replies)
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

    violations: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Rules of each platform that the worker has broken, in words."""

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
        return self.complete and not self.failed and not any(self.violations.values())

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
            "platforms": {platform: self._on(platform) for platform in PLATFORMS},
            **self.facts,
        }

    def _on(self, platform: str) -> dict[str, Any]:
        """Return how the round went on one platform."""
        played = [exchange for exchange in self.exchanges if exchange.platform == platform]
        good = [exchange for exchange in played if exchange.ok]
        violations = list(self.violations.get(platform, ()))
        return {
            "ok": self.complete and len(good) == len(played) > 0 and not violations,
            "steps": [exchange.name for exchange in played],
            "answered": sum(exchange.expects_reply and bool(exchange.replies) for exchange in played),
            "citations": sum(len(exchange.result.citations) for exchange in played if exchange.result),
            "duplicates_ignored": sum(exchange.duplicates_ignored for exchange in played),
            "chosen_by": ["button" if one.by_button else "number" for one in good if one.name.endswith("choice")],
            "group_answered": sum(exchange.expects_reply and exchange.group for exchange in good),
            "group_ignored": sum(exchange.act == "overheard" for exchange in good),
            "forged_refused": sum(exchange.act == "forged" for exchange in good),
            "ratings_stored": sum(exchange.stored for exchange in good),
            "violations": violations,
        }
