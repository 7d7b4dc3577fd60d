"""How many contracts of a folder compile, to how many tools, and at what cost.

    python -m benchmarks.connectors.compile FOLDER [--json] [--slowest 5]

FOLDER holds OpenAPI contracts (`.json`, `.yaml`, also packed with gzip). Each is compiled in a process of
its own, so that its memory is its own; CPU seconds are told, which other load on the machine changes
little. Ends with 1 when an aim is missed.
"""

import argparse
import json
import multiprocessing
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ai_worker.connectors.openapi.compile import level
from ai_worker.connectors.openapi.files import compile_file
from ai_worker.connectors.operation import ContractRefused, ContractTooLarge

NONE = "none"
SUFFIXES = (".json", ".yaml", ".yml", ".json.gz", ".yaml.gz", ".yml.gz")
AIMS = {
    "compiled": ("≥ 0.98", 0.98),
    "tools": ("≥ 0.95", 0.95),
    "cpu_median_s": ("≤ 0.2", 0.2),
    "cpu_max_s": ("≤ 10", 10.0),
    "memory_max_mb": ("≤ 300", 300.0),
    "schema_median": ("≤ 1500", 1_500.0),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of one contract."""

    name: str
    error: str = ""
    kind: str = ""
    level: str = ""
    operations: int = 0
    tools: int = 0
    warnings: int = 0
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    schemas: tuple[int, ...] = ()
    """Characters of each tool's schema."""


def measured(path: Path) -> Measured:
    """Compile one contract; to be called in a process of its own."""
    start = time.process_time()
    try:
        contract = compile_file(path)
    except (ContractRefused, ContractTooLarge) as error:
        return Measured(path.name, error=str(error))
    cpu = time.process_time() - start
    return Measured(
        path.name,
        kind=contract.kind,
        level=level(contract),
        operations=len(contract.operations) + len(contract.skipped),
        tools=len(contract.operations),
        warnings=len(contract.warnings),
        cpu_s=cpu,
        memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        schemas=tuple(len(msgspec.json.encode(one.input_schema).decode()) for one in contract.operations),
    )


def figures(results: Sequence[Measured]) -> dict[str, float]:
    """Return what is aimed at."""
    done = [one for one in results if not one.error]
    operations = sum(one.operations for one in done)
    return {
        "compiled": len(done) / len(results),
        "tools": sum(one.tools for one in done) / operations,
        "cpu_median_s": statistics.median(one.cpu_s for one in done),
        "cpu_max_s": max(one.cpu_s for one in done),
        "memory_max_mb": max(one.memory_mb for one in done),
        "schema_median": statistics.median(size for one in done for size in one.schemas),
    }


def missed(found: dict[str, float]) -> list[str]:
    """Return the aims that were missed."""
    return [name for name, (words, aim) in AIMS.items() if (found[name] < aim if "≥" in words else found[name] > aim)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--slowest", type=int, default=5)
    options = parser.parse_args()
    paths = sorted(path for path in options.folder.iterdir() if path.name.endswith(SUFFIXES))
    if not paths:
        parser.error(f"{options.folder}: no contracts in it")
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        results = list(pool.imap(measured, paths))
    found = figures(results)
    if options.json:
        print(json.dumps({**found, "contracts": len(results), "missed": missed(found)}))
        return 1 if missed(found) else 0
    _tell(results, found, options.slowest)
    return 1 if missed(found) else 0


def _tell(results: Sequence[Measured], found: dict[str, float], slowest: int) -> None:
    print(f"{len(results)} contracts, {sum(one.operations for one in results):,} operations")
    for name, value in found.items():
        print(f"  {name:16} {value:10.3f}   aim {AIMS[name][0]}{'   MISSED' if name in missed(found) else ''}")
    for title, counts in (
        ("kinds", Counter(one.kind for one in results)),
        ("levels", Counter(r.level for r in results)),
    ):
        print(f"  {title:16} {', '.join(f'{key or NONE} {count}' for key, count in sorted(counts.items()))}")
    for one in results:
        if one.error:
            print(f"  refused: {one.name}: {one.error}")
        elif one.tools < 0.95 * one.operations:
            print(f"  {one.name}: {one.tools} of {one.operations} operations became tools")
    for one in sorted(results, key=lambda one: -one.cpu_s)[:slowest]:
        print(f"  slowest: {one.cpu_s:.2f} s, {one.memory_mb:.0f} MB, {one.tools} tools: {one.name}")


if __name__ == "__main__":
    sys.exit(main())
