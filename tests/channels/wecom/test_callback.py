"""Callbacks: what gets in, what does not, and what the platform is told."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from ai_worker.channels.contract import REFUSED, CallbackRequest, CallbackResponse
from ai_worker.foundation.clock import FixedClock
from tests.channels.wecom.peer import (
    CORP,
    KEY,
    NONCE,
    SECRET,
    TOKEN,
    Inbox,
    encrypted_by_wechatpy,
    later,
    outer,
    post,
    query,
    sealed,
    signed,
    signed_by_wechatpy,
    started,
    text_xml,
)
from tests.channels.wecom.test_wire import GARBLED, HOSTILE

RECEIVED = CallbackResponse(status=200, body=b"")


def verification(echostr: str, **changes: str) -> CallbackRequest:
    return CallbackRequest("GET", {**query(echostr), "echostr": echostr, **changes}, {}, b"")


async def test_a_message_made_by_wechatpy_is_received_and_acknowledged() -> None:
    inbox = Inbox()
    channel = await started(inbox)

    answer = await channel.callback(sealed(text_xml("上周退的打印机，钱怎么还没到账？")))

    assert answer == RECEIVED
    assert [message.text for message in inbox.messages] == ["上周退的打印机，钱怎么还没到账？"]
    assert channel.health().last_inbound_at == FixedClock().now()
    await channel.stop()


async def test_the_url_is_verified_with_the_bare_plaintext() -> None:
    channel = await started(Inbox())

    answer = await channel.callback(verification(encrypted_by_wechatpy("8806234571618828730")))

    assert (answer.status, answer.body) == (200, b"8806234571618828730")
    await channel.stop()


async def test_it_is_acknowledged_only_when_it_is_kept() -> None:
    inbox = Inbox()
    inbox.busy = 1
    channel = await started(inbox)

    refused, taken = await channel.callback(sealed()), await channel.callback(sealed())

    assert (refused.status, refused.headers) == (503, {"Retry-After": "2"})
    assert taken == RECEIVED
    assert len(inbox.messages) == 1
    await channel.stop()


async def test_before_the_start_and_after_the_stop_the_platform_is_told_to_come_again() -> None:
    inbox = Inbox()
    channel = await started(inbox)
    await channel.stop()

    assert (await channel.callback(sealed())).status == 503
    assert channel.health().state == "down"


async def test_a_repeated_delivery_carries_the_same_id() -> None:
    inbox = Inbox()
    channel = await started(inbox)
    encrypted = encrypted_by_wechatpy(text_xml())
    again = post(
        outer(encrypted),
        {**query(encrypted), "nonce": "99", "msg_signature": signed_by_wechatpy(encrypted, nonce="99")},
    )

    await asyncio.gather(
        *(channel.callback(request) for request in (signed(encrypted), signed(encrypted), again, sealed()))
    )

    assert {message.message_id for message in inbox.messages} == {"7000000000000000001"}
    await channel.stop()


@pytest.mark.parametrize("event", ["enter_agent", "subscribe", "unsubscribe", "view"])
async def test_events_that_say_nothing_are_acknowledged_and_left(event: str) -> None:
    inbox = Inbox()
    channel = await started(inbox)

    assert await channel.callback(sealed(text_xml("", MsgType="event", Event=event, MsgId=""))) == RECEIVED
    assert inbox.messages == []
    await channel.stop()


async def test_a_pressed_menu_entry_is_received() -> None:
    inbox = Inbox()
    channel = await started(inbox)

    assert (
        await channel.callback(sealed(text_xml("", MsgType="event", Event="click", EventKey="k", MsgId=""))) == RECEIVED
    )
    assert [message.parts[0].text for message in inbox.messages] == ["click"]
    await channel.stop()


def _forged() -> dict[str, CallbackRequest]:
    encrypted = encrypted_by_wechatpy(text_xml())
    sound = query(encrypted)
    cases = {
        "wrong signature": signed(encrypted, msg_signature="0" * 40),
        "empty signature": signed(encrypted, msg_signature=""),
        "non-ASCII signature": signed(encrypted, msg_signature="签" * 40),
        "surrogate signature": signed(encrypted, msg_signature="\ud800" * 40),
        "long signature": signed(encrypted, msg_signature="0" * 100_000),
        "three-part signature": signed(encrypted, msg_signature=signed_by_wechatpy("")),
        "foreign token": signed(encrypted, msg_signature=signed_by_wechatpy(encrypted, token="foreign")),
        "other nonce": signed(encrypted, nonce="1"),
        "surrogate nonce": signed(encrypted, nonce="\udfff"),
        "NUL nonce": signed(encrypted, nonce="\x00"),
        "no query": post(outer(encrypted), {}),
        "other ciphertext": post(outer(encrypted_by_wechatpy(text_xml("别的"))), sound),
        "over the limit": post(outer(encrypted) + b" " * 1_048_576, sound),
        "wrong receive id": sealed(receive_id="wwanother"),
        "prefix of the receive id": sealed(receive_id=CORP[:-1]),
        "suffix after the receive id": sealed(receive_id=CORP + "x"),
        "empty receive id": sealed(receive_id=""),
        "other company inside": sealed(text_xml(ToUserName="wwanother")),
        "other application inside": sealed(text_xml(AgentID="1000003")),
        "no sender inside": sealed(text_xml(FromUserName="")),
        "not XML inside": sealed("你好"),
        "DOCTYPE inside": sealed("<!DOCTYPE xml>" + text_xml()),
        "NUL inside": sealed(text_xml("a\x00b")),
        "truncated": signed(encrypted[:-4]),
        "empty body": post(b"", sound),
        "GET without echostr": CallbackRequest("GET", sound, {}, b""),
        "GET with a message's signature": CallbackRequest("GET", {**sound, "echostr": "AAAA"}, {}, b""),
    }
    for name, body in {**{name: text.encode() for name, text in HOSTILE.items()}, **GARBLED}.items():
        cases[f"body: {name}"] = post(body, sound)
    return cases


@pytest.mark.parametrize("name", list(_forged()))
async def test_whatever_is_forged_or_broken_gets_the_one_refusal_and_leaves_nothing(name: str) -> None:
    inbox = Inbox()
    channel = await started(inbox)

    assert await channel.callback(_forged()[name]) == REFUSED
    assert inbox.messages == []
    assert channel.health().last_inbound_at is None
    await channel.stop()


HOSTILE_TIMES = [
    "-1", "+1795328640", " 1795328640", "1795328640 ", "1_795_328_640", "1_7", "1795328640.0", "1.795e9", "0x6b02e480",
    "nan", "inf", "", "0", "1" + "0" * 18, "9" * 4_500, "１７９５３２８６４０", "١٧٩٥٣٢٨٦٤٠", "1795328640\x00",
    "1795328640\n", "1795328640000",
]  # fmt: skip


@pytest.mark.parametrize("timestamp", HOSTILE_TIMES)
async def test_a_hostile_timestamp_is_refused_though_it_is_signed(timestamp: str) -> None:
    inbox = Inbox()
    channel = await started(inbox)
    encrypted = encrypted_by_wechatpy(text_xml())

    assert await channel.callback(signed(encrypted, timestamp=timestamp)) == REFUSED
    assert inbox.messages == []
    await channel.stop()


@pytest.mark.parametrize("seconds", [601, -601, 86_400, -86_400])
async def test_a_stale_callback_is_refused(seconds: float) -> None:
    channel = await started(Inbox(), later(seconds))

    assert await channel.callback(sealed()) == REFUSED
    assert await channel.callback(verification(encrypted_by_wechatpy("1"))) == REFUSED
    await channel.stop()


@pytest.mark.parametrize("seconds", [599, -599])
async def test_a_late_callback_within_the_window_is_taken(seconds: float) -> None:
    channel = await started(Inbox(), later(seconds))
    assert await channel.callback(sealed()) == RECEIVED
    await channel.stop()


async def test_the_window_is_a_setting() -> None:
    clock = FixedClock()
    channel = await started(Inbox(), clock, max_callback_age_s=60)
    clock.advance(timedelta(seconds=61))
    assert await channel.callback(sealed()) == REFUSED
    await channel.stop()


async def test_refusals_are_logged_with_their_reason_and_nothing_else() -> None:
    channel = await started(Inbox())
    with capture_logs() as logs:
        await channel.callback(sealed(text_xml("身份证号 110101199003078515"), msg_signature="0" * 40))
    await channel.stop()

    assert [(entry["event"], entry["reason"]) for entry in logs] == [("channel.callback_refused", "signature")]
    written = repr(logs)
    assert not any(secret in written for secret in (TOKEN, KEY, SECRET, "110101199003078515"))


ANY_TEXT = st.text(st.characters(), max_size=60)
QUERIES = st.dictionaries(
    st.sampled_from(["msg_signature", "timestamp", "nonce", "echostr"]) | ANY_TEXT,
    st.sampled_from(["1795328640", NONCE, "0" * 40]) | ANY_TEXT,
    max_size=6,
)


@hypothesis_settings(max_examples=300, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST"]),
    parameters=QUERIES,
    body=st.binary(max_size=300) | ANY_TEXT.map(lambda text: outer(text.encode(errors="replace").decode())),
)
def test_no_input_raises_or_gets_in(method: str, parameters: dict[str, str], body: bytes) -> None:
    async def ask() -> None:
        inbox = Inbox()
        channel = await started(inbox)
        answer = await channel.callback(CallbackRequest(method, parameters, {}, body))  # type: ignore[arg-type]
        await channel.stop()
        assert answer == REFUSED
        assert inbox.messages == []

    asyncio.run(ask())


@hypothesis_settings(max_examples=200, deadline=None)
@given(
    inner=ANY_TEXT.map(lambda text: text.encode(errors="replace").decode())
    | st.dictionaries(
        st.sampled_from(
            ["ToUserName", "FromUserName", "MsgType", "MsgId", "Content", "AgentID", "Event", "CreateTime"]
        ),
        st.sampled_from([CORP, "1000002", "text", "event", "image", "1"])
        | st.text(st.characters(codec="utf-8"), max_size=20),
    ).map(lambda found: "<xml>" + "".join(f"<{k}><![CDATA[{v}]]></{k}>" for k, v in found.items()) + "</xml>"),
    busy=st.booleans(),
)
def test_nothing_that_is_rightly_sealed_raises_either(inner: str, busy: bool) -> None:
    async def ask() -> None:
        inbox = Inbox()
        inbox.busy = int(busy)
        channel = await started(inbox)
        answer = await channel.callback(sealed(inner or " "))
        await channel.stop()
        assert answer.status in ({200, 403, 503} if busy else {200, 403})
        assert not (answer.status != 200 and inbox.messages)

    asyncio.run(ask())
