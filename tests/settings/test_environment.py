"""What the environment can say."""

from pathlib import Path

import pytest

from ai_worker.settings import Settings, SettingsRefused, load

FILE = """
max_concurrent = 7
[api]
port = 1
[channels.service-desk]
kind = "wecom-app"
corp_id = "ww1234abcd5678"
agent_id = "1000002"
token = "t"
encoding_aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
[queue.kafka_options]
"security.protocol" = "plaintext"
"""


def read(folder: Path, text: str, **environ: str) -> Settings:
    file = folder / "config.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, environ=environ)


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    settings = read(tmp_path, "[api]\nport = 1\n", AI_WORKER__API__PORT="2")

    assert settings.api.port == 2


def test_the_three_bare_names_work(tmp_path: Path) -> None:
    settings = read(tmp_path, "max_concurrent = 7\n", API_KEY="k" * 32, MAX_CONCURRENT="50", LOG_LEVEL="debug")

    assert settings.max_concurrent == 50
    assert settings.log_level == "DEBUG"
    assert settings.api_key is not None
    assert settings.api_key.reveal() == "k" * 32


def test_an_empty_bare_name_counts_as_unset(tmp_path: Path) -> None:
    settings = read(tmp_path, "max_concurrent = 7\n", API_KEY="", MAX_CONCURRENT="", LOG_LEVEL="")

    assert (settings.max_concurrent, settings.api_key, settings.log_level) == (7, None, "INFO")


def test_the_long_name_wins_over_the_bare_one(tmp_path: Path) -> None:
    settings = read(tmp_path, "", MAX_CONCURRENT="50", AI_WORKER__MAX_CONCURRENT="60")

    assert settings.max_concurrent == 60


def test_a_hyphen_in_a_name_is_an_underscore_in_the_variable(tmp_path: Path) -> None:
    settings = read(tmp_path, FILE, AI_WORKER__CHANNELS__SERVICE_DESK__SECRET="from-the-environment")

    assert settings.channels["service-desk"].secret.reveal() == "from-the-environment"  # type: ignore[attr-defined]


def test_a_whole_channel_can_come_from_the_environment(tmp_path: Path) -> None:
    prefix = "AI_WORKER__CHANNELS__SERVICE_DESK__"
    values = {
        "AGENT_ID": "1000002",
        "CORP_ID": "ww1",
        "SECRET": "s",
        "TOKEN": "t",
        "ENCODING_AES_KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        "KIND": "wecom-app",
    }

    settings = read(tmp_path, "", **{prefix + name: value for name, value in values.items()})

    assert list(settings.channels) == ["service-desk"]


@pytest.mark.parametrize("text", ["10.0.0.0/8, ::1/128", '["10.0.0.0/8", "::1/128"]'])
def test_a_list_is_written_with_commas_or_as_toml(tmp_path: Path, text: str) -> None:
    settings = read(tmp_path, "", AI_WORKER__API__TRUSTED_PROXIES=text)

    assert settings.api.trusted_proxies == ("10.0.0.0/8", "::1/128")


def test_an_empty_variable_empties_a_list(tmp_path: Path) -> None:
    settings = read(tmp_path, '[api]\ncallback_hosts = ["a.example"]\n', AI_WORKER__API__CALLBACK_HOSTS="")

    assert settings.api.callback_hosts == ()


def test_the_model_and_its_fallbacks_can_come_from_the_environment(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        "",
        AI_WORKER__MODEL__BASE_URL="http://127.0.0.1:8000/v1",
        AI_WORKER__MODEL__NAME="qwen3-32b",
        AI_WORKER__MODEL__API_KEY="env:LLM_API_KEY",
        AI_WORKER__MODEL__FALLBACKS__0__BASE_URL="http://127.0.0.1:8001/v1",
        AI_WORKER__MODEL__FALLBACKS__0__NAME="qwen3-8b",
        LLM_API_KEY="llm-key",
    )

    assert settings.model is not None
    assert settings.model.api_key.reveal() == "llm-key"
    assert [endpoint.name for endpoint in settings.model.endpoints] == ["qwen3-32b", "qwen3-8b"]


def test_a_list_of_tables_can_be_given_as_toml(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        '[model]\nbase_url = "http://127.0.0.1:8000/v1"\nname = "a"\n',
        AI_WORKER__MODEL__FALLBACKS='[{base_url = "http://127.0.0.1:8001/v1", name = "b"}]',
    )

    assert settings.model is not None
    assert settings.model.fallbacks[0].name == "b"


def test_kafka_options_keep_their_dots(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        FILE,
        AI_WORKER__CHANNELS__SERVICE_DESK__SECRET="s",
        AI_WORKER__QUEUE__KAFKA_OPTIONS__SECURITY_PROTOCOL="sasl_ssl",
        AI_WORKER__QUEUE__KAFKA_OPTIONS__SASL_PASSWORD="pw",
    )

    options = {name: value.reveal() for name, value in settings.queue.kafka_options.items()}
    assert options == {"security.protocol": "sasl_ssl", "sasl.password": "pw"}


def test_a_variable_that_merely_looks_alike_is_left_alone(tmp_path: Path) -> None:
    assert read(tmp_path, "", AI_WORKER_HOME="/x", XAI_WORKER__API__PORT="1", PORT="2").api.port == 18789


@pytest.mark.parametrize(
    ("variable", "remedy"),
    [
        ("AI_WORKER__API__PROT", "Did you mean port?"),
        ("AI_WORKER__PORT", "It belongs in [api] or [console]."),
        ("AI_WORKER__APY__PORT", "There is no such setting."),
        ("AI_WORKER__MODEL__FALLBACKS__X__NAME", "There is no such setting."),
        ("AI_WORKER__", "There is no such setting."),
    ],
)
def test_an_unknown_variable_is_refused_by_name(tmp_path: Path, variable: str, remedy: str) -> None:
    with pytest.raises(SettingsRefused) as refused:
        read(tmp_path, "", **{variable: "super-secret-value"})

    (problem,) = refused.value.problems
    assert problem.where == variable
    assert remedy in problem.say("en")
    assert "super-secret-value" not in str(refused.value)


def test_a_bad_value_in_a_variable_names_the_variable_and_not_the_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused) as refused:
        read(tmp_path, "[api]\nport = 1\n", AI_WORKER__API__PORT="eighty")

    (problem,) = refused.value.problems
    assert (problem.where, problem.key) == ("AI_WORKER__API__PORT", "api.port")


def test_a_variable_cannot_turn_a_list_into_a_table(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused) as refused:
        read(tmp_path, "[model]\nfallbacks = 3\n", AI_WORKER__MODEL__FALLBACKS__0__NAME="b")

    assert "AI_WORKER__MODEL__FALLBACKS__0__NAME" in str(refused.value)
