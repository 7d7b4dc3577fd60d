"""How a benchmark tells what it has measured: a line for people, and a name and number for the table."""

import json
import os
from collections.abc import Sequence

RECORD = "BENCHMARK_RECORD"
"""Names the file that `benchmarks.table` collects figures from; without it they are only printed."""


def line(label: str, figure: float, unit: str, *, digits: int = 2, name: str = "") -> None:
    """Print one figure, and record it if it has a name that the table knows."""
    print(f"{label:<62}{figure:>10,.{digits}f} {unit}", flush=True)
    if name and (record := os.environ.get(RECORD)):
        with open(record, "a", encoding="utf-8") as file:
            file.write(json.dumps({"name": name, "figure": figure}) + "\n")


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of them lie."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]
