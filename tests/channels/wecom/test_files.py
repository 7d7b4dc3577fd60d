"""Pictures and files of WeCom: fetched from the platform and sent to it, against the simulated one over sockets."""

import asyncio
import io
import json
import sys
from base64 import b64decode, b64encode
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from wechatpy.enterprise import WeChatClient

from ai_worker.channels.contract import SendFailed
from ai_worker.channels.wecom import wire
from ai_worker.channels.wecom.bot import WecomBot
from ai_worker.channels.wecom.bot_media import media_key
from ai_worker.channels.wecom.crypto import decrypt
from ai_worker.channels.wecom.hosts import may_fetch
from ai_worker.conversation.message import Contact, InboundMessage, Part
from ai_worker.demo.wecom import Fault
from ai_worker.foundation.clock import FixedClock
from ai_worker.pipeline.files import MOST_BYTES, FileTooLarge, attached
from tests.channels.files import CONTENTS, PDF, PICTURE, QUOTE, carrying, png
from tests.channels.store import temporary_store
from tests.channels.wecom.bots import answer_to, bot_at, gateway
from tests.channels.wecom.peer import AGENT, BOT, CORP, SECRET, USER, bot_settings, callback_bot_settings, text_xml
from tests.channels.wecom.test_bot_peers import running
from tests.channels.wecom.test_kf import ANN, platform_of, serving
from tests.channels.wecom.test_sending import channel_at, failure, platform, reply

CLOCK = FixedClock()


def told(**fields: str) -> InboundMessage:
    """Return a message of a member, as the platform's XML has it."""
    xml = text_xml(content="", **fields).encode()
    return wire.decode(xml, channel="service-desk", corp_id=CORP, agent_id=AGENT, received_at=CLOCK.now())


async def test_a_members_picture_is_fetched_with_its_name() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        media_id = wecom.media.keep("image", "现场照片.png", png())
        message = told(MsgType="image", MediaId=media_id, PicUrl="https://p.example/1")

        fetched = await channel.fetch(message.parts[0], message)

        assert (fetched.content, fetched.name) == (png(), "现场照片.png")
        assert wecom.media.fetches == 1


async def test_a_token_that_was_taken_back_is_replaced_once() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        await channel.deliver(reply("在的"))
        wecom.invalidate_token()
        media_id = wecom.media.keep("file", "报价单.pdf", PDF)
        assert (await channel.fetch(Part("file", media_id=media_id), told())).content == PDF


async def test_what_the_platform_does_not_keep_any_more_is_not_tried_again() -> None:
    clock = FixedClock()
    async with platform(clock=clock) as wecom, channel_at(wecom.api_base) as channel:
        media_id = wecom.media.keep("image", "旧图.png", png())
        clock.advance(timedelta(days=3, minutes=1))
        with pytest.raises(SendFailed) as failed:
            await channel.fetch(Part("image", media_id=media_id), told())
        assert failed.value.retry_after is None
        assert "media id" in str(failed.value)


async def test_a_platform_that_is_down_is_asked_again() -> None:
    async with platform() as wecom, channel_at("http://127.0.0.1:9") as channel:
        with pytest.raises(SendFailed) as failed:
            await channel.fetch(Part("image", media_id=wecom.media.keep("image", "a.png", png())), told())
        assert failed.value.retry_after is not None


async def test_a_file_that_is_too_large_is_not_read_to_its_end() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        media_id = wecom.media.keep("file", "全部.zip", bytes(MOST_BYTES + 1))
        with pytest.raises(FileTooLarge):
            await channel.fetch(Part("file", media_id=media_id), told())


async def test_words_picture_and_file_arrive_as_three_messages_in_order() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        await channel.deliver(carrying(reply("请查收")))

        shown = wecom.shown_to(USER)
        assert [(one.msgtype, one.text, one.content) for one in shown] == [
            ("text", "请查收", b""),
            ("image", PICTURE.name, CONTENTS[PICTURE.id]),
            ("file", QUOTE.name, PDF),
        ]
        assert [need.count for need in channel.needs(carrying(reply("请查收")))] == [3, 3]
        assert list(wecom.counts.violations) == []


async def test_a_file_needs_no_words() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        await channel.deliver(carrying(reply(""), QUOTE))
        assert [one.msgtype for one in wecom.shown_to(USER)] == ["file"]


async def test_a_picture_that_wecom_does_not_take_as_one_goes_as_a_file() -> None:
    gif = attached(b"GIF89a" + bytes(20), name="动图.gif")
    message = replace(carrying(reply(""), gif), contents={gif.id: b"GIF89a" + bytes(20)})
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        await channel.deliver(message)
        assert [one.msgtype for one in wecom.shown_to(USER)] == ["file"]
        assert not channel.carries(message, attached(b"12345", name="太小.txt"))


async def test_a_second_send_of_the_same_file_is_recognised_by_the_platform() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.fail_next(Fault(takes=True), Fault(takes=True), Fault.lost_answer())
        first = await failure(channel, carrying(reply("请查收")))
        assert first.unsure

        await channel.deliver(replace(carrying(reply("请查收")), unsure=True))

        assert [one.msgtype for one in wecom.shown_to(USER)] == ["text", "image", "file"]
        assert wecom.media.uploads == 2, "what was uploaded is remembered"


async def test_customer_service_fetches_and_sends_within_its_five_messages() -> None:
    async with platform_of() as wecom, serving(wecom) as (channel, desk):
        await wecom.send_file(ANN, "发票.png", png())
        (message,) = desk.messages
        assert (await channel.fetch(message.parts[0], message)).content == png()

        answer = carrying(answer_to(message, "收到，请看", rateable=False))
        for _ in range(2):  # the second is a repeat
            await channel.deliver(answer)

        assert [(one.msgtype, one.text) for one in await wecom.reply_to(ANN, count=3)] == [
            ("text", "收到，请看"),
            ("image", PICTURE.name),
            ("file", QUOTE.name),
        ]
        many = replace(answer.reply, attachments=(QUOTE,) * 3 + (PICTURE,))
        assert not channel.carries(replace(answer, reply=many), PICTURE)
        assert list(wecom.counts.violations) == []


async def test_an_ai_bots_picture_is_fetched_within_its_five_minutes_and_decrypted() -> None:
    async with gateway() as wecom, bot_at(wecom, api_base=wecom.files.base) as (bot, desk):
        await wecom.send_file(USER, "现场 照片.png", png())
        (message,) = await desk.until(1)
        (part,) = message.parts
        assert part.kind == "image"
        assert part.seal not in repr(message)

        fetched = await bot.fetch(part, message)
        assert (fetched.content, fetched.name) == (png(), "现场 照片.png")

        with pytest.raises(SendFailed) as wrong_key:
            await bot.fetch(replace(part, seal=b64encode(bytes(32)).decode()), message)
        assert wrong_key.value.retry_after is None
        with pytest.raises(SendFailed) as over:
            await bot.fetch(replace(part, url=f"{wecom.files.base}/files/gone"), message)
        assert "five minutes" in str(over.value)
        assert over.value.retry_after is None


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/files/x",
        "https://evil.example/x",
        "https://ww-aibot-img-1258476243.cos.ap-guangzhou.myqcloud.com.evil.example/x",
        "https://other-1258476243.cos.ap-guangzhou.myqcloud.com/x",
        "http://ww-aibot-img-1258476243.cos.ap-guangzhou.myqcloud.com/x",
        "https://user@qyapi.weixin.qq.com/x",
        "file:///etc/passwd",
    ],
)
async def test_a_file_at_a_foreign_address_is_not_fetched(address: str) -> None:
    async with gateway() as wecom, bot_at(wecom) as (bot, _):
        message = InboundMessage("assistant", "m", USER, Contact(USER), "", CLOCK.now())
        with pytest.raises(SendFailed, match="media_hosts") as refused:
            await bot.fetch(Part("image", url=address), message)
        assert refused.value.retry_after is None


def test_the_platforms_own_places_and_configured_ones_may_be_asked() -> None:
    bases = (bot_settings().api_base, *bot_settings(media_hosts=["https://files.example.com"]).media_hosts)
    assert may_fetch("https://ww-aibot-img-1258476243.cos.ap-guangzhou.myqcloud.com/a?sign=1", bases=bases)
    assert may_fetch("https://qyapi.weixin.qq.com/a", bases=bases)
    assert may_fetch("https://files.example.com/a", bases=bases)
    assert not may_fetch("https://files.example.com:444/a", bases=bases)
    assert not may_fetch("http://files.example.com/a", bases=bases)


@pytest.mark.shared
def test_the_vectors_of_the_platforms_own_sdk_decrypt(shared_dir: Path) -> None:
    read = json.loads((shared_dir / "protocols" / "vectors.json").read_text(encoding="utf-8"))
    found = [vector for vector in read["vectors"] if vector["id"].startswith("wecom-media-")]
    for vector in found:
        key = media_key(vector["inputs"]["aeskey"])
        plain = decrypt(key, b64decode(vector["inputs"]["ciphertext_b64"]))
        assert plain.hex() == vector["outputs"]["plaintext_hex"], vector["id"]
    assert found


def test_a_key_is_read_in_every_form_that_was_seen() -> None:
    key = bytes(range(220, 252))
    standard = b64encode(key).decode()
    for form in (standard, standard.rstrip("="), standard.replace("+", "-").replace("/", "_"), key.hex()):
        assert media_key(form) == key, form
    with pytest.raises(ValueError, match=r".+"):
        media_key("zu kurz")


async def test_an_ai_bot_uploads_in_pieces_and_sends() -> None:
    large = attached(b"%PDF-1.7" + bytes(600_000), name="手册.pdf")
    async with gateway() as wecom, bot_at(wecom) as (bot, desk):
        said = await wecom.say(USER, "手册发我一份")
        (message,) = await desk.until(1)
        answer = carrying(answer_to(message, "这是手册"), large, PICTURE)
        contents = {**CONTENTS, large.id: b"%PDF-1.7" + bytes(600_000)}
        assert bot.carries(answer, large)

        await bot.deliver(replace(answer, contents=contents))

        shown = await wecom.bubbles(USER, 3, after=said)
        assert [(one.text, one.msgtype) for one in shown] == [
            ("这是手册", "stream"),
            ("手册.pdf", "file"),
            (PICTURE.name, "image"),
        ]
        assert shown[1].content == contents[large.id]
        assert [need.count for need in bot.needs(answer)] == [3, 3]
        assert list(wecom.counts.violations) == []


async def test_a_bot_that_is_only_called_back_cannot_carry_files() -> None:
    bot = WecomBot("assistant", callback_bot_settings(), clock=CLOCK, store=temporary_store(CLOCK))
    message = InboundMessage("assistant", "m", USER, Contact(USER), "", CLOCK.now(), address={"stream": "s1"})
    assert not bot.carries(carrying(answer_to(message)), QUOTE)


@pytest.mark.slow
async def test_the_communitys_python_sdk_fetches_uploads_and_sends_at_the_gateway() -> None:
    program = (sys.executable, str(Path(__file__).parent / "sdk_bot_files.py"))
    async with gateway() as wecom, running(*program, wecom.ws_url, BOT, SECRET):
        await wecom.connected(within_s=20)
        large = PDF + bytes(700_000)
        said = await wecom.send_file(USER, "报价单.pdf", large, kind="file")
        (back,) = await wecom.bubbles(USER, 1, after=said)
        assert (back.text, back.msgtype, back.content) == ("报价单.pdf", "file", large)
        assert list(wecom.counts.violations) == []


async def test_wechatpy_uploads_sends_and_fetches_at_the_platform() -> None:
    def talk(api_base: str) -> bytes:
        client = WeChatClient(CORP, SECRET, access_token="set below")
        client.API_BASE_URL = f"{api_base}/cgi-bin/"
        token = requests.get(
            f"{api_base}/cgi-bin/gettoken", params={"corpid": CORP, "corpsecret": SECRET}, timeout=5
        ).json()["access_token"]
        client.session.set(client.access_token_key, token, 7200)
        done = client.media.upload("image", ("photo.png", io.BytesIO(png()), "image/png"))
        client.message.send_image(int(AGENT), USER, media_id=done["media_id"])
        url = client.media.get_url(done["media_id"]).replace("https://qyapi.weixin.qq.com", api_base)
        return requests.get(url, timeout=5).content

    async with platform() as wecom:
        fetched = await asyncio.to_thread(talk, wecom.api_base)
        assert fetched == png()
        (shown,) = wecom.shown_to(USER)
        assert (shown.msgtype, shown.content) == ("image", png())
        assert list(wecom.counts.violations) == []


async def test_the_platform_is_strict_about_sizes_and_types() -> None:
    async with platform() as wecom:
        shelf = wecom.media
        assert shelf.upload("image", "a.png", b"12345")["errcode"] == 40006
        assert shelf.upload("image", "a.gif", b"GIF89a" + bytes(9))["errcode"] == 40005
        assert shelf.upload("image", "a.png", png() + bytes(10_485_760))["errcode"] == 40006
        assert shelf.upload("picture", "a.png", png())["errcode"] == 40004
        assert len(wecom.counts.violations) == 4
