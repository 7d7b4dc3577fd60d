"""Events by HTTP: only what proves itself gets in, and everything else gets the one refusal."""

import base64
import gzip
from typing import Any

import msgspec
import pytest

from ai_worker.channels.contract import REFUSED, CallbackRequest
from ai_worker.demo.feishu_envelope import encrypted
from ai_worker.foundation.clock import FixedClock
from tests.channels.feishu.peer import (
    KEY,
    TOKEN,
    Inbox,
    event,
    message_event,
    plain,
    request,
    settings,
    signed,
    started,
)

NOW = 1795328640


async def answers(*requests: CallbackRequest, inbox: Inbox | None = None, **changes: Any) -> list[Any]:
    told: dict[str, Any] = {"mode": "webhook", **changes}
    async with started(None, inbox, clock=FixedClock(), **told) as channel:
        return [await channel.callback(each) for each in requests]


async def test_an_event_gets_in_and_is_acknowledged_in_json() -> None:
    inbox = Inbox()
    (answer,) = await answers(request(message_event()), inbox=inbox)
    assert (answer.status, msgspec.json.decode(answer.body)) == (200, {})
    assert answer.content_type.startswith("application/json")
    assert [message.text for message in inbox.messages] == ["订单 ORD12345 到哪了？"]


async def test_headers_are_found_in_whatever_case_they_come() -> None:
    inbox, told = Inbox(), request(message_event())
    shouted = CallbackRequest("POST", {}, {name.title(): value for name, value in told.headers.items()}, told.body)
    (answer,) = await answers(shouted, inbox=inbox)
    assert (answer.status, len(inbox.messages)) == (200, 1)


@pytest.mark.parametrize(
    "forged",
    [
        pytest.param(request(message_event(), key="another"), id="another key"),
        pytest.param(request(message_event(), x_lark_signature="0" * 64), id="wrong signature"),
        pytest.param(request(message_event(), x_lark_signature="签名"), id="signature not ASCII"),
        pytest.param(request(message_event(), x_lark_signature=""), id="no signature"),
        pytest.param(request(message_event(), x_lark_request_nonce="n" * 500), id="long nonce"),
        pytest.param(request(message_event(), at=NOW - 601), id="stale"),
        pytest.param(request(message_event(), at=NOW + 601), id="from the future"),
        pytest.param(plain(message_event()), id="plain text while encryption is on"),
        pytest.param(request(event("im.message.receive_v1", {}, app_id="cli_other")), id="another application"),
        pytest.param(request(event("im.message.receive_v1", {}, token="other")), id="another token"),
        pytest.param(request({"challenge": "x", "type": "url_verification"}), id="challenge without token"),
        pytest.param(request({"challenge": "x", "token": "no", "type": "url_verification"}), id="wrong token"),
        pytest.param(plain({"challenge": "x", "token": TOKEN, "type": "url_verification"}), id="plain challenge"),
    ],
)
async def test_what_does_not_prove_itself_is_refused(forged: CallbackRequest) -> None:
    inbox = Inbox()
    assert await answers(forged, inbox=inbox) == [REFUSED]
    assert inbox.messages == []


@pytest.mark.parametrize("timestamp", ["", "-1", str(10**18), "9" * 4500, "１７００", "nan", "1_700", " 1", "1e9"])
async def test_a_timestamp_that_is_no_number_of_seconds_is_refused(timestamp: str) -> None:
    assert await answers(request(message_event(), x_lark_request_timestamp=timestamp)) == [REFUSED]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{" * 100_000,
        b"[" * 100_000,
        b'{"schema":"2.0","header":' + b'{"a":' * 100_000,
        b'{"header":{"event_type":' + b"9" * 5_000 + b"}}",
        b'{"header":{"token":1e999}}',
        b'{"header":{"token":NaN}}',
        b'{"header":{"token":"\\ud800"}}',
        b'\xef\xbb\xbf{"type":"url_verification"}',
        '{"type":"url_verification"}'.encode("utf-16"),
        b'{"header":{"token":"\xff\xfe"}}',
        b'{"header":{"event_type":null,"app_id":[],"token":{}}}',
        gzip.compress(b'{"a":1}' * 1_000, mtime=0),
        b"x" * 1_500_000,
    ],
)
async def test_rubbish_is_refused_sealed_or_not(body: bytes) -> None:
    assert await answers(request(body), signed(body), plain(body)) == [REFUSED] * 3


@pytest.mark.parametrize("flaw", ["cut", "flipped", "unpadded", "short", "not base64", "no text"])
async def test_a_broken_ciphertext_gets_the_same_refusal_however_it_is_broken(flaw: str) -> None:
    sealed = base64.b64decode(encrypted(KEY, msgspec.json.encode(message_event())))
    broken: dict[str, object] = {
        "cut": base64.b64encode(sealed[:-7]).decode(),
        "flipped": base64.b64encode(sealed[:-1] + bytes([sealed[-1] ^ 1])).decode(),
        "unpadded": base64.b64encode(sealed[:-16]).decode(),
        "short": base64.b64encode(sealed[:16]).decode(),
        "not base64": "密文",
        "no text": 17,
    }
    body = msgspec.json.encode({"encrypt": broken[flaw]})
    assert await answers(signed(body), plain(body)) == [REFUSED] * 2


async def test_an_unsigned_ciphertext_lets_nothing_in_but_the_challenge() -> None:
    inbox = Inbox()
    unsigned: dict[str, Any] = {"x_lark_signature": "", "x_lark_request_timestamp": "", "x_lark_request_nonce": ""}
    challenge = {"challenge": 'ajls384k"d\\j', "token": TOKEN, "type": "url_verification"}
    refused, answered, padded = await answers(
        request(message_event(), **unsigned),
        request(challenge, **unsigned),
        request({**challenge, "more": "x" * 5_000}, **unsigned),
        inbox=inbox,
    )
    assert (refused, padded, inbox.messages) == (REFUSED, REFUSED, [])
    assert msgspec.json.decode(answered.body) == {"challenge": 'ajls384k"d\\j'}


async def test_without_an_encrypt_key_the_token_is_what_counts() -> None:
    inbox = Inbox()
    challenge = {"challenge": "word", "token": TOKEN, "type": "url_verification"}
    right, wrong, foreign, asked, guessed = await answers(
        plain(message_event()),
        plain(event("im.message.receive_v1", message_event()["event"], token="other")),
        plain(event("im.message.receive_v1", message_event()["event"], app_id="cli_other")),
        plain(challenge),
        plain({**challenge, "token": ""}),
        inbox=inbox,
        encrypt_key="",
    )
    assert (right.status, wrong, foreign, guessed) == (200, REFUSED, REFUSED, REFUSED)
    assert (msgspec.json.decode(asked.body), len(inbox.messages)) == ({"challenge": "word"}, 1)


async def test_a_signed_challenge_needs_no_token_where_none_is_configured() -> None:
    challenge = {"challenge": "word", "token": "whatever", "type": "url_verification"}
    signed_one, unsigned = await answers(
        request(challenge), request(challenge, x_lark_signature=""), verification_token=""
    )
    assert (msgspec.json.decode(signed_one.body), unsigned) == ({"challenge": "word"}, REFUSED)


async def test_with_neither_key_nor_token_no_callback_gets_in() -> None:
    nothing: dict[str, Any] = {"encrypt_key": "", "verification_token": "", "mode": "websocket", "connects": False}
    assert await answers(plain(message_event()), request(message_event()), **nothing) == [REFUSED] * 2


async def test_another_tenants_event_is_refused_where_the_tenant_is_known() -> None:
    (answer, other) = await answers(
        request(message_event()),
        request(event("im.message.receive_v1", message_event()["event"], tenant_key="another")),
        tenant_key="tk",
    )
    assert (answer.status, other) == (200, REFUSED)


async def test_an_event_of_the_old_schema_is_a_message_too() -> None:
    inbox = Inbox()
    old = {
        "uuid": "41b5f371157e3d5341b38b20396e77e3",
        "token": TOKEN,
        "ts": "1795328640.0",
        "type": "event_callback",
        "event": {
            "type": "message",
            "app_id": settings().app_id,
            "tenant_key": "tk",
            "open_id": "ou_a",
            "chat_type": "private",
            "msg_type": "text",
            "text": "还能退吗？",
            "open_message_id": "om_1",
            "open_chat_id": "oc_1",
        },
    }
    (answer, other) = await answers(request(old), request({**old, "token": "no"}), inbox=inbox)
    assert (answer.status, other) == (200, REFUSED)
    assert [(message.message_id, message.text) for message in inbox.messages] == [("om_1", "还能退吗？")]


@pytest.mark.parametrize(
    "kind",
    [
        "im.chat.access_event.bot_p2p_chat_entered_v1",
        "im.chat.member.bot.added_v1",
        "im.message.message_read_v1",
        "contact.user.created_v3",
        "something.new_v9",
    ],
)
async def test_what_asks_for_no_answer_is_acknowledged(kind: str) -> None:
    inbox = Inbox()
    (answer,) = await answers(request(event(kind, {"operator_id": {"open_id": "ou_a"}})), inbox=inbox)
    assert (answer.status, inbox.messages) == (200, [])


async def test_a_genuine_event_in_a_strange_shape_is_refused_without_a_trace_of_it() -> None:
    assert (
        await answers(
            request(event("im.message.receive_v1", {"message": {}, "sender": {}})),
            request(
                event("im.message.receive_v1", {"message": {"message_id": "x" * 500, "chat_id": "oc"}, "sender": {}})
            ),
            request(event("im.message.receive_v1", {"sender": 1})),
            request(event("card.action.trigger", {"operator": None})),
        )
        == [REFUSED] * 4
    )


async def test_a_webhook_without_any_protection_is_not_even_configured() -> None:
    with pytest.raises(ValueError, match="encrypt_key"):
        settings(mode="webhook", encrypt_key="", verification_token="")
