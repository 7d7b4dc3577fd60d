"""What "supported" means, computed from evidence and from nothing else.

L0  listed: facts only. Not counted.
L1  its contract compiles, at least 95 % of the operations become tools, hash and licence are recorded.
L2  an independent judge accepts generated calls of at least five operations (of all, where there are fewer), reads
    and writes; every call that lacks a required argument is stopped; the proof of who calls is where it belongs.
    "Works against the published contract."
L3  tested against the real software or the vendor's sandbox.
L4  used in one named installation for at least 30 days; lapses 180 days after the last evidence.

Evidence for another contract than the catalogue's counts for nothing: the contract has changed. A system counts once,
by the best of its contracts, and one whose calls need what a gateway does is no L2 until we do it: what the vendor
says of it must be in the catalogue with its source, and the judged calls must have carried it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, TypeAlias

from ai_worker.connectors.catalogue.evidence import ContractEvidence, Evidence, Field, Judged, Live
from ai_worker.connectors.catalogue.system import ContractFact, System

Level: TypeAlias = Literal["L0", "L1", "L2", "L3", "L4"]
LEVELS: tuple[Level, ...] = ("L0", "L1", "L2", "L3", "L4")

TOOL_SHARE = 0.95
MIN_ACCEPTED = 5
MIN_DAYS_OF_USE = timedelta(days=30)
LAPSE = timedelta(days=180)

OURS: Mapping[str, str] = {
    "dynamichosturl": "base_url of the connection",
    "dynamicsubdomain": "base_url of the connection",
    "pollingtrigger": "concerns triggers, which are no operations here",
    "updatenextlink": "a next page is asked for as arguments of the same operation, whatever its address says",
}
"""Policies of the gateway, and what does the same here. Every other one needs code or settings that we do not have."""

STATED = ("setheader", "setqueryparameter")
"""Policies that a connection's headers, query and `auth` take over, where the catalogue has what the gateway sends."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a system stands, and what it lacks for the next level."""

    system: str
    level: Level
    missing: tuple[str, ...] = ()
    """For the next level, as stable words: `no_contract`, `contract_changed`, `gateway_policy:setheader` …"""

    contract: str = ""
    """The address of the contract that the level rests on; empty: on none, or on a live test."""


def standing(system: System, evidence: Evidence, today: date) -> Standing:
    """Return a system's level."""
    by_address = {one.contract: one for one in evidence.contracts}
    stands = [_of_contract(system, fact, by_address.get(fact.address)) for fact in system.contracts]
    best = max(stands, key=lambda one: (LEVELS.index(one.level), _seen(one), -len(one.missing)))
    live = [live_missing(one) for one in evidence.live]
    if [] not in live:
        return best
    if any(_in_use(one, today) for one in evidence.fields):
        return Standing(system.id, "L4", (), best.contract)
    return Standing(system.id, "L3", ("field_use",), best.contract)


def _seen(one: Standing) -> int:
    """Return how much of a contract was seen: one that was never at hand must hide no other."""
    return 0 if one.missing == ("no_contract",) else 1 if one.missing == ("no_evidence",) else 2


def _of_contract(system: System, fact: ContractFact, evidence: ContractEvidence | None) -> Standing:
    first = tuple(_l1_missing(fact, evidence))
    if first or evidence is None:
        return Standing(system.id, "L0", first, fact.address)
    second = tuple(_l2_missing(system, fact, evidence))
    if second:
        return Standing(system.id, "L1", second, fact.address)
    return Standing(system.id, "L2", ("live_test",), fact.address)


def _l1_missing(fact: ContractFact, evidence: ContractEvidence | None) -> Iterator[str]:
    if evidence is None:
        yield "no_evidence" if fact.sha256 else "no_contract"
        return
    if not fact.sha256 or not fact.licence:
        yield "no_hash_or_licence"
    if evidence.sha256 != fact.sha256:
        yield "contract_changed"
    elif not evidence.kind:
        yield "does_not_compile"
    elif not evidence.tools or evidence.tools < TOOL_SHARE * evidence.operations:
        yield "too_few_tools"


def _l2_missing(system: System, fact: ContractFact, evidence: ContractEvidence) -> Iterator[str]:
    if fact.gateway_code:
        yield "gateway_code"
    done = {*OURS, *(STATED if fact.beyond is not None else ())}
    yield from (f"gateway_policy:{policy}" for policy in fact.gateway if policy not in done)
    if evidence.judged is None:
        yield "not_judged"
        return
    stated = fact.beyond is not None and fact.beyond.proof is not None
    yield from _judged_missing(evidence, evidence.judged, proves=bool(evidence.schemes) or stated)
    if fact.beyond is not None and evidence.judged.beyond_applied < evidence.judged.calls:
        yield "beyond_not_applied"
    if not evidence.schemes and system.auth and not stated:
        yield "auth_not_in_contract"


def _judged_missing(evidence: ContractEvidence, judged: Judged, *, proves: bool) -> Iterator[str]:
    if judged.accepted < min(MIN_ACCEPTED, evidence.tools):
        yield "too_few_accepted"
    elif (evidence.reads and not judged.accepted_reads) or (evidence.writes and not judged.accepted_writes):
        yield "reads_and_writes"
    if judged.stopped < judged.negatives:
        yield "incomplete_calls_sent"
    if judged.auth_applied < judged.auth_needed or (proves and not judged.auth_needed):
        yield "auth_not_applied"


def live_missing(live: Live) -> list[str]:
    """Return what a live test did not show, of what L3 asks for."""
    shown = {
        "read_right": live.read_right,
        "write_read_back": live.write_read_back,
        "refusal_handled": live.refusal_handled,
        "auth_expiry_handled": live.auth_expiry_handled,
    }
    return [name for name, seen in shown.items() if not seen]


def _in_use(field: Field, today: date) -> bool:
    return field.until - field.since >= MIN_DAYS_OF_USE and today - field.until <= LAPSE
