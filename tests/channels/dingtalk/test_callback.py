"""HTTP mode: what is let in, what is refused, and that all refusals look alike."""

import json
from typing import Any

import pytest

from ai_worker.channels.contract import REFUSED, CallbackRequest
from ai_worker.channels.dingtalk.adapter import Dingtalk
from ai_worker.foundation.clock import FixedClock
from tests.channels.dingtalk.peer import ABOUT_NOW_MS, Inbox, later, request, robot_message, settings, sign
from tests.channels.store import temporary_store


async def answered(
    asked: CallbackRequest, *, clock: FixedClock | None = None, inbox: Inbox | None = None, **changes: Any
) -> tuple[int, Inbox]:
    inbox, clock = inbox or Inbox(), clock or FixedClock()
    channel = Dingtalk("front-desk", settings(mode="http", **changes), clock=clock, store=temporary_store(clock))
    await channel.start(inbox, inbox.rate, connects=True)
    try:
        answer = await channel.callback(asked)
        assert answer.status in (200, 503) or answer == REFUSED
        return answer.status, inbox
    finally:
        await channel.stop()


async def test_a_signed_message_is_received() -> None:
    status, inbox = await answered(request(robot_message()))
    (message,) = inbox.messages
    assert (status, message.message_id, message.text, message.contact.name) == (200, "msg1==", "查库存", "林小燕")
    assert message.address["webhook"].startswith("https://oapi.dingtalk.com/")


@pytest.mark.parametrize("hours", [-1.01, 1.01, 24, -24])
async def test_a_signature_that_is_older_or_newer_than_an_hour_is_refused(hours: float) -> None:
    status, inbox = await answered(request(robot_message()), clock=later(hours * 3600))
    assert (status, inbox.messages) == (403, [])


@pytest.mark.parametrize("minutes", [-59, 0, 59])
async def test_within_the_hour_the_platform_may_come(minutes: float) -> None:
    assert (await answered(request(robot_message()), clock=later(minutes * 60)))[0] == 200


@pytest.mark.parametrize(
    "timestamp",
    [
        str(ABOUT_NOW_MS // 1000),
        "",
        "-1",
        "nan",
        "1e12",
        "1" * 18,
        "9" * 4_500,
        "１７９５３２８６４００００",
        f"{ABOUT_NOW_MS // 1000}_000",
        f" {ABOUT_NOW_MS}",
        f"{ABOUT_NOW_MS}\n",
    ],
)
async def test_a_time_that_is_none_in_milliseconds_is_refused(timestamp: str) -> None:
    status, inbox = await answered(request(robot_message(), timestamp=timestamp))
    assert (status, inbox.messages) == (403, [])


@pytest.mark.parametrize(
    "wrong", ["", "x", "签名", "\ud800", sign(str(ABOUT_NOW_MS), secret="foreign"), sign(str(ABOUT_NOW_MS)) + "="]
)
async def test_a_wrong_signature_is_refused(wrong: str) -> None:
    status, inbox = await answered(request(robot_message(), sign=wrong))
    assert (status, inbox.messages) == (403, [])


async def test_a_message_for_another_robot_is_refused_however_well_it_is_signed() -> None:
    for robot in ("dingforeign", "", None, ["x"], {"$ne": 1}):
        status, inbox = await answered(request(robot_message(robotCode=robot)))
        assert (status, inbox.messages) == (403, [])


async def test_a_body_that_claims_rights_gets_none() -> None:
    _, inbox = await answered(request(robot_message(isAdmin=True, worker="root", chosen="x", turn_id="t")))
    (message,) = inbox.messages
    assert (message.worker, message.chosen, message.turn_id) == (None, "", "")
    assert "isAdmin" not in json.dumps(dict(message.address))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\xff",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"msgtype":' + b"9" * 5_000 + b"}",
        b'{"msgtype":NaN}',
        b'{"msgtype":1e999}',
        '{"msgtype":"text"}'.encode("utf-16"),
        b'\xef\xbb\xbf{"msgtype":"text"}',
        b"x" * 2_000_000,
        json.dumps(robot_message(msgtype=None)).encode(),
        json.dumps(robot_message(msgId="x" * 5_000)).encode(),
        json.dumps(robot_message(senderStaffId="x" * 5_000)).encode(),
        json.dumps(robot_message(senderStaffId="group:cid1")).encode(),
        json.dumps(robot_message(senderStaffId=None, senderId=None)).encode(),
        json.dumps(robot_message(conversationType="2", conversationId=None)).encode(),
        json.dumps(robot_message(msgId=None, createAt=None)).encode(),
    ],
)
async def test_rubbish_is_refused_however_well_it_is_signed(body: bytes) -> None:
    status, inbox = await answered(request(body))
    assert (status, inbox.messages) == (403, [])


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\ufeff库存", "查" * 300_000, {"a": 1}, ["x"], 7, None])
async def test_odd_words_are_cleaned_and_never_a_defect(text: object) -> None:
    changes: dict[str, Any] = {"text": {"content": text}}
    body = json.dumps({**robot_message(), **changes}).encode()
    status, inbox = await answered(request(body))
    assert status in (200, 403)
    assert all(message.text.encode().find(b"\0") < 0 for message in inbox.messages)


@pytest.mark.parametrize(
    "odd", [{"text": "x"}, {"text": []}, {"atUsers": 3}, {"createAt": "x"}, {"createAt": 10**30}, {"senderNick": {}}]
)
async def test_fields_of_another_shape_are_tolerated(odd: dict[str, Any]) -> None:
    assert (await answered(request({**robot_message(), **odd})))[0] in (200, 403)


async def test_only_posts_are_answered_and_only_in_http_mode() -> None:
    asked = request(robot_message())
    assert (await answered(CallbackRequest("GET", {}, asked.headers, asked.body)))[0] == 403
    channel = Dingtalk("front-desk", settings(mode="stream"), clock=FixedClock(), store=temporary_store())
    await channel.start(Inbox(), Inbox().rate, connects=False)
    assert await channel.callback(asked) == REFUSED
    await channel.stop()


async def test_what_cannot_be_kept_is_told_to_come_again() -> None:
    inbox = Inbox()
    inbox.busy = 1
    assert (await answered(request(robot_message()), inbox=inbox))[0] == 503
    assert (await answered(request(robot_message()), inbox=inbox))[0] == 200
    assert len(inbox.messages) == 1


async def test_a_window_may_be_set() -> None:
    clock = later(700)
    assert (await answered(request(robot_message()), clock=clock, max_callback_age_s=600))[0] == 403
