"""Go over contracts at hand, compile them, have them judged, and keep what was found as evidence."""

import asyncio
import gzip
import hashlib
import multiprocessing
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ai_worker import __version__
from ai_worker.connectors.catalogue import evidence as kept
from ai_worker.connectors.catalogue.copies import readable
from ai_worker.connectors.catalogue.evidence import ContractEvidence, Judged
from ai_worker.connectors.catalogue.judge import judge, operations_of, reasons
from ai_worker.connectors.catalogue.prism import Prism, version_of
from ai_worker.connectors.catalogue.system import ContractFact, System
from ai_worker.connectors.openapi.files import compile_file
from ai_worker.connectors.openapi.load import MAX_BYTES
from ai_worker.connectors.operation import Contract, ContractRefused, ContractTooLarge
from ai_worker.foundation.errors import Misconfigured

SUFFIXES = (".json", ".yaml", ".yml", ".json.gz", ".yaml.gz", ".yml.gz")
COMPILER = f"ai-worker {__version__}"
MAX_CALLS = 60
"""Operations of one contract that are judged; of a larger one that many are drawn."""


class PrismMissing(Misconfigured):
    """The judge that was named does not run."""

    code = "catalogue.no_judge"
    hint = "npm install @stoplight/prism-cli, then --prism node_modules/.bin/prism; or leave --prism out."


@dataclass(frozen=True, slots=True)
class AtHand:
    """A file that is, or should be, a contract of the catalogue."""

    file: Path
    system: System
    fact: ContractFact
    sha256: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of one contract."""

    at_hand: AtHand
    evidence: ContractEvidence


def at_hand(folder: Path, systems: Sequence[System]) -> list[AtHand]:
    """Return the contracts of a folder that the catalogue knows by their sha256, or else by their file's name.

    A file called after a system's id (`aftership.json`) is that system's contract also where its bytes are others
    than the catalogue says: then the contract has changed, which is what the evidence will show.
    """
    by_hash = {fact.sha256: (system, fact) for system in systems for fact in system.contracts if fact.sha256}
    by_name = {system.id: (system, fact) for system, fact in by_hash.values()}
    found: list[AtHand] = []
    for file in sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIXES)):
        digest = _sha256(file)
        known = by_hash.get(digest) or by_name.get(file.name.partition(".")[0])
        if known is not None:
            found.append(AtHand(file, *known, digest))
    return found


def _sha256(file: Path) -> str:
    data = file.read_bytes()
    return hashlib.sha256(gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).hexdigest()


async def judge_version(prism: str) -> str:
    """Return what the judge calls itself.

    Raises:
        PrismMissing: It does not run.
    """
    version = await version_of(prism)
    if not version:
        raise PrismMissing(f"{prism}: this is no Prism that runs")
    return f"prism {version}"


def seen(found: Sequence[AtHand], *, prism: str, judge_name: str, today: date, workers: int = 1) -> Iterator[Seen]:
    """Yield what comes of each contract; each is looked at in a process of its own, so that none can spoil another.

    Args:
        found: The contracts.
        prism: The judge's program; empty: they are only compiled.
        judge_name: For the record.
        today: In UTC, for the record.
        workers: Processes at a time.
    """
    tasks = [(one, prism, judge_name, today) for one in found]
    with multiprocessing.get_context("spawn").Pool(workers, maxtasksperchild=20) as pool:
        yield from pool.imap(_look, tasks)


def _look(task: tuple[AtHand, str, str, date]) -> Seen:
    one, prism, judge_name, today = task
    blank = ContractEvidence(one.fact.address, one.sha256, today, COMPILER)
    try:
        contract = compile_file(one.file)
    except (ContractRefused, ContractTooLarge) as error:
        return Seen(one, replace(blank, skipped={error.code: 1}))
    judged = asyncio.run(_judged(one, contract, prism, judge_name)) if prism else None
    reads, writes = operations_of(contract)
    return Seen(
        one,
        replace(
            blank,
            kind=contract.kind,
            operations=reads + writes + len(contract.skipped),
            reads=reads,
            writes=writes,
            skipped=reasons([each.reason for each in contract.skipped]),
            schemes=len(contract.schemes),
            judged=judged,
        ),
    )


async def _judged(one: AtHand, contract: Contract, program: str, name: str) -> Judged | None:
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / one.file.name.removesuffix(".gz")
        data = one.file.read_bytes()
        plain.write_bytes(readable(gzip.decompress(data)[:MAX_BYTES] if data[:2] == b"\x1f\x8b" else data))
        prism = Prism(program, plain)
        if not await prism.start():
            return None
        try:
            return await judge(contract, prism, name=name, most=MAX_CALLS, beyond=one.fact.beyond)
        finally:
            await prism.stop()


def kept_with(new: Sequence[Seen], folder: Path) -> Mapping[str, kept.Evidence]:
    """Return the evidence of the systems that were looked at: the new beside what other contracts and tests gave.

    Where a contract was only compiled and is the same as before, what a judge said of it earlier stays.
    """
    result: dict[str, kept.Evidence] = {}
    for one in new:
        before = result.get(one.at_hand.system.id) or kept.read(one.at_hand.system.id, folder)
        old = {each.contract: each for each in before.contracts}
        fresh = one.evidence
        earlier = old.get(fresh.contract)
        if fresh.judged is None and earlier is not None and _same(earlier, fresh):
            fresh = earlier
        contracts = {**old, fresh.contract: fresh}
        ordered = tuple(contracts[address] for address in sorted(contracts))
        result[before.system] = kept.Evidence(before.system, ordered, before.live, before.fields)
    return result


def _same(old: ContractEvidence, new: ContractEvidence) -> bool:
    return (old.sha256, old.compiler, old.kind, old.operations, old.reads, old.writes, old.schemes) == (
        new.sha256, new.compiler, new.kind, new.operations, new.reads, new.writes, new.schemes
    )  # fmt: skip
