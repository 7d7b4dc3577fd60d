"""A level is what the evidence shows, and never more."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from ai_worker.connectors.catalogue.evidence import (
    ContractEvidence,
    Evidence,
    Field,
    Judged,
    Live,
    read,
    with_live,
    write,
)
from ai_worker.connectors.catalogue.levels import standing
from ai_worker.connectors.catalogue.system import BeyondContract, ContractFact, StatedProof, System

TODAY = date(2026, 11, 22)
FACT = ContractFact("github:hua/xing@1:erp.json", "openapi", "3.0.3", "aa", "MIT", 40)
SYSTEM = System("huaxing", "华星 ERP", "Huaxing ERP", "erp", (FACT,), auth=("apiKey-header",))
JUDGED = Judged("prism 5", calls=40, accepted_reads=20, accepted_writes=18, negatives=60, stopped=60, auth_needed=40,
                auth_applied=40)  # fmt: skip
SEEN = ContractEvidence(
    FACT.address,
    "aa",
    TODAY,
    "ai-worker 0",
    "openapi-3.0",
    operations=40,
    reads=20,
    writes=20,
    schemes=1,
    judged=JUDGED,
)
LIVE = Live(TODAY, "华星 ERP 8", "tests/x.py", True, True, True, True)


def level(system: System = SYSTEM, *seen: ContractEvidence, live: tuple[Live, ...] = (), use: tuple[Field, ...] = ()) -> tuple[str, tuple[str, ...]]:  # fmt: skip  # noqa: E501
    found = standing(system, Evidence(system.id, seen, live, use), TODAY)
    return found.level, found.missing


def having(**changes: object) -> System:
    return replace(SYSTEM, contracts=(replace(FACT, **changes),))  # type: ignore[arg-type]


def judged(**changes: int) -> ContractEvidence:
    return replace(SEEN, judged=replace(JUDGED, **changes))  # type: ignore[arg-type]


def test_what_a_judge_accepts_is_contract_tested() -> None:
    assert level(SYSTEM, SEEN) == ("L2", ("live_test",))


@pytest.mark.parametrize(
    ("system", "seen", "expected"),
    [
        (having(sha256=""), (), ("L0", ("no_contract",))),
        (SYSTEM, (), ("L0", ("no_evidence",))),
        (having(licence=""), (SEEN,), ("L0", ("no_hash_or_licence",))),
        (SYSTEM, (replace(SEEN, kind="", operations=0, reads=0, writes=0),), ("L0", ("does_not_compile",))),
        (SYSTEM, (replace(SEEN, reads=18, writes=19),), ("L0", ("too_few_tools",))),
        (SYSTEM, (replace(SEEN, reads=18, writes=20),), ("L2", ("live_test",))),
        (having(gateway_code=True), (SEEN,), ("L1", ("gateway_code",))),
        (having(gateway=("dynamichosturl", "setheader")), (SEEN,), ("L1", ("gateway_policy:setheader",))),
        (having(gateway=("dynamichosturl",)), (SEEN,), ("L2", ("live_test",))),
        (SYSTEM, (replace(SEEN, judged=None),), ("L1", ("not_judged",))),
        (SYSTEM, (judged(accepted_reads=2, accepted_writes=2),), ("L1", ("too_few_accepted",))),
        (SYSTEM, (judged(accepted_reads=5, accepted_writes=0),), ("L1", ("reads_and_writes",))),
        (SYSTEM, (judged(stopped=59),), ("L1", ("incomplete_calls_sent",))),
        (SYSTEM, (judged(auth_applied=39),), ("L1", ("auth_not_applied",))),
        (SYSTEM, (judged(auth_applied=0, auth_needed=0),), ("L1", ("auth_not_applied",))),
        (SYSTEM, (replace(SEEN, schemes=0),), ("L1", ("auth_not_in_contract",))),
        (replace(SYSTEM, auth=()), (replace(SEEN, schemes=0),), ("L2", ("live_test",))),
    ],
    ids=[
        "contract never at hand", "nobody looked", "no licence", "does not compile", "37 of 40 tools", "38 of 40 tools",
        "gateway runs a program", "gateway adds a header", "gateway moves the host", "not judged", "four accepted",
        "no write accepted", "one incomplete call sent", "one call without its credential",
        "credentials never used", "auth stands elsewhere",
        "no auth anywhere",
    ],
)  # fmt: skip
def test_each_rule_counts_on_its_own(
    system: System, seen: tuple[ContractEvidence, ...], expected: tuple[str, tuple[str, ...]]
) -> None:
    assert level(system, *seen) == expected


TENANT = BeyondContract("https://docs.example.com/api", {"X-Tenant": "{tenant}"})
PROOF = BeyondContract("https://docs.example.com/api", proof=StatedProof("header", "Authorization", "Bearer "))


def test_what_a_gateway_sends_counts_where_it_is_known_and_the_judged_calls_carried_it() -> None:
    system = having(gateway=("setheader",), beyond=TENANT)

    assert level(system, judged(beyond_applied=40)) == ("L2", ("live_test",))
    assert level(system, judged(beyond_applied=39)) == ("L1", ("beyond_not_applied",))
    assert level(having(gateway=("setheader", "setproperty"), beyond=TENANT), judged(beyond_applied=40)) == (
        "L1",
        ("gateway_policy:setproperty",),
    )


def test_a_proof_that_the_vendor_states_elsewhere_counts_where_the_calls_carried_it() -> None:
    silent = replace(judged(beyond_applied=40), schemes=0)

    assert level(having(beyond=PROOF), silent) == ("L2", ("live_test",))
    assert level(having(beyond=TENANT), replace(judged(beyond_applied=40), schemes=0)) == (
        "L1",
        ("auth_not_in_contract",),
    )
    assert level(
        having(beyond=PROOF), replace(judged(auth_needed=0, auth_applied=0, beyond_applied=40), schemes=0)
    ) == (
        "L1",
        ("auth_not_applied",),
    )


def test_of_few_operations_all_must_be_accepted() -> None:
    small = replace(SEEN, operations=3, reads=2, writes=1)

    assert level(SYSTEM, replace(small, judged=replace(JUDGED, accepted_reads=2, accepted_writes=1)))[0] == "L2"
    assert level(SYSTEM, replace(small, judged=replace(JUDGED, accepted_reads=1, accepted_writes=1)))[0] == "L1"


def test_evidence_for_another_contract_counts_for_nothing() -> None:
    assert level(having(sha256="bb"), SEEN) == ("L0", ("contract_changed",))


def test_a_system_counts_once_by_the_best_of_its_contracts() -> None:
    other = replace(FACT, address="github:hua/xing@1:crm.json", sha256="cc", gateway_code=True)
    both = replace(SYSTEM, contracts=(other, FACT, replace(FACT, address="runtime: /openapi", sha256="")))

    assert level(both, replace(SEEN, contract=other.address, sha256="cc"))[0] == "L1"
    assert level(both, replace(SEEN, contract=other.address, sha256="cc"), SEEN)[0] == "L2"


def test_only_a_whole_live_test_is_live_tested() -> None:
    assert level(SYSTEM, live=(LIVE,)) == ("L3", ("field_use",))
    for lacking in ("read_right", "write_read_back", "refusal_handled", "auth_expiry_handled"):
        assert level(SYSTEM, SEEN, live=(replace(LIVE, **{lacking: False}),))[0] == "L2"  # type: ignore[arg-type]


def test_a_live_test_replaces_what_it_showed_before_and_is_kept(tmp_path: Path) -> None:
    first = with_live(Evidence("huaxing", (SEEN,)), replace(LIVE, write_read_back=False))
    second = with_live(with_live(first, LIVE), replace(LIVE, test="tests/a.py"))
    write(second, tmp_path)

    assert read("huaxing", tmp_path) == second
    assert [(one.test, one.write_read_back) for one in second.live] == [("tests/a.py", True), ("tests/x.py", True)]
    assert read("nobody", tmp_path) == Evidence("nobody")


def test_use_in_the_field_takes_thirty_days_and_lapses() -> None:
    used = Field("合肥总部", TODAY - timedelta(days=30), TODAY)

    assert level(SYSTEM, SEEN, live=(LIVE,), use=(used,)) == ("L4", ())
    assert level(SYSTEM, SEEN, use=(used,))[0] == "L2"
    assert level(SYSTEM, live=(LIVE,), use=(replace(used, since=TODAY - timedelta(days=29)),))[0] == "L3"
    old = Field("合肥总部", TODAY - timedelta(days=400), TODAY - timedelta(days=181))
    assert level(SYSTEM, live=(LIVE,), use=(old,))[0] == "L3"
