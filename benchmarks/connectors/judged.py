"""Calls that are made up from the tools' schemas, judged by Prism against the contracts themselves.

    npm install --prefix DIR @stoplight/prism-cli
    python -m benchmarks.connectors.judged SPECS --prism DIR/node_modules/.bin/prism [--contracts 40] [--calls 20]

SPECS is a folder of contracts. For each one Prism plays the system on loopback; it says of every request whether
the contract takes it. A call that lacks a required argument must be stopped before anything is sent, as a recorder
before Prism sees. Aims: 97 % accepted, all of the others stopped. Every refusal is printed.
"""

import argparse
import asyncio
import gzip
import random
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ai_worker.connectors.catalogue.evidence import BEYOND_THE_JUDGE, Judged
from ai_worker.connectors.catalogue.judge import judge
from ai_worker.connectors.catalogue.prism import Prism
from ai_worker.foundation.errors import AiWorkerError
from benchmarks.connectors.adapter import read_contract


@dataclass
class Tally:
    """What was counted."""

    judged: list[Judged] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    def total(self, name: str) -> int:
        """Return the sum of a figure over all contracts."""
        return sum(getattr(one, name) for one in self.judged)


async def one(file: Path, arguments: argparse.Namespace, tally: Tally) -> None:
    try:
        contract = read_contract(file)
    except AiWorkerError as error:
        tally.unusable.append(f"{file.name}: {error.code}: {error}"[:160])
        return
    with tempfile.TemporaryDirectory() as folder:
        prism = Prism(arguments.prism, unpacked(file, Path(folder)))
        if not await prism.start():
            tally.unusable.append(f"{file.name}: Prism does not play it")
            return

        def report(words: str) -> None:
            tally.refusals.append(f"{file.name} {words}")

        try:
            tally.judged.append(
                await judge(contract, prism, name="prism", most=arguments.calls, seed=arguments.seed, report=report)
            )
        finally:
            await prism.stop()


def unpacked(file: Path, folder: Path) -> Path:
    data = file.read_bytes()
    plain = folder / file.name.removesuffix(".gz")
    plain.write_bytes(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
    return plain


async def run(arguments: argparse.Namespace) -> Tally:
    tally = Tally()
    files = sorted(path for path in arguments.specs.glob(arguments.only) if path.is_file())
    for file in random.Random(arguments.seed).sample(files, min(arguments.contracts, len(files))):
        await one(file, arguments, tally)
    return tally


def tell(tally: Tally) -> None:
    for line in (*tally.unusable, *tally.refusals):
        print(line)
    calls, accepted = tally.total("calls"), tally.total("accepted")
    kinds = sum((Counter(one.refused) for one in tally.judged), Counter[str]())
    possible = calls - sum(kinds[kind] for kind in BEYOND_THE_JUDGE)
    print(f"contracts {len(tally.judged)}, and {len(tally.unusable)} of which no call was possible")
    print(f"calls {calls}, accepted {accepted} ({accepted / max(calls, 1):.1%}), "
          f"no arguments found for {tally.total('unfilled')}")  # fmt: skip
    print(f"of what the judge can take at all: {accepted / max(possible, 1):.1%} of {possible}")
    print(f"lacking a required argument {tally.total('negatives')}, stopped before they were sent "
          f"{tally.total('stopped')}")  # fmt: skip
    print(f"needing a credential {tally.total('auth_needed')}, carrying it {tally.total('auth_applied')}")
    print(dict(kinds.most_common()))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", type=Path)
    parser.add_argument("--prism", required=True)
    parser.add_argument("--contracts", type=int, default=40)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--only", default="*", help="which files of the folder")
    parser.add_argument("--seed", type=int, default=7)
    tell(asyncio.run(run(parser.parse_args(argv))))


if __name__ == "__main__":
    main()
