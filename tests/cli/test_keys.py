"""`ai-worker keys`, `console` and `init`."""

import os
import stat
from pathlib import Path

from ai_worker.settings import load
from tests.cli.calling import Cli, call


def test_a_new_key_is_shown_once_with_its_networks(cli: Cli) -> None:
    made = cli("keys", "create", "crm-prod", "--json").json

    assert made["key"].startswith(f"aiw_live_{made['id']}_")
    assert made["networks"] == [
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7",
    ]  # fmt: skip
    assert made["scopes"] == ["chat", "knowledge", "feedback"]
    assert made["expires_at"].endswith("+00:00")
    listed = cli("keys", "list", "--json")
    assert made["key"] not in listed.out
    assert [key["id"] for key in listed.json["keys"]] == [made["id"]]


def test_somebody_who_gave_no_network_is_told_which_were_chosen(cli: Cli) -> None:
    assert "没有写 --ip，所以只允许本机和内网使用：127.0.0.0/8" in cli("keys", "create", "a").out
    assert "没有写 --ip" not in cli("keys", "create", "b", "--ip", "10.8.0.0/16").out


def test_networks_scopes_and_lifetime_can_be_chosen(cli: Cli) -> None:
    words = ("--ip", "10.8.0.0/16", "--ip", "203.0.113.7", "--scope", "metrics", "--days", "7", "--json")

    made = cli("keys", "create", "prometheus", *words).json

    assert made["networks"] == ["10.8.0.0/16", "203.0.113.7/32"]
    assert made["scopes"] == ["metrics"]
    assert cli("keys", "create", "open", "--ip", "any", "--json").json["networks"] == ["0.0.0.0/0", "::/0"]


def test_a_key_that_cannot_be_is_a_usage_error(cli: Cli) -> None:
    for words in (("a b",), ("a", "--ip", "10.0.0.0/33"), ("a", "--scope", "everything"), ("a", "--days", "0")):
        called = cli("keys", "create", *words)
        assert (called.code, called.out) == (2, ""), words
        assert "代码 keys." in called.err


def test_a_revoked_key_stays_listed_as_revoked(cli: Cli) -> None:
    key_id = cli("keys", "create", "crm", "--json").json["id"]

    assert cli("keys", "revoke", key_id, "--json").json["revoked_at"]
    assert "已停用" in cli("keys", "list").out


def test_revoking_what_is_not_there_finds_a_problem(cli: Cli) -> None:
    called = cli("keys", "revoke", "nobody")

    assert called.code == 1
    assert "没有这个 ID 的密钥" in called.err
    assert "ai-worker keys list" in called.err


def test_the_console_link_names_the_configured_port(cli: Cli) -> None:
    first, second = cli("console", "--json").json, cli("console", "--json").json

    assert first["url"].startswith("http://127.0.0.1:18080/start?t=")
    assert first["url"] != second["url"]
    assert cli("console").out.startswith("http://127.0.0.1:18080/start?t=")


def test_init_writes_settings_that_explain_themselves_and_a_first_key(tmp_path: Path) -> None:
    made = call(tmp_path, "init", "--json").json

    file = tmp_path / "ai-worker.toml"
    assert made["created"] is True
    assert made["config"] == str(file)
    assert made["first_key"]["key"].startswith("aiw_live_")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "# [channels.wecom-app]" in file.read_text(encoding="utf-8")
    assert load(file, environ={}).database_file == tmp_path / "var" / "ai-worker.db"
    assert (tmp_path / "var" / "ai-worker.db").exists()


def test_init_takes_its_answers_from_options(tmp_path: Path) -> None:
    words = ("--display-name", "安安", "--time-zone", "UTC", "--model-url", "http://127.0.0.1:8000/v1")
    more = ("--model-name", "qwen3-32b", "--model-key", "env:LLM_API_KEY")

    called = call(tmp_path, "init", *words, *more, LLM_API_KEY="k")

    assert called.code == 0, called.err
    settings = load(tmp_path / "ai-worker.toml", environ={"LLM_API_KEY": "k"})
    assert settings.staff().default.display_name == "安安"
    assert settings.time_zone == "UTC"
    assert settings.model is not None
    assert settings.model.name == "qwen3-32b"


def test_init_run_again_changes_nothing_that_is_there(tmp_path: Path) -> None:
    call(tmp_path, "init")
    before = (tmp_path / "ai-worker.toml").read_bytes()

    again = call(tmp_path, "init", "--display-name", "别人", "--json")

    assert (again.json["created"], again.json["first_key"]) == (False, None)
    assert (tmp_path / "ai-worker.toml").read_bytes() == before
    assert len(call(tmp_path, "keys", "list", "--json").json["keys"]) == 1


def test_init_writes_where_it_is_told(tmp_path: Path) -> None:
    called = call(tmp_path, "init", "--config", "etc/site.toml", "--lang", "en")

    assert called.code == 0, called.err
    assert (tmp_path / "etc" / "site.toml").read_text(encoding="utf-8").startswith("# Settings of ai-worker.")
    assert "--config" in called.out


def test_init_says_so_when_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "etc").write_text("a file where a folder should be")

    called = call(tmp_path, "init", "--config", os.fspath(tmp_path / "etc" / "site.toml"))

    assert called.code == 4
    assert "写不了这个文件" in called.err


def test_replies_can_be_verified_with_the_secret_that_the_command_prints(cli: Cli) -> None:
    made = cli("keys", "create", "crm", "--json").json

    shown = cli("keys", "callback-secret", made["id"], "--json").json

    assert shown == {"id": made["id"], "callback_secret": made["callback_secret"]}
    assert made["callback_secret"].startswith("whsec_")
    assert cli("keys", "callback-secret", "nobody").code == 1


def test_a_listing_makes_nothing(cli: Cli, site: Path) -> None:
    before = sorted(site.iterdir())

    for words in (("keys", "list"), ("knowledge", "list"), ("knowledge", "gaps"), ("deadletters", "list")):
        called = cli(*words)
        assert (called.code, bool(called.out)) == (0, True), called.err

    assert sorted(site.iterdir()) == before
