"""Every mistake is refused with its place and its remedy, and never with a value."""

from pathlib import Path

import pytest

from ai_worker.settings import Problem, SettingsRefused, load
from ai_worker.settings.words import WORDS

WECOM = """[channels.service-desk]
kind = "wecom-app"
corp_id = "ww1234abcd5678"
agent_id = 1000002
secret = "s"
token = "t"
encoding_aes_key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
"""


def refused(folder: Path, text: str | bytes, **environ: str) -> list[Problem]:
    file = folder / "config.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(SettingsRefused) as caught:
        load(file, environ=environ)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("text", "line", "key", "words"),
    [
        ("max_concurent = 5\n", 1, "max_concurent", "Did you mean max_concurrent?"),
        ("\nport = 5\n", 2, "port", "It belongs in [api] or [console]."),
        ("[api]\n\nprot = 5\n", 3, "api.prot", "Did you mean port?"),
        ("[apy]\nport = 5\n", 1, "apy", "Did you mean api?"),
        ("api.prot = 1\n", 1, "api.prot", "Did you mean port?"),
        ("api = { port = 1, prot = 2 }\n", 1, "api.prot", "Did you mean port?"),
        ("[api]\nport = 'x'\n", 2, "api.port", "A whole number is needed."),
        ("[api]\nport = 70000\n", 2, "api.port", "at most 65535"),
        ("max_concurrent = 0\n", 1, "max_concurrent", "at least 1"),
        ("log_level = 'LOUD'\n", 1, "log_level", "DEBUG, INFO, WARNING, ERROR"),
        ("language = 'fr'\n", 1, "language", "zh-CN, en"),
        ("language = 5\n", 1, "language", "zh-CN, en"),
        ("time_zone = 'Asia/Beijing'\n", 1, "time_zone", "Asia/Shanghai"),
        ("time_zone = '../../etc/passwd'\n", 1, "time_zone", "no such time zone"),
        ("data_dir = ''\n", 1, "data_dir", "must not be empty"),
        ("data_dir = 5\n", 1, "data_dir", "Text is needed"),
        ("api = 5\n", 1, "api", "A table is needed"),
        ("[api]\ntrusted_proxies = 5\n", 2, "api.trusted_proxies", "A list is needed"),
        ("[api]\ntrusted_proxies = ['300.1']\n", 2, "api.trusted_proxies", "not a network"),
        ("[storage]\nurl = 'mysql://x/y'\n", 2, "storage.url", "sqlite:///"),
        ("[storage]\nurl = 'sqlite:///'\n", 2, "storage.url", "sqlite:///"),
        ("[model]\nname = 'm'\n", 1, "model.base_url", "Add base_url"),
        ("[model]\nname = 'm'\nbase_url = 'x'\n", 3, "model.base_url", "http://127.0.0.1:8000/v1"),
        (
            "[model]\nname = 'm'\nbase_url = 'http://a/v1'\n[[model.fallbacks]]\nname = 'n'\nbase_url = 'http://b/v1'\n"
            "[[model.fallbacks]]\nname = 'o'\nbase_url = 'http://b/v1'\ntimeout_s = 0\n",
            10,
            "model.fallbacks[1].timeout_s",
            "more than 0",
        ),
        ("[workers.x]\ngrounding = 'loose'\n", 2, "workers.x.grounding", "strict, open"),
        ("[workers.x]\nknowledge = 'a'\n", 2, "workers.x.knowledge", "A list is needed"),
        ("[workers.x]\nmerge_window_ms = -1\n", 2, "workers.x.merge_window_ms", "at least 0"),
        ("[workers.x]\nchannels = ['shop']\n", 2, "workers.x.channels", "No channel is called shop."),
        ("[workers]\n", 1, "workers", "at least one worker"),
        ("[channels.a]\ncorp_id = 'x'\n", 1, "channels.a", "Add kind"),
        ("[channels.a]\nkind = 'wecomapp'\n", 1, "channels.a", "Did you mean wecom-app?"),
        ("[channels]\na = 5\n", 2, "channels.a", "A table is needed"),
        ("[channels.a]\nkind = ['web']\n", 1, "channels.a", "no such kind"),
        ('[channels."a/b"]\nkind = "web"\n', 1, "channels.a/b", "letters, digits"),
        ('[channels.api]\nkind = "web"\n', 1, "channels.api", "taken by the system"),
        (WECOM + "sekret = 'x'\n", 8, "channels.service-desk.sekret", "Did you mean secret?"),
        (WECOM.replace('secret = "s"\n', ""), 1, "channels.service-desk.secret", "Add secret"),
    ],
)
def test_a_mistake_is_refused_with_its_line_and_remedy(
    tmp_path: Path, text: str, line: int, key: str, words: str
) -> None:
    (problem,) = refused(tmp_path, text)

    assert (problem.key, problem.line) == (key, line)
    assert problem.where == f"{tmp_path / 'config.toml'}:{line}"
    assert words in problem.say("en")
    assert problem.where in problem.say("zh-CN")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"max_concurrent = 5\nmax_concurrent = 6", 2),
        (b"a = [1,\n2\n", 2),
        (b"language = en\n", 1),
        (b"[api\nport = 1\n", 1),
        (b"# ok\nlanguage = '\xff'\n", 2),
    ],
)
def test_a_broken_file_is_refused_with_its_line(tmp_path: Path, text: bytes, line: int) -> None:
    (problem,) = refused(tmp_path, text)

    assert problem.where == f"{tmp_path / 'config.toml'}:{line}"


def test_all_problems_are_named_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = "prot = 1\nlanguage = 'fr'\n[api]\nport = 'x'\n"

    problems = refused(tmp_path, text, AI_WORKER__CONSOLE__PORT="y")

    assert [problem.where.rpartition(":")[2] for problem in problems] == ["AI_WORKER__CONSOLE__PORT", "1", "2", "4"]


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("env:WECOM_SECRET", "WECOM_SECRET is not set"),
        ("file:secret.txt", "No such file"),
        ("file:empty.txt", "is empty"),
        ("file:big.bin", "too large"),
        ("file:binary.bin", "not UTF-8"),
        ("file:.", "cannot be read"),
    ],
)
def test_a_missing_secret_is_refused_with_what_was_looked_for(tmp_path: Path, reference: str, words: str) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    (tmp_path / "big.bin").write_bytes(b"x" * 300_000)
    (tmp_path / "binary.bin").write_bytes(b"\xff\xfe")

    (problem,) = refused(tmp_path, WECOM.replace('"s"', f'"{reference}"'))

    assert (problem.key, problem.line) == ("channels.service-desk.secret", 5)
    assert words in problem.say("en")


def test_a_file_that_was_named_and_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match=r"nowhere\.toml"):
        load(tmp_path / "nowhere.toml", environ={})
    with pytest.raises(SettingsRefused, match=r"nowhere\.toml"):
        load(environ={"AI_WORKER_CONFIG": str(tmp_path / "nowhere.toml")})


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="cannot be read"):
        load(tmp_path, environ={})


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    (problem,) = refused(tmp_path, "", API_KEY="too-short-to-be-a-key")

    assert problem.where == "API_KEY"
    assert "at least 32" in problem.say("en")


@pytest.mark.parametrize(
    "text",
    [
        WECOM.replace('"s"', "5318008"),
        WECOM.replace("encoding_aes_key", "encoding_aes_kee").replace("abcdefg", "5318008"),
        WECOM.replace("abcdefghijk", "5318008"),
        WECOM + "[queue.kafka_options]\n'sasl.password' = ['5318008']\n",
        WECOM + "[storage]\nurl = 'mysql://a:5318008@b/c'\n",
        WECOM + "[model]\nname = 'm'\nbase_url = 'http://a:5318008@b/v1'\n",
        "api_key = '5318008'\n",
        "language = '5318008'\n",
        "kee = '5318008'\n",
    ],
)
def test_no_refusal_ever_repeats_a_value(tmp_path: Path, text: str) -> None:
    for problem in refused(tmp_path, text):
        assert "5318008" not in problem.say("en") + problem.say("zh-CN") + repr(problem)


def test_every_mistake_has_words_in_both_languages() -> None:
    for kind, words in WORDS.items():
        assert set(words) == {"zh-CN", "en"}, kind
        for wrong, remedy in words.values():
            assert wrong, kind
            assert remedy or "{reason}" in wrong, kind
