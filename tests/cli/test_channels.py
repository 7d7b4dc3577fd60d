"""`ai-worker channels`: setting up, trying out, taking back, and what a running service makes of it."""

import asyncio
import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from ai_worker.channels.connection import DISPLACED
from ai_worker.drills.site import Site
from ai_worker.foundation.clock import SystemClock
from ai_worker.storage.opening import open_stores
from tests.cli.calling import Cli
from tests.cli.terminal import Terminal

PROMISED_S = 5.0
AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
DESK = (
    *("--name", "desk", "--set", "corp_id=ww1", "--set", "agent_id=1000002"),
    *("--set", "token=env:DESK_TOKEN", "--set", f"encoding_aes_key={AES_KEY}", "--set", "api_base=http://127.0.0.1:9"),
)


def test_setting_up_writes_the_section_and_keeps_the_rest(cli: Cli, site: Path) -> None:
    file = site / "ai-worker.toml"
    before = "# 华星办公\n" + file.read_text("utf-8")
    file.write_text(before, "utf-8")

    told = cli("channels", "setup", "wecom-app", *DESK, "--set", "secret=很秘密", "--json", DESK_TOKEN="t0ken").json

    text = file.read_text("utf-8")
    assert text.startswith(before)
    assert tomllib.loads(text)["channels"]["desk"] == {
        "kind": "wecom-app",
        "corp_id": "ww1",
        "agent_id": "1000002",
        "token": "env:DESK_TOKEN",
        "encoding_aes_key": "file:secrets/desk.encoding_aes_key",
        "api_base": "http://127.0.0.1:9",
        "secret": "file:secrets/desk.secret",
    }
    assert "很秘密" not in text + json.dumps(told, ensure_ascii=False)
    secret = site / "secrets" / "desk.secret"
    assert secret.read_text("utf-8") == "很秘密\n"
    assert secret.stat().st_mode & 0o777 == 0o600
    assert (told["name"], told["changed"], told["service_running"]) == ("desk", True, False)
    assert told["callback_url"] == "http://127.0.0.1:0/channels/desk/callback"
    listed = cli("channels", "list", "--json", DESK_TOKEN="t0ken").json["channels"]
    assert [(row["name"], row["kind"], row["state"]) for row in listed] == [("desk", "wecom-app", None)]


def test_setting_up_again_changes_what_was_named_alone(cli: Cli, site: Path) -> None:
    cli("channels", "setup", "web", "--set", "allowed_origins=https://a.cn, https://b.cn")
    file = site / "ai-worker.toml"
    file.write_text(file.read_text("utf-8").replace('kind = "web"', 'kind = "web"  # 官网'), "utf-8")

    again = cli("channels", "setup", "web", "--set", "max_callback_age_s=60", "--json")
    unchanged = cli("channels", "setup", "web", "--json")

    assert (again.code, again.json["changed"]) == (0, True)
    assert unchanged.json["changed"] is False
    text = file.read_text("utf-8")
    assert "# 官网" in text
    section = tomllib.loads(text)["channels"]["web"]
    assert section == {
        "kind": "web",
        "allowed_origins": ["https://a.cn", "https://b.cn"],
        "max_callback_age_s": 60.0,
    }


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (("wecom-app", "--set", "corp_id=ww1"), 2, "channels.setting_missing"),
        (("wecom-app", *DESK, "--set", "secret=x"), 4, "settings.refused"),
        (("web", "--set", "password=x"), 2, "channels.setting_unknown"),
        (("web", "--set", "kind=feishu"), 2, "channels.setting_unknown"),
        (("web", "--set", "allowed_origins=javascript:"), 4, "settings.refused"),
        (("web", "--name", "a/b"), 4, "settings.refused"),
        (("telegram",), 4, "channels.unknown_kind"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    cli: Cli, site: Path, words: tuple[str, ...], code: int, named: str
) -> None:
    before = (site / "ai-worker.toml").read_text("utf-8")

    called = cli("channels", "setup", *words, "--json")

    assert (called.code, called.out) == (code, "")
    assert named in called.err
    assert (site / "ai-worker.toml").read_text("utf-8") == before
    assert not (site / "secrets").exists()


def test_a_name_is_not_taken_from_another_kind(cli: Cli) -> None:
    cli("channels", "setup", "web", "--name", "desk")

    called = cli("channels", "setup", "wecom-app", *DESK, "--set", "secret=x", DESK_TOKEN="t")

    assert called.code == 4
    assert "channels.name_taken" in called.err


def test_a_file_that_cannot_be_changed_is_left_and_the_section_printed(cli: Cli, site: Path) -> None:
    file = site / "ai-worker.toml"
    file.write_text('data_dir = "data"\nchannels = { site = { kind = "web" } }\n', "utf-8")

    called = cli("channels", "setup", "wecom-app", *DESK, "--set", "secret=很秘密", "--json", DESK_TOKEN="t")

    assert called.code == 4
    assert "settings.not_editable" in called.err
    assert "[channels.desk]" in called.err
    assert "很秘密" not in called.err


def test_somebody_at_a_terminal_is_asked_step_by_step(site: Path) -> None:
    with Terminal(site, "channels", "setup", "web", "--wait", "0") as terminal:
        shown = terminal.until("允许的来源: ")
        assert "接入网页对话，大约 1 分钟" in shown
        assert "1. 决定谁能嵌入对话" in shown
        terminal.type("javascript:")
        assert "allowed_origins" in terminal.until("允许的来源: ")
        terminal.type("https://a.cn")
        assert terminal.end() == 0

    assert "2. 打开对话页，说一句话" in terminal.seen
    assert "还没有看到第一条消息" in terminal.seen
    assert tomllib.loads((site / "ai-worker.toml").read_text("utf-8"))["channels"]["web"]["allowed_origins"] == [
        "https://a.cn"
    ]


def test_leaving_in_the_middle_changes_nothing(site: Path) -> None:
    before = (site / "ai-worker.toml").read_text("utf-8")
    with Terminal(site, "channels", "setup", "web") as terminal:
        terminal.until("允许的来源: ")
        terminal.type("\x03")
        assert terminal.end() == 130

    assert (site / "ai-worker.toml").read_text("utf-8") == before


def test_trying_out_a_platform_that_cannot_be_reached_says_so(cli: Cli) -> None:
    cli("channels", "setup", "wecom-app", *DESK, "--set", "secret=x", DESK_TOKEN="t")

    called = cli("channels", "test", "desk", "--to", "zhangsan", "--json", DESK_TOKEN="t")

    assert called.code == 1
    assert called.json["sent"]["state"] == "failed"
    assert called.json["service"] is None
    assert cli("channels", "test", "nowhere", "--json", DESK_TOKEN="t").code == 1


async def test_the_operators_word_is_left_for_the_running_service(cli: Cli, site: Path) -> None:
    await asyncio.to_thread(cli, "channels", "setup", "web", "--name", "site")
    async with open_stores("sqlite:///ai-worker.db", data_dir=site / "data", clock=SystemClock()) as stores:
        await stores.channels.remember("site", DISPLACED, "2026-11-22")

    first = await asyncio.to_thread(cli, "channels", "resume", "site", "--json")
    second = await asyncio.to_thread(cli, "channels", "resume", "site", "--json")

    assert [one.json["was_displaced"] for one in (first, second)] == [True, False]


async def told(site: Site, *words: str) -> Any:
    code, out, err = await site.command(*words, "--json")
    assert code == 0, err
    return json.loads(out)


@pytest.mark.slow
async def test_a_running_service_takes_a_new_channel_up_without_a_restart_and_keeps_it_when_the_file_goes_bad(
    tmp_path: Path,
) -> None:
    async with Site(tmp_path) as site:
        await site.start()

        made = await told(site, "channels", "setup", "web", "--name", "shop")

        assert made["service_running"] is True
        async with site.client.get("/chat/shop") as page:
            assert page.status == 200
        (listed,) = (await told(site, "channels", "list"))["channels"]
        assert (listed["name"], listed["state"]) == ("shop", "ready")

        good = site.config.read_text("utf-8")
        site.config.write_text(good + '\n[channels.broken]\nkind = "nonsense"\n', "utf-8")
        checks = await _checks(site, settings=False)
        assert checks["settings"]["detail"]
        assert checks["channel.shop"]["state"] == "ready"
        assert await site.ready(), "a bad file stops nobody"

        site.config.write_text(good.replace("[channels.shop]", "[channels.store]"), "utf-8")
        checks = await _checks(site, settings=True)
        assert "channel.shop" not in checks
        async with site.client.get("/chat/shop") as page:
            assert page.status == 404
        async with site.client.get("/chat/store") as page:
            assert page.status == 200
        assert await site.stop() == 0
        assert "settings.refused" in site.log()


async def _checks(site: Site, *, settings: bool) -> dict[str, Any]:
    """Return what /readyz tells, once it says this of the settings file."""
    async with asyncio.timeout(PROMISED_S):
        while True:
            async with site.client.get("/readyz") as answer:
                checks = {check["name"]: check for check in (await answer.json())["checks"]}
            if checks["settings"]["ok"] is settings:
                return checks
            await asyncio.sleep(0.1)
