"""Settings of DingTalk channels: what is taken, what is refused and in which words."""

from typing import Any

import pytest
from pydantic import ValidationError

from ai_worker.channels.dingtalk.settings import DingtalkGroupSettings
from tests.channels.dingtalk.peer import CLIENT_ID, CLIENT_SECRET, settings

WEBHOOK = "https://oapi.dingtalk.com/robot/send?access_token=s3cret"


def group(**changes: Any) -> DingtalkGroupSettings:
    return DingtalkGroupSettings.model_validate({"kind": "dingtalk-group", "webhook_url": WEBHOOK, **changes})


def refusal(make: Any, **changes: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        make(**changes)
    return str(refused.value)


def test_the_robot_is_the_application_s_own_unless_another_is_named() -> None:
    assert settings().robot_code == CLIENT_ID
    assert settings(robot_code="dingrobot").robot_code == "dingrobot"
    assert settings(client_id=12345).robot_code == "12345"


def test_a_signed_callback_is_good_for_an_hour() -> None:
    assert settings().max_callback_age_s == 3600


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_id": ""}, "client_id"),
        ({"client_secret": ""}, "empty"),
        ({"mode": "websocket"}, "stream"),
        ({"api_base": "https://api.dingtalk.com/v1.0"}, "without /v1.0"),
        ({"api_base": "https://u:p@api.dingtalk.com"}, "api_base"),
        ({"oapi_base": "oapi.dingtalk.com"}, "https://"),
        ({"group_answer": "sometimes"}, "mentioned"),
        ({"groups": {"cid1": {"answers": "all"}}}, "answers"),
        ({"max_callback_age_s": float("inf")}, "max_callback_age_s"),
        ({"appkey": "x"}, "appkey"),
    ],
)
def test_what_cannot_be_right_is_refused(changes: dict[str, Any], words: str) -> None:
    said = refusal(settings, **changes)
    assert words in said
    assert CLIENT_SECRET not in said


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"webhook_url": "https://oapi.dingtalk.com/robot/send"}, "access_token"),
        ({"webhook_url": "oapi.dingtalk.com/robot/send?access_token=s3cret"}, "https://"),
        ({"webhook_url": WEBHOOK + "&timestamp=1&sign=2"}, "without timestamp"),
        ({"secret": "s3cret"}, "SEC"),
    ],
)
def test_a_webhook_that_was_copied_wrong_is_refused_without_being_shown(changes: dict[str, Any], words: str) -> None:
    said = refusal(group, **changes)
    assert words in said
    assert "s3cret" not in said


def test_a_webhook_is_a_secret() -> None:
    shown = repr(group(secret="SECx")) + str(group(secret="SECx").model_dump())
    assert "s3cret" not in shown
    assert "SECx" not in shown
