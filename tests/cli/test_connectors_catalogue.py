"""`ai-worker connectors catalogue`: what people and scripts see of it."""

import gzip
import json
from pathlib import Path

import pytest

from tests.cli.calling import Cli


def test_systems_are_found_by_their_chinese_names(cli: Cli) -> None:
    found = cli("connectors", "catalogue", "--search", "金蝶", "--json").json["systems"]

    assert {"kingdee-galaxy", "kingdee-cosmic"} <= {one["id"] for one in found}
    assert all(one["level"] in ("L0", "L1", "L2", "L3", "L4") for one in found)


def test_a_level_and_a_category_narrow_the_list(cli: Cli) -> None:
    found = cli("connectors", "catalogue", "--level", "L2", "--category", "project-work", "--json").json["systems"]

    assert found
    assert {(one["category"], one["level"] >= "L2") for one in found} == {("project-work", True)}
    assert [one["level"] for one in found] == sorted((one["level"] for one in found), reverse=True)


def test_one_system_is_shown_with_what_it_lacks(cli: Cli) -> None:
    shown = cli("connectors", "catalogue", "show", "kingdee-galaxy", "--lang", "zh-CN")
    told = cli("connectors", "catalogue", "show", "trello-com", "--json").json

    assert "金蝶云星空" in shown.out
    assert "没有拿到契约" in shown.out
    assert told["evidence"]["contracts"][0]["sha256"] == told["contracts"][0]["sha256"]


def test_an_unknown_system_is_told_in_words(cli: Cli) -> None:
    called = cli("connectors", "catalogue", "show", "no-such", "--lang", "zh-CN")

    assert called.code != 0
    assert "catalogue.unknown_system" in called.err


def test_verify_counts_what_the_evidence_shows(cli: Cli) -> None:
    told = cli("connectors", "catalogue", "verify", "--json").json

    assert told["systems"] == sum(told["levels"].values()) == len(told["standings"])
    assert told["fallen"] == []
    below = [one for one in told["standings"] if one["level"] < "L2"]
    assert all(one["missing"] for one in below)


def test_without_evidence_nothing_is_claimed(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    told = cli("connectors", "catalogue", "verify", "--evidence", "none", "--lang", "en")

    assert told.out.splitlines()[-1].startswith("0 systems at L2 (contract-tested), 0 at L3 or above")


def test_a_contract_that_changed_takes_its_level_with_it(cli: Cli, tmp_path: Path) -> None:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    changed = {"openapi": "3.0.3", "info": {"title": "t", "version": "2"}, "paths": {"/a": {"get": {}}}}
    (contracts / "trello-com.json.gz").write_bytes(gzip.compress(json.dumps(changed).encode()))

    called = cli("connectors", "catalogue", "verify", "--contracts", "contracts", "--json")

    (stands,) = [one for one in called.json["standings"] if one["system"] == "trello-com"]
    assert (called.code, called.json["fallen"]) == (1, ["trello-com"])
    assert (stands["level"], stands["missing"]) == ("L0", ["contract_changed"])


@pytest.mark.shared
def test_contracts_at_hand_are_compiled_and_kept_as_evidence(cli: Cli, tmp_path: Path, shared_dir: Path) -> None:
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    for file in sorted((shared_dir / "connectors" / "specs").glob("[ab]*"))[:6]:
        (contracts / file.name).write_bytes(file.read_bytes())

    words = ("connectors", "catalogue", "verify", "--contracts", "contracts", "--evidence", "kept", "--json")
    told = cli(*words, "--write").json

    assert told["evidence"]["contracts"] == told["evidence"]["compiled"] == len([*(tmp_path / "kept").iterdir()]) == 6
    assert told["levels"]["L1"] >= 4
    assert (told["levels"]["L2"], told["missing"]["not_judged"]) == (0, told["levels"]["L1"])
    assert cli("connectors", "catalogue", "verify", "--evidence", "kept", "--json").json["levels"] == told["levels"]


def test_a_judge_that_does_not_run_is_told_in_words(cli: Cli, tmp_path: Path) -> None:
    called = cli("connectors", "catalogue", "verify", "--contracts", ".", "--prism", "no-prism", "--lang", "zh-CN")

    assert called.code != 0
    assert "catalogue.no_judge" in called.err
