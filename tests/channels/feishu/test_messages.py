"""What people say, in every type of message; who is meant in a group; repeats."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from ai_worker.channels.contract import CallbackRequest
from ai_worker.conversation.message import InboundMessage, Part
from ai_worker.demo.feishu import BOT
from ai_worker.foundation.clock import FixedClock
from tests.channels.feishu.peer import GROUP, USER, Inbox, message_event, platform, request, started
from tests.channels.store import temporary_store


async def received(event: dict[str, Any], **changes: Any) -> list[InboundMessage]:
    inbox = Inbox()
    async with platform() as at, started(at, inbox, mode="webhook", clock=FixedClock(), **changes) as channel:
        assert (await channel.callback(request(event))).status == 200
    return inbox.messages


def of_kind(kind: str, content: object, **changes: Any) -> dict[str, Any]:
    text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
    return message_event(message_type=kind, content=text, **changes)


def mention(key: str, open_id: str, name: str) -> dict[str, Any]:
    return {"key": key, "id": {"open_id": open_id, "union_id": "on", "user_id": None}, "name": name}


POST = {
    "title": "退货说明",
    "content": [
        [{"tag": "text", "text": "订单 "}, {"tag": "a", "text": "ORD1", "href": "https://example.cn/1"}],
        [{"tag": "at", "user_id": "@_user_1", "user_name": "王芳"}, {"tag": "img", "image_key": "img_1"}],
        [{"tag": "code_block", "text": "SELECT 1"}, "no element", {"tag": "emotion"}],
    ],
}


@pytest.mark.parametrize(
    ("kind", "content", "text", "part"),
    [
        ("text", {"text": "还能退吗？"}, "还能退吗？", None),
        ("post", POST, "退货说明\n订单 ORD1\n@王芳\nSELECT 1", Part("image", media_id="img_1")),
        ("post", {"zh_cn": POST}, "退货说明\n订单 ORD1\n@王芳\nSELECT 1", Part("image", media_id="img_1")),
        ("image", {"image_key": "img_2"}, "", Part("image", media_id="img_2")),
        ("file", {"file_key": "f_1", "file_name": "合同.pdf"}, "", Part("file", "合同.pdf", media_id="f_1")),
        ("audio", {"file_key": "f_2", "duration": 2000}, "", Part("voice", media_id="f_2")),
        ("media", {"file_key": "f_3", "file_name": "开箱.mp4"}, "", Part("video", "开箱.mp4", media_id="f_3")),
        ("sticker", {"file_key": "f_4"}, "", Part("image", media_id="f_4")),
        ("location", {"name": "苏州园区仓", "longitude": "120"}, "", Part("location", "苏州园区仓")),
        ("share_chat", {"chat_id": "oc_9"}, "", Part("card", "群名片", media_id="oc_9")),
        ("share_user", {"user_id": "ou_9"}, "", Part("card", "个人名片", media_id="ou_9")),
        ("interactive", {"title": "请假", "elements": [[{"tag": "text", "text": "三天"}]]}, "请假\n三天", None),
        ("merge_forward", {"content": "Merged and Forwarded Message"}, "", Part("card", "merge_forward")),
        ("hongbao", {"text": "恭喜发财"}, "", Part("card", "hongbao")),
        ("text", "no json", "", Part("card", "text")),
        ("text", "[" * 100_000, "", Part("card", "text")),
        ("text", '{"text":"坏\\ud800字\\u0000符"}', "坏\ufffd字符", None),
        ("text", '{"text":' + "9" * 5_000 + "}", "", Part("card", "text")),
        ("post", {"content": [[{"tag": "text", "text": 1}], 7, [[]]]}, "", None),
    ],
)
async def test_every_type_of_message_is_understood_or_named(
    kind: str, content: object, text: str, part: Part | None
) -> None:
    (message,) = await received(of_kind(kind, content, mentions=[mention("@_user_1", "ou_w", "王芳")]))
    assert message.text == text
    assert part is None or part in message.parts


async def test_a_private_message_says_who_and_when_and_where_to_answer() -> None:
    (message,) = await received(message_event())
    assert (message.contact.id, message.conversation_key, message.group) == (USER, USER, False)
    assert message.address == {"user": USER, "chat": "oc_1", "message": "om_1", "in": "p2p"}
    assert message.sent_at is not None
    assert message.sent_at.timestamp() == 1795328640


@pytest.mark.parametrize("sender", ["app", "anonymous", None])
async def test_what_no_person_said_is_not_answered(sender: str | None) -> None:
    event = message_event()
    event["event"]["sender"] = {"sender_id": {"open_id": "ou_app"}, "sender_type": sender}
    assert await received(event) == []


async def test_in_a_group_we_answer_when_we_are_mentioned_and_drop_the_mention() -> None:
    mentions = [mention("@_user_1", BOT, "小智"), mention("@_user_10", "ou_w", "王芳"), mention("@_user_12", "", "李")]
    text = "@_user_1 让 @_user_10 和@_user_12看看"
    (message,) = await received(message_event(text, chat_type="group", chat_id=GROUP, mentions=mentions))
    assert message.text == "让 @王芳 和@李看看"
    assert (message.group, message.conversation_key) == (True, f"group:{GROUP}")
    assert message.address["in"] == "group"


@pytest.mark.parametrize(
    ("text", "mentions"),
    [
        ("大家好", []),
        ("@_user_1 你看看", [mention("@_user_1", "ou_w", "小智")]),
        ("@_all 开会了", []),
        ("@_user_1 你看看", [{"key": "@_user_1", "id": None, "name": "小智"}]),
    ],
)
async def test_in_a_group_what_is_not_meant_for_us_is_not_received(text: str, mentions: list[dict[str, Any]]) -> None:
    assert await received(message_event(text, chat_type="group", mentions=mentions or None)) == []


async def test_a_group_may_have_its_own_rule() -> None:
    unmentioned = message_event("谁在？", chat_type="group", chat_id=GROUP)
    mentioned = message_event("@_user_1", chat_type="group", chat_id=GROUP, mentions=[mention("@_user_1", BOT, "小智")])
    assert len(await received(unmentioned, groups={GROUP: {"answer": "all"}})) == 1
    assert len(await received(unmentioned, group_answer="all")) == 1
    assert await received(mentioned, groups={GROUP: {"answer": "never"}}, group_answer="all") == []


async def test_as_long_as_nobody_says_who_we_are_a_mention_is_neither_answered_nor_lost() -> None:
    inbox = Inbox()
    mentioned = message_event("@_user_1 在吗", chat_type="group", mentions=[mention("@_user_1", BOT, "小智")])
    unmentioned = message_event("大家好", chat_type="group")
    async with platform() as at:
        at.api.has_bot = False
        async with started(at, inbox, mode="webhook", clock=FixedClock()) as channel:
            assert (await channel.callback(request(mentioned))).status == 503
            assert (await channel.callback(request(unmentioned))).status == 200
            assert inbox.messages == []
            assert channel.health().state == "degraded"


async def test_a_message_that_comes_again_has_the_same_id_by_either_way() -> None:
    inbox = Inbox()
    async with platform(repush_s=1.0) as at, started(at, inbox) as channel:
        said = await at.say(USER, "在吗", message_id="om_7")
        assert said.acknowledged
        body, headers = at.sealed(
            msgspec.json.encode(at.message(USER, "text", {"text": "在吗"}, group="", mentions=(), message_id="om_7"))
        )
        assert (await channel.callback(CallbackRequest("POST", {}, headers, body))).status == 200
    assert [message.message_id for message in inbox.messages] == ["om_7"]


async def test_a_repeat_under_a_new_id_gets_the_id_that_the_message_had_first() -> None:
    inbox, clock = Inbox(), FixedClock()
    store = temporary_store(clock)
    millis = str(int(clock.now().timestamp() * 1000))
    first = message_event("退款到哪了？", message_id="om_1", create_time=millis)
    again = message_event("退款到哪了？", message_id="om_2", create_time=millis)
    async with started(None, inbox, mode="webhook", clock=clock, store=store) as channel:
        await channel.callback(request(first))
    clock.advance(timedelta(minutes=20))
    at = int(clock.now().timestamp())
    async with started(None, inbox, mode="webhook", clock=clock, store=store) as channel:  # after a restart
        await channel.callback(request(again, at=at))
        other = message_event("退款到哪了？", message_id="om_3", create_time=str(int(millis) + 1))
        await channel.callback(request(other, at=at))
    assert [message.message_id for message in inbox.messages] == ["om_1", "om_3"]


async def test_a_repeat_under_a_new_id_is_received_if_the_first_was_not() -> None:
    inbox, clock = Inbox(busy=1), FixedClock()
    millis = str(int(clock.now().timestamp() * 1000))
    async with started(None, inbox, mode="webhook", clock=clock) as channel:
        first = await channel.callback(request(message_event(message_id="om_1", create_time=millis)))
        clock.advance(timedelta(minutes=20))
        at = int(clock.now().timestamp())
        again = await channel.callback(request(message_event(message_id="om_2", create_time=millis), at=at))
    assert (first.status, again.status) == (503, 200)
    assert [message.message_id for message in inbox.messages] == ["om_1"]


async def test_a_message_that_was_kept_through_an_outage_is_received_however_old() -> None:
    (message,) = await received(message_event(create_time=str(1795328640000 - 7_200_000)))
    assert message.sent_at is not None
    assert (message.received_at - message.sent_at) == timedelta(hours=2)


@pytest.mark.parametrize(("tenant", "member"), [("tk", True), ("of-another-company", False), (None, False)])
async def test_a_guest_of_another_company_is_not_one_of_our_own_people(tenant: str | None, member: bool) -> None:
    told = message_event()
    told["event"]["sender"]["tenant_key"] = tenant
    [message] = await received(told)
    assert message.contact.member is member
