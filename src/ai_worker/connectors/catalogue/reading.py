"""Read the catalogue, and find systems in it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

import msgspec

from ai_worker.connectors.catalogue import evidence
from ai_worker.connectors.catalogue.evidence import BEYOND_THE_JUDGE, Evidence, Judged
from ai_worker.connectors.catalogue.levels import LEVELS, Level, Standing, standing
from ai_worker.connectors.catalogue.system import System
from ai_worker.foundation.errors import NotFound


class SystemUnknown(NotFound):
    """The catalogue has no such system."""

    code = "catalogue.unknown_system"
    hint = "ai-worker connectors catalogue --search WORD"


@dataclass(frozen=True, slots=True)
class Counts:
    """How many systems stand where."""

    levels: Mapping[Level, int]
    missing: Mapping[str, int]
    """What systems below L2 lack for their next level, and how many lack it."""


@cache
def systems() -> tuple[System, ...]:
    """Return all systems, by their ids in order."""
    found: list[System] = []
    decoder = msgspec.json.Decoder(System)
    for file in (files("ai_worker.connectors.catalogue") / "data").iterdir():
        if file.name.endswith(".jsonl"):
            found += decoder.decode_lines(file.read_bytes())
    return tuple(sorted(found, key=lambda one: one.id))


def system(identity: str) -> System:
    """Return the system with this id.

    Raises:
        SystemUnknown: There is none.
    """
    found = next((one for one in systems() if one.id == identity), None)
    if found is None:
        raise SystemUnknown(f"the catalogue has no system with the id {identity!r}")
    return found


def proofs(folder: Traversable | None = None) -> dict[str, Evidence]:
    """Return the evidence of every system, by id, from `folder`; left out: what comes with the package."""
    return {one.id: evidence.read(one.id, folder) for one in systems()}


def standings(proofs: Mapping[str, Evidence], today: date) -> dict[str, Standing]:
    """Return where every system stands, by id, computed from the evidence."""
    return {one.id: standing(one, proofs.get(one.id, Evidence(one.id)), today) for one in systems()}


def matching(words: str, of: Iterable[System]) -> list[System]:
    """Return the systems whose names hold all the words, in any script; nothing asked for: all of them."""
    wanted = words.casefold().split()
    return [one for one in of if all(any(word in name.casefold() for name in one.names()) for word in wanted)]


def counted(standings: Sequence[Standing]) -> Counts:
    """Count the systems by level, and what those below L2 lack."""
    levels = Counter(one.level for one in standings)
    missing = Counter(
        lack.partition(":")[0] for one in standings if one.level in ("L0", "L1") for lack in dict.fromkeys(one.missing)
    )
    return Counts({level: levels[level] for level in LEVELS}, dict(missing.most_common()))


@dataclass(frozen=True, slots=True)
class Totals:
    """What all the evidence says together."""

    contracts: int
    compiled: int
    operations: int
    tools: int
    judged: int
    """Contracts that a judge has seen."""

    calls: int
    possible: int
    """Without those that no request can please the judge with: see `evidence.BEYOND_THE_JUDGE`."""

    accepted: int
    negatives: int
    stopped: int
    auth_needed: int
    auth_applied: int
    refused: Mapping[str, int]
    """By the judge's kind of complaint."""


def totals(proofs: Iterable[Evidence]) -> Totals:
    """Add up what was proven."""
    contracts = [one for proof in proofs for one in proof.contracts]
    judged: list[Judged] = [one.judged for one in contracts if one.judged is not None]
    refused = sum((Counter(one.refused) for one in judged), Counter[str]())
    return Totals(
        len(contracts),
        sum(bool(one.kind) for one in contracts),
        sum(one.operations for one in contracts),
        sum(one.tools for one in contracts),
        len(judged),
        sum(one.calls for one in judged),
        sum(one.calls for one in judged) - sum(refused[kind] for kind in BEYOND_THE_JUDGE),
        sum(one.accepted for one in judged),
        sum(one.negatives for one in judged),
        sum(one.stopped for one in judged),
        sum(one.auth_needed for one in judged),
        sum(one.auth_applied for one in judged),
        dict(refused.most_common()),
    )
