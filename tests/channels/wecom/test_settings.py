"""Settings of a WeCom channel: what is taken, what is refused and in which words."""

import ast
import inspect
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from ai_worker.channels.wecom import settings as module
from ai_worker.channels.wecom.settings import WecomAppSettings
from tests.channels.wecom.peer import KEY, SECRET, TOKEN, settings


def refusal(**changes: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        settings(**changes)
    return str(refused.value)


@pytest.mark.parametrize("agent_id", [1000002, "1000002", "0001000002"])
def test_an_agent_id_is_text_or_a_number(agent_id: object) -> None:
    assert settings(agent_id=agent_id).agent_id == "1000002"


@pytest.mark.parametrize("agent_id", ["", "abc", "-1", "1_000", "１０００", "1" * 40, True, 1.5, None])
def test_an_agent_id_that_is_none_is_refused(agent_id: object) -> None:
    assert "agent_id" in refusal(agent_id=agent_id)


@pytest.mark.parametrize("key", ["", KEY[:-1], KEY + "=", KEY[:-1] + "-", KEY[:-1] + " "])
def test_a_key_that_was_copied_wrong_is_refused_without_being_shown(key: str) -> None:
    words = refusal(encoding_aes_key=key)
    assert "43 characters" in words
    assert not key or key not in words


def test_empty_secrets_are_refused() -> None:
    assert "empty" in refusal(secret="")
    assert "empty" in refusal(token="")
    assert "corp_id" in refusal(corp_id="")


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://qyapi.weixin.qq.com", "https://qyapi.weixin.qq.com"),
        ("https://wecom.example.cn:8443/proxy/", "https://wecom.example.cn:8443/proxy"),
        ("http://127.0.0.1:8765", "http://127.0.0.1:8765"),
    ],
)
def test_a_base_address_may_carry_a_port_and_a_path(address: str, kept: str) -> None:
    assert settings(api_base=address).api_base == kept


@pytest.mark.parametrize(
    "address",
    ["", "qyapi.weixin.qq.com", "ftp://a.example", "https://", "https://u:p@a.example", "https://a.example?x=1"],
)
def test_a_base_address_that_cannot_be_one_is_refused(address: str) -> None:
    assert "api_base" in refusal(api_base=address)


def test_a_base_address_with_cgi_bin_is_told_so() -> None:
    assert "without /cgi-bin" in refusal(api_base="https://qyapi.weixin.qq.com/cgi-bin/")


@pytest.mark.parametrize("age", [0, -1, float("nan"), float("inf")])
def test_a_window_that_would_let_everything_in_is_refused(age: float) -> None:
    assert "max_callback_age_s" in refusal(max_callback_age_s=age)


def test_an_unknown_key_is_refused() -> None:
    assert "corpid" in refusal(corpid="ww1")


def test_secrets_are_not_shown() -> None:
    shown = repr(settings()) + str(settings().model_dump())
    assert not any(secret in shown for secret in (KEY, SECRET, TOKEN))


def test_references_are_resolved() -> None:
    told = settings().model_dump() | {"secret": "env:WECOM_SECRET", "agent_id": "file:agent"}
    found = {"env:WECOM_SECRET": "resolved", "file:agent": "1000007"}
    read = WecomAppSettings.model_validate(told, context={"resolve": lambda text: found.get(text, text)})
    assert (read.secret.reveal(), read.agent_id) == ("resolved", "1000007")


def test_every_setting_is_documented() -> None:
    body = next(node for node in ast.parse(inspect.getsource(module)).body if isinstance(node, ast.ClassDef)).body
    for field, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign):
            assert isinstance(following, ast.Expr), ast.unparse(field)
            assert isinstance(following.value, ast.Constant), ast.unparse(field)


def test_reading_settings_needs_no_http_client() -> None:
    imported = Path(str(module.__file__)).read_text(encoding="utf-8")
    assert "aiohttp" not in imported
