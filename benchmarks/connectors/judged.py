"""Calls that are made up from the tools' schemas, judged by Prism against the contracts themselves.

    npm install --prefix DIR @stoplight/prism-cli
    python -m benchmarks.connectors.judged SPECS --prism DIR/node_modules/.bin/prism [--contracts 40] [--calls 5]

SPECS is a folder of contracts. For each one Prism plays the system on loopback; it says of every request whether
the contract takes it. A call that lacks a required argument must be stopped before anything is sent. Aims: 97 %
accepted, all of the others stopped.
"""

import argparse
import asyncio
import gzip
import random
import socket
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import msgspec

from ai_worker.connectors.contract import ArgumentsRefused
from ai_worker.connectors.http.authenticate import ApiKey, Basic, Bearer, Credential
from ai_worker.connectors.http.caller import HttpCaller
from ai_worker.connectors.operation import Contract, Scheme
from ai_worker.connectors.profile import Profile
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.foundation.secret import Secret
from benchmarks.connectors.adapter import INSIDE, read_contract
from benchmarks.connectors.filling import CannotFill, Filler

OF_THE_REQUEST = frozenset(
    ("UNPROCESSABLE_ENTITY", "UNAUTHORIZED", "NO_PATH_MATCHED_ERROR", "NO_METHOD_MATCHED_ERROR", "NOT_ACCEPTABLE",
     "INVALID_CONTENT_TYPE", "NO_SERVER_MATCHED_ERROR", "NO_SERVER_CONFIGURATION_PROVIDED_ERROR")
)  # fmt: skip
"""Prism's errors that are about the request; the others are about the answer that it was to make up."""


@dataclass
class Tally:
    """What was counted."""

    contracts: int = 0
    unusable: list[str] = field(default_factory=list)
    calls: int = 0
    accepted: int = 0
    typeless: int = 0
    """Refused because the contract names no type of content for a body: Prism takes none then, whatever is sent."""

    unmade: int = 0
    lacking: int = 0
    stopped: int = 0
    refusals: list[str] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)


def credential_for(scheme: Scheme) -> Credential:
    """Return a credential of a scheme's kind."""
    match scheme.kind:
        case "apiKey":
            return ApiKey(Secret("key-4711-key"))
        case "basic":
            return Basic("worker", Secret("sesame-4711"))
        case _:
            return Bearer(Secret("token-4711-token"))


async def judge(contract: Contract, base: str, tally: Tally, calls: int, seed: int, name: str) -> None:
    profile = Profile(base, networks=INSIDE, per_second=10_000, burst=10_000, attempts=1, failures_to_open=10**6)
    caller = HttpCaller(
        "judged",
        profile,
        schemes=contract.schemes,
        credentials={key: credential_for(scheme) for key, scheme in contract.schemes.items()},
        clock=SystemClock(),
    )
    await caller.start()
    choice = random.Random(seed)
    operations = list(contract.operations)
    for operation in choice.sample(operations, min(calls, len(operations))):
        try:
            arguments = Filler(operation.input_schema, seed).arguments(optional=0.4)
        except CannotFill:
            tally.unmade += 1
            continue
        tally.calls += 1
        try:
            answer = await caller.exchange(operation, arguments)
            problem = answer.data.get("type", "") if isinstance(answer.data, dict) else ""
            kind = str(problem).partition("prism/errors#")[2] or complaint(answer.headers.get("sl-violations", ""))
        except AiWorkerError as error:
            kind, answer = f"{type(error).__name__}: {error}"[:160], None
        if kind in OF_THE_REQUEST or kind.startswith("request") or answer is None:
            told = answer.data if answer is not None and isinstance(answer.data, dict) else {}
            words = str(told.get("validation") or told.get("detail") or "")[:300]
            tally.typeless += "No supported content types" in words + kind
            tally.refusals.append(f"{name} {operation.method} {operation.path} {kind} {words}")
        else:
            tally.accepted += 1
        tally.kinds[kind.partition(":")[0] or f"{answer.status if answer else 0}"] += 1
        for missing in operation.input_schema.get("required", ()):
            tally.lacking += 1
            try:
                await caller.exchange(operation, {key: value for key, value in arguments.items() if key != missing})
            except ArgumentsRefused:
                tally.stopped += 1
    await caller.close()


def complaint(violations: str) -> str:
    """Return what Prism says of the request beside an answer that it made up from the contract; empty: nothing."""
    if not violations.startswith("["):  # nothing, or more than Prism fits into a header: then cut
        return f"request: {violations[:300]}" if '["request"' in violations else ""
    for entry in msgspec.json.decode(violations):
        if entry.get("location", [""])[0] == "request" and entry.get("severity") == "Error":
            return f"request {entry.get('code')}: {'.'.join(entry['location'])}: {entry.get('message')}"
    return ""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def played(prism: str, file: Path, port: int) -> asyncio.subprocess.Process | None:
    """Start Prism with a contract; `None`: it does not take the contract."""
    process = await asyncio.create_subprocess_exec(
        prism, "mock", "-p", str(port), "-h", "127.0.0.1", "-v", "fatal", str(file),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with aiohttp.ClientSession() as session:
        for _ in range(240):
            if process.returncode is not None:
                return None
            try:
                async with session.get(f"http://127.0.0.1:{port}/"):
                    return process
            except aiohttp.ClientError:
                await asyncio.sleep(0.25)
    await ended(process)
    return None


async def ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.wait()


async def run(arguments: argparse.Namespace) -> Tally:
    tally = Tally()
    files = sorted(path for path in arguments.specs.glob(arguments.only) if path.is_file())
    for file in random.Random(arguments.seed).sample(files, min(arguments.contracts, len(files))):
        try:
            contract = read_contract(file)
        except AiWorkerError as error:
            tally.unusable.append(f"{file.name}: {error.code}: {error}"[:160])
            continue
        with tempfile.TemporaryDirectory() as folder:
            data = file.read_bytes()
            plain = Path(folder) / file.name.removesuffix(".gz")
            plain.write_bytes(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data)
            port = free_port()
            process = await played(arguments.prism, plain, port)
            if process is None:
                tally.unusable.append(f"{file.name}: Prism does not play it")
                continue
            tally.contracts += 1
            try:
                await judge(contract, f"http://127.0.0.1:{port}", tally, arguments.calls, arguments.seed, file.name)
            finally:
                await ended(process)
    return tally


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("specs", type=Path)
    parser.add_argument("--prism", required=True)
    parser.add_argument("--contracts", type=int, default=40)
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--only", default="*", help="which files of the folder")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args(argv)
    tally = asyncio.run(run(arguments))
    for line in (*tally.unusable, *tally.refusals):
        print(line)
    print(f"contracts {tally.contracts}, of which no call was possible with {len(tally.unusable)} more")
    print(f"calls {tally.calls}, accepted {tally.accepted} ({tally.accepted / max(tally.calls, 1):.1%}), "
          f"no arguments found for {tally.unmade}")  # fmt: skip
    print(
        f"where the contract names a type of content: {tally.accepted / max(tally.calls - tally.typeless, 1):.1%} of "
        f"{tally.calls - tally.typeless}"
    )
    print(f"lacking a required argument {tally.lacking}, stopped before they were sent {tally.stopped}")
    print(dict(tally.kinds.most_common()))


if __name__ == "__main__":
    main()
