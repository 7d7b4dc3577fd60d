"""The drills pass on this build, and fail on builds in which a promise is broken."""

from pathlib import Path

import pytest

from ai_worker.drills.kill import KillDrill, KillReport
from tests.cli.calling import Cli
from tests.drills.broken import ANY_ORDER, DONE_FIRST, NO_DEDUP, NOT_DURABLE, broken

pytestmark = pytest.mark.slow


async def _drill(tmp_path: Path, fault: tuple[str, str, str]) -> KillReport:
    return await KillDrill(kills=4, messages=360, environ=broken(tmp_path / "broken", fault), patience_s=4.0).run()


def test_the_kill_drill_finds_nothing_and_says_so_to_programs(cli: Cli) -> None:
    done = cli("drill", "kill", "--kills", "3", "--messages", "240", "--json")

    assert done.code == 0, done.err
    found = done.json
    assert [found[name] for name in ("accepted", "replied")] == [240, 240]
    assert [found[name] for name in ("lost", "duplicated", "out_of_order")] == [0, 0, 0]
    assert found["hit_later"] > 0, "no kill came while anything was in work"


def test_the_kill_drill_leaves_the_sites_own_settings_and_data_alone(cli: Cli, site: Path) -> None:
    done = cli("drill", "kill", "--kills", "1", "--messages", "20", AI_WORKER__DATA_DIR=str(site / "own"))

    assert done.code == 0, done.err
    assert "没有丢失、重复或乱序" in done.out
    assert [file.name for file in site.iterdir()] == ["ai-worker.toml"]


def test_nodes_that_share_a_file_are_refused(cli: Cli) -> None:
    done = cli("drill", "kill", "--nodes", "2")

    assert (done.code, done.out) == (2, "")
    assert "PostgreSQL" in done.err


async def test_the_kill_drill_fails_a_build_that_acknowledges_what_is_not_on_disk(tmp_path: Path) -> None:
    report = await _drill(tmp_path, NOT_DURABLE)

    assert report.tally.lost > 0
    assert not report.passed


async def test_the_kill_drill_fails_a_build_that_marks_as_done_first(tmp_path: Path) -> None:
    assert (await _drill(tmp_path, DONE_FIRST)).tally.lost > 0


async def test_the_kill_drill_fails_a_build_that_recognises_no_duplicate(tmp_path: Path) -> None:
    assert (await _drill(tmp_path, NO_DEDUP)).tally.duplicated > 0


async def test_the_kill_drill_fails_a_build_that_answers_the_latest_first(tmp_path: Path) -> None:
    assert (await _drill(tmp_path, ANY_ORDER)).tally.out_of_order > 0


def test_the_overload_drill_turns_away_in_time_and_loses_nothing(cli: Cli) -> None:
    found = cli("drill", "overload", "--conversations", "3000", "--json").json

    assert (found["accepted"], found["replied"], found["lost"]) == (3000, 3000, 0)
    assert (found["late"], found["wrong"]) == (0, 0)
    assert found["refused"] > 0


def test_the_model_outage_drill_tells_everybody_once_and_answers_once(cli: Cli) -> None:
    done = cli("drill", "model-outage", "--seconds", "12", "--messages", "120", "--json")

    assert done.code == 0, done.out
    found = done.json
    assert (found["accepted"], found["lost"], found["duplicated"], found["out_of_order"]) == (120, 0, 0, 0)
    assert found["held"] > 0
    assert found["held_twice"] == 0
