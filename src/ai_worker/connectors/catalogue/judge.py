"""Have one compiled contract judged: call its operations with generated arguments, and lacking required ones."""

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ai_worker.connectors.catalogue.copies import PLACEHOLDER, READABLE
from ai_worker.connectors.catalogue.evidence import NO_TYPE, UNREADABLE_NAME, Judged
from ai_worker.connectors.catalogue.filling import CannotFill, Filler
from ai_worker.connectors.catalogue.presented import (
    besides,
    carries,
    credentials_of,
    headers_of,
    query_of,
    stated_mark,
)
from ai_worker.connectors.catalogue.recorder import ENDED, Exchange, Recorder
from ai_worker.connectors.catalogue.system import BeyondContract
from ai_worker.connectors.http.caller import HttpCaller
from ai_worker.connectors.http.verdicts import acts
from ai_worker.connectors.operation import Contract, Operation
from ai_worker.connectors.profile import Profile
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.errors import AiWorkerError

LOOPBACK = ("127.0.0.0/8",)
READS = ("GET", "HEAD", "OPTIONS", "TRACE")
MAX_NEGATIVES = 20
"""Required arguments of one operation that are left out, one at a time."""

KEY = "sesame-once"
"""The made-up idempotency key of every call."""

OPTIONAL = 0.4
"""Share of the optional arguments that are filled."""

Report = Callable[[str], None]
"""Called with each refusal: method, path and the judge's words."""


class Player(Protocol):
    """A judge that plays a business system; Prism is one."""

    base: str

    async def start(self) -> bool:
        """Start it, or start it anew, at another address."""
        ...


@dataclass(slots=True)
class _Tally:
    calls: int = 0
    reads: int = 0
    writes: int = 0
    unfilled: int = 0
    negatives: int = 0
    stopped: int = 0
    needed: int = 0
    applied: int = 0
    beyond: int = 0
    refused: Counter[str] = field(default_factory=Counter)


async def judge(
    contract: Contract,
    player: Player,
    *,
    name: str,
    most: int,
    beyond: BeyondContract | None = None,
    seed: int = 7,
    report: Report | None = None,
) -> Judged:
    """Return what a judge says to calls of a contract's operations.

    Args:
        contract: As it was compiled.
        player: Plays the same contract, and has been started.
        name: The judge's name and version, for the record.
        most: Operations that are called; of a larger contract that many are drawn.
        beyond: What the vendor wants besides the contract; the calls carry it.
        seed: Of the draw and the arguments.
        report: Is told each refusal.
    """
    tally = _Tally()
    operations = list(contract.operations)
    draw = random.Random(seed)  # noqa: S311  (the same for the same seed)
    drawn = draw.sample(operations, min(most, len(operations)))
    async with Recorder(player.base) as recorder:
        caller = HttpCaller(
            "judged",
            Profile(
                recorder.base,
                networks=LOOPBACK,
                per_second=1e6,
                burst=10**6,
                attempts=1,
                failures_to_open=10**9,
                headers=headers_of(beyond),
                query=query_of(beyond),
                idempotency_header=beyond.idempotency_header if beyond is not None else "",
            ),
            schemes=contract.schemes,
            credentials=credentials_of(contract, beyond),
            clock=SystemClock(),
        )
        await caller.start()
        try:
            for operation in drawn:
                ended = tally.refused[ENDED]
                await _one(operation, contract, caller, recorder, tally, beyond, seed, report)
                if tally.refused[ENDED] > ended:
                    await player.start()
                    recorder.move(player.base)
        finally:
            await caller.close()
    return Judged(
        name,
        calls=tally.calls,
        accepted_reads=tally.reads,
        accepted_writes=tally.writes,
        refused=dict(sorted(tally.refused.items())),
        unfilled=tally.unfilled,
        negatives=tally.negatives,
        stopped=tally.stopped,
        auth_needed=tally.needed,
        auth_applied=tally.applied,
        beyond_applied=tally.beyond,
    )


async def _one(
    operation: Operation,
    contract: Contract,
    caller: HttpCaller,
    recorder: Recorder,
    tally: _Tally,
    beyond: BeyondContract | None,
    seed: int,
    report: Report | None,
) -> None:
    try:
        arguments = Filler(operation.input_schema, seed).arguments(optional=OPTIONAL)
    except CannotFill:
        tally.unfilled += 1
        return
    tally.calls += 1
    problem = await _called(caller, operation, arguments)
    seen = recorder.taken()
    wrong = seen[-1].complaint if seen else f"not sent: {problem}"
    if wrong:
        tally.refused[_kind(operation, wrong)] += 1
        if report is not None:
            report(f"{operation.method} {operation.path} {wrong}")
    elif operation.method in READS:
        tally.reads += 1
    else:
        tally.writes += 1
    if seen:
        _count_proof(tally, seen[-1], operation, contract, beyond)
    for missing in operation.input_schema.get("required", ())[:MAX_NEGATIVES]:
        tally.negatives += 1
        lacking = {key: value for key, value in arguments.items() if key != missing}
        refused = await _called(caller, operation, lacking)
        tally.stopped += bool(refused) and not recorder.taken()


async def _called(caller: HttpCaller, operation: Operation, arguments: Mapping[str, Any]) -> str:
    """Return why a call was not made; empty: it was."""
    try:
        await caller.exchange(operation, arguments, idempotency_key=KEY)
    except AiWorkerError as error:
        return f"{error.code}: {error}"[:300]
    return ""


def _kind(operation: Operation, wrong: str) -> str:
    """Return the kind of a complaint: ours where no request could have pleased the judge, else the judge's own."""
    if "No supported content types" in wrong:
        return NO_TYPE
    if "Request path must have" in wrong and not all(map(READABLE.fullmatch, PLACEHOLDER.findall(operation.path))):
        return UNREADABLE_NAME
    return wrong.partition(":")[0][:40]


def _count_proof(
    tally: _Tally, seen: Exchange, operation: Operation, contract: Contract, beyond: BeyondContract | None
) -> None:
    """Count what the request carries of what it has to."""
    if beyond is not None:
        wanted = besides(beyond)
        if beyond.idempotency_header and acts(operation):
            wanted.append(f"{beyond.idempotency_header}: {KEY}")
        tally.beyond += all(mark in seen.text for mark in wanted)
    if beyond is not None and beyond.proof is not None:
        tally.needed += 1
        tally.applied += stated_mark(beyond.proof) in seen.text
    elif any(name in contract.schemes for requirement in operation.security for name in requirement):
        tally.needed += 1
        tally.applied += carries(seen, operation, contract.schemes)


def operations_of(contract: Contract) -> tuple[int, int]:
    """Return how many tools read, and how many write, by their methods."""
    reads = sum(operation.method in READS for operation in contract.operations)
    return reads, len(contract.operations) - reads


def reasons(skipped: Sequence[str]) -> dict[str, int]:
    """Return how often each reason stands, the most frequent first."""
    return dict(Counter(reason[:120] for reason in skipped).most_common(8))
