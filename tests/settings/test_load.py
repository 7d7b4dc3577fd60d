"""Reading settings that are right."""

from pathlib import Path

import pytest

from ai_worker.settings import Settings, load, places
from ai_worker.settings.places import LOCAL_FILE

CHANNEL = """
[channels.service-desk]
kind = "wecom-app"
corp_id = "ww1234abcd5678"
agent_id = 1000002
secret = "env:WECOM_SECRET"
token = "file:token.txt"
encoding_aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
"""


@pytest.fixture(autouse=True)
def no_system_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine that runs the tests may have an installation of its own."""
    monkeypatch.setattr(places, "SYSTEM_FILE", tmp_path / "etc" / "config.toml")


def written(folder: Path, text: str) -> Path:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_without_a_file_everything_is_the_documented_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    settings = load(environ={})

    assert str(settings.data_dir) == "/var/lib/ai-worker"
    assert (settings.time_zone, settings.language, settings.log_level) == ("Asia/Shanghai", "zh-CN", "INFO")
    assert (settings.max_concurrent, settings.api.port, settings.console.port) == (1000, 18789, 8080)
    assert (settings.api.host, settings.console.host) == ("0.0.0.0", "127.0.0.1")
    assert settings.storage.url == "sqlite:///ai-worker.db"
    assert settings.database_file == Path("/var/lib/ai-worker/ai-worker.db")
    assert settings.model is None
    assert settings.channels == {}
    assert settings.staff().default.name == "xiaozhi"
    assert settings.staff().default.display_name == "小智"
    assert settings.file is None


def test_the_file_in_the_current_folder_is_read_when_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    LOCAL_FILE.write_text('language = "en"\n', encoding="utf-8")

    settings = load(environ={})

    assert settings.language == "en"
    assert settings.file == tmp_path / "ai-worker.toml"


def test_a_named_file_wins_over_the_variable_and_the_variable_over_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    LOCAL_FILE.write_text("max_concurrent = 1\n", encoding="utf-8")
    (tmp_path / "b.toml").write_text("max_concurrent = 2\n", encoding="utf-8")
    (tmp_path / "c.toml").write_text("max_concurrent = 3\n", encoding="utf-8")
    environ = {"AI_WORKER_CONFIG": str(tmp_path / "b.toml")}

    assert load(environ=environ).max_concurrent == 2
    assert load(tmp_path / "c.toml", environ=environ).max_concurrent == 3


def test_a_file_saved_with_a_byte_order_mark_and_windows_line_ends_is_read(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes('\ufefflanguage = "en"\r\n[api]\r\nport = 1\r\n'.encode())

    assert load(file, environ={}).api.port == 1


def test_a_channel_has_the_settings_of_its_kind_with_its_secrets_resolved(tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("callback-token\n", encoding="utf-8")

    channel = load(written(tmp_path, CHANNEL), environ={"WECOM_SECRET": "s3cr3t"}).channels["service-desk"]

    assert channel.kind == "wecom-app"
    assert channel.agent_id == "1000002"  # type: ignore[attr-defined]
    assert channel.secret.reveal() == "s3cr3t"  # type: ignore[attr-defined]
    assert channel.token.reveal() == "callback-token"  # type: ignore[attr-defined]


def test_a_persona_may_stand_in_a_file_beside_the_settings(tmp_path: Path) -> None:
    (tmp_path / "persona.md").write_text("你是华星办公的客服小智。\n语气亲切。\n", encoding="utf-8")
    file = written(tmp_path, '[workers.xiaozhi]\npersona = "file:persona.md"\n')

    assert load(file, environ={}).staff().default.persona == "你是华星办公的客服小智。\n语气亲切。"


def test_relative_folders_start_at_the_settings_file(tmp_path: Path) -> None:
    settings = load(written(tmp_path, 'data_dir = "data"\n'), environ={})

    assert settings.database_file == tmp_path / "data" / "ai-worker.db"
    assert settings.connectors_folder == tmp_path / "connectors"


def test_a_database_address_with_four_slashes_is_absolute(tmp_path: Path) -> None:
    settings = load(written(tmp_path, '[storage]\nurl = "sqlite:////srv/a.db"\n'), environ={})

    assert settings.database_file == Path("/srv/a.db")


def test_another_database_has_no_file(tmp_path: Path) -> None:
    file = written(tmp_path, '[storage]\nurl = "postgresql://ai@db.example/ai"\n')

    assert load(file, environ={}).database_file is None


def test_the_first_worker_of_the_file_is_the_default(tmp_path: Path) -> None:
    file = written(tmp_path, '[workers.xiaoyun]\n[workers.anan]\ndisplay_name = "安安"\n')

    staff = load(file, environ={}).staff()

    assert [worker.name for worker in staff.workers] == ["xiaoyun", "anan"]
    assert staff.default.display_name == "xiaoyun"


def test_settings_can_be_read_again_without_changing_the_first(tmp_path: Path) -> None:
    file = written(tmp_path, "max_concurrent = 5\n")
    first = load(file, environ={})
    written(tmp_path, "max_concurrent = 6\n")

    second = load(file, environ={})

    assert (first.max_concurrent, second.max_concurrent) == (5, 6)


def test_no_secret_shows_in_the_repr_of_the_settings(tmp_path: Path) -> None:
    (tmp_path / "token.txt").write_text("callback-token", encoding="utf-8")
    text = CHANNEL + '[queue.kafka_options]\n"sasl.password" = "kafka-pw"\n[storage]\nurl="postgresql://a:db-pw@h/d"\n'
    environ = {"WECOM_SECRET": "s3cr3t", "API_KEY": "k" * 40}

    shown = repr(load(written(tmp_path, text), environ=environ))

    for secret in ("s3cr3t", "callback-token", "abcdefghijkl", "kafka-pw", "db-pw", "kkkk"):
        assert secret not in shown


def test_defaults_can_be_made_without_a_file_at_all() -> None:
    assert Settings().max_concurrent == 1000
