"""How much is measured: enough to be believed, or just enough to see that the benchmark works."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts and times of the benchmarks of the whole service."""

    messages: int = 3_000
    runs: int = 3
    """The median of so many is told."""

    storm: int = 1_000
    crowd: int = 10_000
    stored: tuple[int, int] = (10_000, 1_000_000)
    hot_s: float = 20.0


QUICK = Sizes(messages=500, runs=1, storm=300, crowd=1_000, stored=(1_000, 20_000), hot_s=5.0)
