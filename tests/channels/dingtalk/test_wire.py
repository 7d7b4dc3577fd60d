"""Robot messages of every type, as ours."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ai_worker.channels.dingtalk.hosts import TrustedHosts
from ai_worker.channels.dingtalk.refused import Refused
from ai_worker.channels.dingtalk.wire import decode, mentions_us
from ai_worker.conversation.message import InboundMessage, Part
from ai_worker.foundation.clock import FixedClock
from tests.channels.dingtalk.peer import CLIENT_ID, GROUP, STAFF, robot_message

HOSTS = TrustedHosts(["https://api.dingtalk.com", "https://oapi.dingtalk.com"])


def decoded(found: dict[str, Any], *, robot_required: bool = True) -> InboundMessage:
    return decode(
        found,
        channel="front-desk",
        robot_code=CLIENT_ID,
        robot_required=robot_required,
        hosts=HOSTS,
        received_at=FixedClock().now(),
    )


def test_a_private_text() -> None:
    message = decoded(robot_message(" 查库存 "))
    assert (message.text, message.conversation_key, message.group) == ("查库存", STAFF, False)
    assert message.sent_at == datetime(2026, 11, 22, 6, 24, tzinfo=UTC)


def test_a_group_and_a_contact_of_the_same_name_never_meet() -> None:
    private = decoded(robot_message(senderStaffId=GROUP))
    group = decoded(robot_message(group=GROUP))
    assert private.conversation_key != group.conversation_key
    assert (group.text, group.group) == ("查库存", True)


@pytest.mark.parametrize(
    ("changes", "text", "parts"),
    [
        (
            {
                "msgtype": "richText",
                "content": {"richText": [{"text": "看这里"}, {"downloadCode": "d1"}, {"text": "\n"}]},
            },
            "看这里",
            (Part("image", media_id="d1"),),
        ),
        ({"msgtype": "picture", "content": {"downloadCode": "d2"}}, "", (Part("image", media_id="d2"),)),
        (
            {"msgtype": "file", "content": {"downloadCode": "d3", "fileName": "价目表.xlsx"}},
            "",
            (Part("file", text="价目表.xlsx", media_id="d3"),),
        ),
        ({"msgtype": "video", "content": {"downloadCode": "d4"}}, "", (Part("video", media_id="d4"),)),
        (
            {"msgtype": "audio", "content": {"recognition": "查一下库存", "downloadCode": "d5"}},
            "查一下库存",
            (Part("voice", text="查一下库存", media_id="d5"),),
        ),
        ({"msgtype": "hologram", "content": {}}, "", (Part("card", text="hologram"),)),
        ({"msgtype": "richText", "content": {"richText": "x"}}, "", ()),
        ({"msgtype": "richText", "content": {"richText": [1, None, {"text": 3}]}}, "", ()),
        ({"msgtype": "picture", "content": None}, "", (Part("image"),)),
    ],
)
def test_every_type_is_read(changes: dict[str, Any], text: str, parts: tuple[Part, ...]) -> None:
    message = decoded(robot_message(**changes))
    assert (message.text, message.parts) == (text, parts)


def test_somebody_from_outside_the_company_has_no_staff_id() -> None:
    message = decoded(robot_message(senderStaffId=None))
    assert message.contact.id == "$:LWCP_v1:$a"
    assert (message.contact.member, decoded(robot_message()).contact.member) == (False, True)
    assert "staff" not in message.address
    assert message.address["webhook"]


def test_a_message_for_another_robot_is_refused_by_either_way() -> None:
    for required in (True, False):
        with pytest.raises(Refused, match="robot"):
            decoded(robot_message(robotCode="dingforeign"), robot_required=required)
    assert decoded(robot_message(robotCode=None), robot_required=False).text == "查库存"


@pytest.mark.parametrize(
    "webhook",
    ["http://169.254.169.254/", "https://dingtalk.com@evil.example/", "https://oapi.dingtalk.com.evil.example/", 3],
)
def test_a_session_elsewhere_is_not_even_kept(webhook: object) -> None:
    assert "webhook" not in decoded(robot_message(sessionWebhook=webhook)).address


@pytest.mark.parametrize("until", [None, "x", "１", -5, 10**40, 1.5])
def test_a_session_without_an_end_is_not_kept(until: object) -> None:
    assert "webhook" not in decoded(robot_message(sessionWebhookExpiredTime=until)).address


def test_a_message_without_an_id_is_known_by_what_it_says() -> None:
    first, second = (decoded(robot_message(msgId=None)) for _ in range(2))
    other = decoded(robot_message("别的", msgId=None))
    assert first.message_id == second.message_id != other.message_id


def test_who_mentions_the_robot() -> None:
    assert mentions_us(robot_message(group=GROUP))
    assert mentions_us(robot_message(isInAtList=False))
    assert not mentions_us(robot_message(group=GROUP, isInAtList=False))
    assert mentions_us(robot_message(group=GROUP, isInAtList=None))
