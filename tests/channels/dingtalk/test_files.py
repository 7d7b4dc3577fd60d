"""Pictures and files of DingTalk: fetched by their download codes, and sent where the platform carries them."""

from dataclasses import replace

import pytest

from ai_worker.channels.contract import SendFailed
from ai_worker.channels.dingtalk.chat import API
from ai_worker.channels.dingtalk.hosts import TrustedHosts
from ai_worker.demo.dingtalk import Fault
from ai_worker.pipeline.files import MOST_BYTES, FileTooLarge, attached
from tests.channels.dingtalk.peer import GROUP, STAFF, Inbox, outbound, platform, started
from tests.channels.files import CONTENTS, PDF, PICTURE, QUOTE, carrying, png


async def test_a_picture_and_a_file_are_fetched_by_their_codes() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        await dingtalk.send_file(STAFF, "现场照片.png", png())
        await dingtalk.send_file(STAFF, "报价单.pdf", PDF, kind="file")
        await inbox.until(2)

        found = [await channel.fetch(message.parts[0], message) for message in inbox.messages]

        assert [(one.content, one.name) for one in found] == [(png(), "现场照片.png"), (PDF, "报价单.pdf")]
        assert [message.parts[0].text for message in inbox.messages] == ["", "报价单.pdf"]


async def test_a_code_that_is_too_old_is_not_tried_again() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        await dingtalk.send_file(STAFF, "a.png", png())
        await inbox.until(1)
        dingtalk.api.media.forget()
        with pytest.raises(SendFailed) as failed:
            await channel.fetch(inbox.messages[0].parts[0], inbox.messages[0])
        assert failed.value.retry_after is None


async def test_an_address_elsewhere_is_not_called_unless_it_is_configured() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, platform() as other, started(dingtalk, inbox) as channel:
        dingtalk.api.media.elsewhere = other.base
        await dingtalk.send_file(STAFF, "a.png", png())
        await inbox.until(1)
        with pytest.raises(SendFailed, match="media_hosts") as failed:
            await channel.fetch(inbox.messages[0].parts[0], inbox.messages[0])
        assert failed.value.retry_after is None
    hosts = TrustedHosts(["https://api.dingtalk.com", "https://files.example.com"])
    assert hosts.may_fetch("https://wukong-file-im-zjk.oss-cn-zhangjiakou.aliyuncs.com/a?x=1")
    assert hosts.may_fetch("https://down.dingtalk.com/media/a.png")
    assert hosts.may_fetch("https://files.example.com/a")
    assert not hosts.may_fetch("https://evil-zjk.oss-cn-zhangjiakou.aliyuncs.com/a")
    assert not hosts.may_call("https://wukong-file-im-zjk.oss-cn-zhangjiakou.aliyuncs.com/a?x=1")


async def test_more_than_is_kept_is_not_read_to_its_end() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        await dingtalk.send_file(STAFF, "全部.zip", bytes(MOST_BYTES + 1), kind="file")
        await inbox.until(1)
        with pytest.raises(FileTooLarge):
            await channel.fetch(inbox.messages[0].parts[0], inbox.messages[0])


@pytest.mark.parametrize("group", ["", GROUP])
async def test_words_picture_and_file_arrive_in_order(group: str) -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        await dingtalk.say(STAFF, "报价单发我", group=group)
        message = carrying(outbound(dict(inbox.messages[-1].address)))
        await channel.deliver(message)

        shown = dingtalk.shown_in(group or STAFF)
        assert [(one.msgtype, one.by) for one in shown] == [("markdown", "session"), ("image", "api"), ("file", "api")]
        assert [one.content for one in shown[1:]] == [CONTENTS[PICTURE.id], PDF]
        assert next(need for need in channel.needs(message) if need.limit == API).count == 2
        assert list(dingtalk.counts.violations) == []


async def test_after_a_failure_what_went_out_is_not_sent_again() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        await dingtalk.say(STAFF, "报价单发我")
        message = carrying(outbound(dict(inbox.messages[-1].address)))
        dingtalk.fail_next(Fault("batchSend", status=503, answer='{"code":"ServiceUnavailable"}'))
        with pytest.raises(SendFailed) as failed:
            await channel.deliver(message)
        assert failed.value.unsure

        await channel.deliver(replace(message, attempt=2, unsure=True))

        assert [one.msgtype for one in dingtalk.shown_in(STAFF)] == ["markdown", "image", "file"]


async def test_what_the_platform_cannot_carry_is_said_beforehand() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        await dingtalk.say(STAFF, "在吗")
        inside = outbound(dict(inbox.messages[-1].address))
        outside = outbound({"conversation": "cid", "contact": "$:LWCP_v1:$x"})
        assert channel.carries(inside, QUOTE)
        assert channel.carries(inside, PICTURE)
        assert not channel.carries(inside, attached(b"a,b", name="数据.csv"))
        assert not channel.carries(outside, QUOTE)


async def test_the_platform_is_strict_about_types_and_sizes() -> None:
    async with platform() as dingtalk:
        media = dingtalk.api.media
        assert media.upload("file", "数据.csv", b"a,b")["errcode"] == 40005
        assert media.upload("image", "a.png", b"")["errcode"] == 40006
        assert media.upload("picture", "a.png", png())["errcode"] == 40004
        assert len(dingtalk.counts.violations) == 3
