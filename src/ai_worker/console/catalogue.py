"""The catalogue of business systems, as the console searches and shows it. Nothing in it is ever fetched from here."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import get_args

from ai_worker.connectors.catalogue import evidence, reading
from ai_worker.connectors.catalogue.evidence import ContractEvidence, Evidence
from ai_worker.connectors.catalogue.levels import LEVELS, Level, Standing, standing
from ai_worker.connectors.catalogue.system import Category, ContractFact, System
from ai_worker.console.words import Words
from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.language.sound import sounds

CATEGORIES: tuple[Category, ...] = get_args(Category)
PAGE = 24
"""Systems on one page."""

LISTED = 20
"""Contracts of one system that are listed; some have nearly two hundred."""

KINDS: Mapping[str, str] = {
    "openapi": "openapi", "odata": "odata", "graphql": "graphql", "sql": "sql", "ldap": "ldap", "dav": "caldav",
    "mcp": "mcp",
}  # fmt: skip
"""By how a contract is written: the kind of connector that speaks it."""

RPC = ("tryton", "odoo")
"""Systems that a kind of connector is called after."""

AUTHS: Mapping[str, str] = {
    "apiKey-header": "header", "apiKey-query": "key", "basic": "basic", "user/password": "basic", "bearer": "bearer",
    "access-token": "bearer",
}  # fmt: skip
"""By a kind of proof: what the form for credentials calls it; the others are written into the file."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody looks for."""

    words: str = ""
    category: str = ""
    level: str = ""
    """This level and above; empty: every one."""

    page: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One system, as the list shows it."""

    system: System
    standing: Standing

    def name(self, t: Words) -> str:
        """Return what the reader calls it."""
        return self.system.en if t.language == "en" else self.system.zh

    @property
    def other_name(self) -> str:
        """Its name in the other language; empty: the same."""
        return self.system.en if self.system.en != self.system.zh else ""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gave: one page of it."""

    rows: Sequence[Row]
    count: int
    page: int
    pages: int
    levels: Mapping[Level, int]
    """How many systems of the whole catalogue stand where."""

    total: int


@dataclass(frozen=True, slots=True)
class Proven:
    """One contract of a system, with what was proven of it."""

    fact: ContractFact
    evidence: ContractEvidence | None


@dataclass(frozen=True, slots=True)
class Shown:
    """One system with everything that is known of it."""

    row: Row
    proof: Evidence
    contracts: Sequence[Proven]
    """The one that the level rests on first."""

    rest: int
    """How many more contracts there are."""

    kind: str
    """The kind of connector that it is connected as; empty: somebody writes a manifest for it."""


class CatalogueDesk:
    """Looks things up in the catalogue."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rows: tuple[date, list[Row]] | None = None

    async def find(self, wanted: Wanted) -> Found:
        """Return a page of the systems that somebody looks for, the best proven first."""
        rows = await self._all()
        named = set(matching(wanted.words, [row.system for row in rows]))
        found = [
            row
            for row in rows
            if row.system.id in named
            and wanted.category in ("", row.system.category)
            and row.standing.level >= wanted.level
        ]
        pages = max(1, -(-len(found) // PAGE))
        page = min(max(1, wanted.page), pages)
        levels = {level: sum(row.standing.level == level for row in rows) for level in LEVELS}
        return Found(found[(page - 1) * PAGE : page * PAGE], len(found), page, pages, levels, len(rows))

    async def show(self, identity: str) -> Shown:
        """Return one system.

        Raises:
            SystemUnknown: The catalogue has none of this id.
        """
        system = reading.system(identity)
        proof = await asyncio.to_thread(evidence.read, identity)
        row = Row(system, standing(system, proof, self._clock.now().date()))
        seen = {one.contract: one for one in proof.contracts}
        ordered = sorted(
            system.contracts, key=lambda fact: (fact.address != row.standing.contract, fact.address not in seen)
        )
        listed = [Proven(fact, seen.get(fact.address)) for fact in ordered[:LISTED]]
        return Shown(row, proof, listed, len(ordered) - len(listed), kind_of(system, row.standing))

    async def _all(self) -> list[Row]:
        today = self._clock.now().date()
        if self._rows is None or self._rows[0] != today:  # levels lapse with time
            self._rows = today, await asyncio.to_thread(_computed, today)
        return self._rows[1]


def matching(words: str, systems: Sequence[System]) -> list[str]:
    """Return the ids of the systems that the words name: as they are written, or in pinyin."""
    written = {one.id for one in reading.matching(words, systems)}
    heard = [sounds(word) for word in words.casefold().split() if word.isascii() and word.isalpha()]
    spelled = [one for one in heard if len(one) > 1]  # a single syllable sounds like half of the catalogue
    if not spelled or len(spelled) < len(words.split()):
        return [one.id for one in systems if one.id in written]
    return [one.id for one in systems if one.id in written or all(_sounds_in(word, one.zh) for word in spelled)]


def kind_of(system: System, stands: Standing) -> str:
    """Return the kind of connector that a system is connected as; empty: none speaks its contract."""
    if system.id in RPC:
        return system.id
    ordered = sorted(system.contracts, key=lambda fact: fact.address != stands.contract)
    return next((KINDS[fact.way] for fact in ordered if fact.way in KINDS), "")


def auth_of(system: System) -> str:
    """Return what the form for credentials begins with; empty: the contract says it, or nobody does."""
    return next((AUTHS[one] for one in system.auth if one in AUTHS), "")


def _computed(today: date) -> list[Row]:
    stands = reading.standings(reading.proofs(), today)
    rows = [Row(one, stands[one.id]) for one in reading.systems()]
    return sorted(rows, key=lambda row: row.standing.level, reverse=True)  # among equals by id, as they came


def _sounds_in(wanted: list[str], name: str) -> bool:
    if name.isascii():
        return False
    heard = sounds(name.casefold())
    return any(heard[at : at + len(wanted)] == wanted for at in range(len(heard) - len(wanted) + 1))
