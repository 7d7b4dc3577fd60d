"""What holds for every command: options, languages, exit codes, and what goes where."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ai_worker import __version__
from ai_worker.cli.main import hoisted
from tests.cli.calling import Cli, call


def test_version_says_which(cli: Cli) -> None:
    assert cli("version").out.startswith(f"ai-worker {__version__} ")
    assert cli("version", "--json").json["version"] == __version__
    assert cli("--lang", "en", "version", "--json").json["version"] == __version__


def test_version_costs_nothing(cli: Cli) -> None:
    """Deployments ask often: it must not import the machinery of the other commands."""
    script = """
import sys
from ai_worker.cli.main import main
sys.argv = ["ai-worker", "version"]
main()
heavy = {"typer", "rich", "pydantic", "structlog", "asyncio", "apsw"} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        (["keys", "list", "--config", "a"], ["--config", "a", "keys", "list"]),
        (["--config", "a", "keys", "list"], ["--config", "a", "keys", "list"]),
        (["keys", "--config=a", "list", "--debug"], ["--config=a", "--debug", "keys", "list"]),
        (["keys", "create", "x", "--lang", "en"], ["--lang", "en", "keys", "create", "x"]),
        (["knowledge", "ask", "--", "--config"], ["knowledge", "ask", "--", "--config"]),
        (["keys", "list", "--config"], ["--config", "keys", "list"]),
    ],
)
def test_the_options_of_every_command_may_stand_anywhere(typed: list[str], understood: list[str]) -> None:
    assert hoisted(typed) == understood


def test_a_settings_file_can_be_named_before_and_after_the_command(site: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('data_dir = "data"\n[channels.shop]\nkind = "web"\n', encoding="utf-8")

    for words in (
        ("--config", str(other), "channels", "list", "--json"),
        ("channels", "list", "--json", "--config", str(other)),
        ("channels", f"--config={other}", "list", "--json"),
    ):
        assert [row["name"] for row in call(site, *words).json["channels"]] == ["shop"]
    named = call(site, "channels", "list", "--json", AI_WORKER_CONFIG=str(other))
    assert [row["name"] for row in named.json["channels"]] == ["shop"]


def test_settings_that_cannot_be_used_are_refused_with_every_place(site: Path) -> None:
    (site / "ai-worker.toml").write_text("prot = 1\n[api]\nport = 'x'\n", encoding="utf-8")

    for words in (("run",), ("keys", "list"), ("knowledge", "list", "--json"), ("chat",)):
        called = call(site, *words)
        assert (called.code, called.out) == (4, "")
        assert f"{site / 'ai-worker.toml'}:1" in called.err
        assert f"{site / 'ai-worker.toml'}:3" in called.err
        assert "settings.refused" in called.err
        assert "Traceback" not in called.err


def test_a_settings_file_that_is_not_there_is_refused(cli: Cli) -> None:
    called = cli("keys", "list", "--config", "nowhere.toml")

    assert called.code == 4
    assert "nowhere.toml：没有这个文件" in called.err


def test_a_secret_is_not_repeated_by_a_refusal(site: Path) -> None:
    called = call(site, "channels", "list", API_KEY="short-but-secret")

    assert called.code == 4
    assert "API_KEY" in called.err
    assert "short-but-secret" not in called.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("doctor",), "没有这个命令：doctor"),
        (("knowlege", "list"), "是不是想用 knowledge"),
        (("keys", "crete", "x"), "是不是想用 create"),
        (("keys", "create"), "缺少 NAME"),
        (("keys", "list", "--jsn"), "没有这个选项：--jsn"),
        (("keys", "create", "x", "--days", "many"), "--days 的内容不能用"),
        (("keys", "list", "extra"), "多出来的内容：extra"),
        (("keys", "list", "--config"), "没有这个命令：list"),
        (("--lang", "fr", "keys", "list"), "--lang 的内容不能用"),
    ],
)
def test_a_command_that_was_mistyped_ends_with_2_and_says_so_in_chinese(
    cli: Cli, words: tuple[str, ...], said: str
) -> None:
    called = cli(*words)

    assert (called.code, called.out) == (2, "")
    assert said in called.err
    assert "--help" in called.err
    assert "cli.usage" in called.err


def test_the_language_is_the_one_asked_for_then_the_terminals_then_the_settings(site: Path) -> None:
    chinese, english = "没有这个命令", "No such command"

    assert chinese in call(site, "nope").err
    assert chinese in call(site, "nope", LANG="C.UTF-8").err
    assert english in call(site, "nope", LANG="en_US.UTF-8").err
    assert chinese in call(site, "nope", "--lang", "zh-CN", LANG="en_US.UTF-8").err
    assert english in call(site, "nope", "--lang=en").err
    assert "还没有配置渠道" in call(site, "channels", "list").out
    assert "No channel is configured" in call(site, "channels", "list", AI_WORKER__LANGUAGE="en").out


def test_help_is_in_the_readers_language(cli: Cli) -> None:
    assert "新建一把密钥" in cli("keys", "--help").out
    assert "Make a key" in cli("keys", "--help", "--lang", "en").out
    assert "--config" in cli("keys", "create", "--help").out
    assert "自托管" in cli().out


def test_nothing_is_coloured_when_nobody_looks(cli: Cli) -> None:
    for words in (("keys", "create", "crm"), ("keys", "list"), ("nope",), ("--help",)):
        called = cli(*words)
        assert "\x1b" not in called.out + called.err


def test_a_traceback_is_shown_only_on_request(site: Path) -> None:
    (site / "data").write_text("this is a file where a folder should be")

    plain, debug = call(site, "keys", "list"), call(site, "keys", "list", "--debug")

    assert (plain.code, debug.code) == (4, 4)
    assert "Traceback" not in plain.err
    assert "Traceback" in debug.err
    assert "storage.folder_unusable" in plain.err


def test_a_reader_that_has_read_enough_is_no_failure(site: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ai_worker", "channels", "list"],
            cwd=site,
            stdout=writing,
            stderr=subprocess.PIPE,
            timeout=60,
        )
    finally:
        os.close(writing)

    assert b"Traceback" not in done.stderr
