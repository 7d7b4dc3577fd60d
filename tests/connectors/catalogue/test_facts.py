"""The catalogue holds facts: names, addresses, sums; no words of a contract, and no level."""

import re
from collections import Counter
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from ai_worker.connectors.catalogue import reading
from ai_worker.connectors.catalogue.evidence import Evidence
from ai_worker.connectors.catalogue.system import Category

LONGEST_TITLE = 80
ROOT = Path(str(files("ai_worker.connectors.catalogue")))


def test_at_least_three_hundred_systems_are_named_once_in_both_languages() -> None:
    systems = reading.systems()

    assert len(systems) >= 300
    assert not [one for one, count in Counter(each.id for each in systems).items() if count > 1]
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9-]*", one.id) for one in systems)
    assert all(one.zh.strip() and one.en.strip() and one.contracts for one in systems)
    assert {one.category for one in systems} == set(get_args(Category))
    assert not [one.id for one in systems if re.search(r"[一-鿿]", one.en)]


@pytest.mark.parametrize(
    "words", ["金蝶", "用友", "企业微信", "飞书", "钉钉", "纷享销客", "泛微", "salesforce 赛富时", "sap 思爱普"]
)
def test_systems_are_found_by_the_names_that_people_use(words: str) -> None:
    assert reading.matching(words, reading.systems())


def test_nothing_in_it_is_longer_than_a_title() -> None:
    for system in reading.systems():
        told = [*system.names(), *system.auth, *system.limits, *system.verbs, *system.verbs.values()]
        for fact in system.contracts:
            told += [fact.licence, fact.version, *fact.gateway]
            assert len(fact.address) <= 300
            assert re.fullmatch(r"([0-9a-f]{64})?", fact.sha256)
        assert max(map(len, told)) <= LONGEST_TITLE, system.id


def test_what_goes_beyond_a_contract_has_its_source_and_holds_no_secret() -> None:
    stated = [fact.beyond for one in reading.systems() for fact in one.contracts if fact.beyond is not None]

    assert stated
    for one in stated:
        assert re.match(r"https://|github:[\w./-]+@[0-9a-f]{12}:", one.source)
        assert not [name for name in one.headers if re.search("password|secret|authorization$|api-?key", name, re.I)]


def test_no_level_is_written_by_hand() -> None:
    assert not [file for file in ROOT.glob("data/*") if re.search(rb'"level"|"L[1-4]"', file.read_bytes())]
    assert not [file for file in ROOT.glob("evidence/*") if re.search(rb'"level"|"L[1-4]"', file.read_bytes())]


def test_it_stays_small() -> None:
    assert sum(file.stat().st_size for file in (*ROOT.glob("data/*"), *ROOT.glob("evidence/*"))) < 1_500_000


def test_every_piece_of_evidence_is_of_a_system_and_a_contract_that_it_knows() -> None:
    contracts = {(one.id, fact.address) for one in reading.systems() for fact in one.contracts}
    for file in ROOT.glob("evidence/*.json"):
        proof = msgspec.json.decode(file.read_bytes(), type=Evidence)
        assert proof.system == file.stem
        assert {(proof.system, one.contract) for one in proof.contracts} <= contracts


def test_the_shipped_evidence_proves_what_the_catalogue_claims() -> None:
    proofs = reading.proofs()
    counts = reading.counted(list(reading.standings(proofs, date(2026, 11, 22)).values()))
    total = reading.totals(proofs.values())

    assert sum(counts.levels.values()) == len(reading.systems())
    assert counts.levels["L2"] >= 150
    assert total.stopped == total.negatives > 1_000
    assert total.auth_applied == total.auth_needed > 1_000
    assert total.compiled / total.contracts >= 0.98
    assert total.tools / total.operations >= 0.95
