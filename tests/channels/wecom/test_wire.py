"""The XML parser, given what an attacker writes; and each type of message that WeCom sends."""

import resource
from datetime import UTC, datetime

import pytest

from ai_worker.channels.wecom.refused import Refused
from ai_worker.channels.wecom.wire import decode, encrypted_part, fields
from ai_worker.conversation.message import InboundMessage, Part
from tests.channels.wecom.peer import AGENT, CORP, USER, text_xml

NOW = datetime(2026, 11, 22, 6, 24, tzinfo=UTC)

BILLION_LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a0 "哈">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]><xml><Encrypt>&a9;</Encrypt></xml>"
)

HOSTILE = {
    "external entity, file": '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><xml><Encrypt>&e;</Encrypt></xml>',
    "external entity, http": '<!DOCTYPE x [<!ENTITY e SYSTEM "http://127.0.0.1:9/">]><xml><Encrypt>&e;</Encrypt></xml>',
    "parameter entity": '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/"> %p;]><xml><Encrypt>A</Encrypt></xml>',
    "external DTD": '<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/x.dtd"><xml><Encrypt>A</Encrypt></xml>',
    "empty DOCTYPE": "<!DOCTYPE xml><xml><Encrypt>A</Encrypt></xml>",
    "billion laughs": BILLION_LAUGHS,
    "quadratic blow-up": f'<!DOCTYPE x [<!ENTITY a "{"A" * 50_000}">]><xml><Encrypt>{"&a;" * 5_000}</Encrypt></xml>',
    "undefined entity": "<xml><Encrypt>&whatever;</Encrypt></xml>",
    "processing instruction": '<?xml-stylesheet href="http://127.0.0.1:9/"?><xml><Encrypt>A</Encrypt></xml>',
    "declared as UTF-16": '<?xml version="1.0" encoding="UTF-16"?><xml><Encrypt>A</Encrypt></xml>',
    "declared as GBK": '<?xml version="1.0" encoding="gbk"?><xml><Encrypt>A</Encrypt></xml>',
    "declared as Latin-1": '<?xml version="1.0" encoding="iso-8859-1"?><xml><Encrypt>A</Encrypt></xml>',
    "100,000 nested tags": "<xml>" + "<a>" * 100_000,
    "100,000 nested and closed": "<a>" * 100_000 + "</a>" * 100_000,
    "nine deep": "<xml><Encrypt>A</Encrypt>" + "<b><c><d><e><f><g><h><i/></h></g></f></e></d></c></b></xml>",
    "many elements": "<xml>" + "<a/>" * 10_000 + "<Encrypt>A</Encrypt></xml>",
    "two ciphertexts": "<xml><Encrypt>A</Encrypt><Encrypt>B</Encrypt></xml>",
    "ciphertext too deep": "<xml><a><Encrypt>A</Encrypt></a></xml>",
    "no ciphertext": "<xml><ToUserName>x</ToUserName></xml>",
    "empty ciphertext": "<xml><Encrypt></Encrypt></xml>",
    "character reference to NUL": "<xml><Encrypt>&#0;</Encrypt></xml>",
    "character reference to a surrogate": "<xml><Encrypt>&#xD800;</Encrypt></xml>",
    "not closed": "<xml><Encrypt>A</Encrypt>",
    "two roots": "<xml><Encrypt>A</Encrypt></xml><xml/>",
    "JSON": '{"encrypt":"A"}',
    "nothing": "",
    "a NUL": "<xml><Encrypt>\x00</Encrypt></xml>",
}
GARBLED = {
    "UTF-16 with a mark": "<xml><Encrypt>A</Encrypt></xml>".encode("utf-16"),
    "UTF-16 without a mark": "<xml><Encrypt>A</Encrypt></xml>".encode("utf-16-be"),
    "UTF-32": "<xml><Encrypt>A</Encrypt></xml>".encode("utf-32"),
    "invalid UTF-8": b"<xml><Encrypt>\xff\xfe</Encrypt></xml>",
    "overlong UTF-8": b"<xml><Encrypt>\xc0\x80</Encrypt></xml>",
    "a lone surrogate": b"<xml><Encrypt>\xed\xa0\x80</Encrypt></xml>",
    "half a character": "<xml><Encrypt>单</Encrypt></xml>".encode()[:16],
}


@pytest.mark.parametrize(
    "body", [text.encode() for text in HOSTILE.values()] + list(GARBLED.values()), ids=[*HOSTILE, *GARBLED]
)
def test_hostile_xml_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        encrypted_part(body)
    assert refused.value.reason == "xml"


def test_hostile_xml_costs_little_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for text in HOSTILE.values():
        with pytest.raises(Refused):
            encrypted_part(text.encode())
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB


def test_nothing_is_fetched_and_nothing_is_read_from_disk(tmp_path: object) -> None:
    with pytest.raises(Refused) as refused:
        encrypted_part(HOSTILE["external entity, file"].encode())
    assert "root:" not in str(refused.value)


def test_a_byte_order_mark_and_a_plain_declaration_are_no_attack() -> None:
    body = b'\xef\xbb\xbf<?xml version="1.0" encoding="UTF-8"?><xml><Encrypt>QUJD</Encrypt></xml>'
    assert encrypted_part(body) == "QUJD"


def test_text_in_pieces_is_put_together_and_deeper_text_is_left_out() -> None:
    found = fields(
        "<xml><Content><![CDATA[a]]]]><![CDATA[>b]]>&amp;c<i>深</i></Content><Info><Label>楼</Label></Info></xml>".encode()
    )
    assert found == {"Content": "a]]>b&c", "Info": ""}


def decoded(xml: str) -> InboundMessage:
    return decode(xml.encode(), channel="service-desk", corp_id=CORP, agent_id=AGENT, received_at=NOW)


def test_a_text_becomes_a_message() -> None:
    message = decoded(text_xml("  订单 ORD12345 到哪了？\r\n谢谢 "))

    assert message.channel == "service-desk"
    assert message.message_id == "7000000000000000001"
    assert message.conversation_key == message.contact.id == USER
    assert message.text == "订单 ORD12345 到哪了？\n谢谢"
    assert message.parts == ()
    assert message.sent_at == datetime(2023, 11, 14, 22, 13, 21, tzinfo=UTC)
    assert message.received_at == NOW
    assert message.address == {"user": USER}


def test_what_a_contact_pasted_by_accident_does_not_lose_the_message() -> None:
    assert decoded(text_xml("退货\x0b流程\x1b\ufffe？")).text == "退货流程？"


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"MsgType": "image", "PicUrl": "https://p.example/1", "MediaId": "m1"}, Part("image", media_id="m1", url="https://p.example/1")),
        ({"MsgType": "voice", "MediaId": "m2", "Format": "amr"}, Part("voice", media_id="m2")),
        ({"MsgType": "video", "MediaId": "m3", "ThumbMediaId": "t"}, Part("video", media_id="m3")),
        ({"MsgType": "file", "MediaId": "m4"}, Part("file", media_id="m4")),
        ({"MsgType": "location", "Location_X": "39.9", "Label": "北京市朝阳区"}, Part("location", text="北京市朝阳区")),
        ({"MsgType": "link", "Title": "售后政策", "Url": "https://a.example/p"}, Part("link", text="售后政策", url="https://a.example/p")),
        ({"MsgType": "mini_program"}, Part("card", text="mini_program")),
    ],
)  # fmt: skip
def test_other_types_become_a_part_that_says_what_it_is(changes: dict[str, str], part: Part) -> None:
    message = decoded(text_xml("", **changes))
    assert message.text == ""
    assert message.parts == (part,)


def test_an_event_is_known_by_who_when_and_what() -> None:
    event = {"MsgType": "event", "Event": "click", "EventKey": "菜单一", "MsgId": ""}
    first = decoded(text_xml("", **event))

    assert first.parts == (Part("event", text="click"),)
    assert decoded(text_xml("", **event)).message_id == first.message_id
    for change in (
        {"FromUserName": "zhoujianguo"},
        {"CreateTime": "1700000002"},
        {"EventKey": "菜单二"},
        {"TaskId": "t"},
    ):
        assert decoded(text_xml("", **event)).message_id != decoded(text_xml("", **{**event, **change})).message_id


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"ToUserName": "wwanother"}, "corp_id"),
        ({"AgentID": "1000003"}, "agent_id"),
        ({"FromUserName": ""}, "message"),
        ({"FromUserName": "x" * 200}, "message"),
        ({"MsgType": ""}, "message"),
        ({"MsgId": ""}, "message"),
        ({"MsgId": "1" * 200}, "message"),
    ],
)
def test_a_message_that_is_not_ours_or_not_whole_is_refused(changes: dict[str, str], reason: str) -> None:
    with pytest.raises(Refused) as refused:
        decoded(text_xml(**changes))
    assert refused.value.reason == reason


@pytest.mark.parametrize("moment", ["", "-1", "nan", "1_7", "1e9", "１７００００００００", "9" * 4_500])
def test_a_strange_creation_time_is_just_unknown(moment: str) -> None:
    assert decoded(text_xml(CreateTime=moment)).sent_at is None
