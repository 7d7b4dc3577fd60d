"""Pictures and files of Feishu: brought from their message, uploaded, and sent once."""

from dataclasses import replace

import pytest

from ai_worker.channels.contract import SendFailed
from ai_worker.conversation.message import Part
from ai_worker.demo.feishu_files import MOST_BYTES
from ai_worker.demo.feishu_front import Fault
from ai_worker.pipeline.files import MOST_BYTES as KEPT_BYTES
from ai_worker.pipeline.files import FileTooLarge, attached
from tests.channels.feishu.peer import USER, Inbox, outbound, platform, started
from tests.channels.files import CONTENTS, PDF, PICTURE, QUOTE, carrying, png


async def test_a_persons_picture_and_file_are_brought_from_their_message() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox) as channel:
        await at.send_file(USER, "现场照片.png", png())
        await at.send_file(USER, "报价单.pdf", PDF, kind="file")
        await inbox.until(lambda found: len(found.messages) == 2)

        found = [await channel.fetch(message.parts[0], message) for message in inbox.messages]

        assert [(one.content, one.name) for one in found] == [(png(), "现场照片.png"), (PDF, "报价单.pdf")]


async def test_a_file_of_another_message_is_not_given_out_and_not_asked_for_again() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox) as channel:
        await at.send_file(USER, "a.png", png())
        await at.say(USER, "在吗")
        await inbox.until(lambda found: len(found.messages) == 2)
        (picture,) = inbox.messages[0].parts
        with pytest.raises(SendFailed, match="not of that message") as failed:
            await channel.fetch(picture, inbox.messages[1])
        assert failed.value.retry_after is None


async def test_a_missing_permission_and_a_broken_platform_are_told_apart() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox) as channel:
        await at.send_file(USER, "a.png", png())
        await inbox.until(lambda found: len(found.messages) == 1)
        (message,) = inbox.messages
        at.fail_next(Fault(code=234002, path="resources"))
        with pytest.raises(SendFailed, match="权限") as refused:
            await channel.fetch(message.parts[0], message)
        at.fail_next(Fault(status=502, path="resources"))
        with pytest.raises(SendFailed) as broken:
            await channel.fetch(message.parts[0], message)
        assert refused.value.retry_after is not None
        assert broken.value.retry_after is not None
        at.api.invalidate_tokens()
        assert (await channel.fetch(message.parts[0], message)).content == png()


async def test_more_than_is_kept_is_not_read_to_its_end() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox) as channel:
        await at.send_file(USER, "全部.zip", bytes(KEPT_BYTES + 1), kind="file")
        await inbox.until(lambda found: len(found.messages) == 1)
        with pytest.raises(FileTooLarge):
            await channel.fetch(inbox.messages[0].parts[0], inbox.messages[0])


async def test_a_part_without_a_key_cannot_be_fetched() -> None:
    inbox = Inbox()
    async with platform() as at, started(at, inbox) as channel:
        await at.say(USER, "在吗")
        await inbox.until(lambda found: len(found.messages) == 1)
        with pytest.raises(SendFailed) as failed:
            await channel.fetch(Part("image"), inbox.messages[0])
        assert failed.value.retry_after is None


async def test_words_picture_and_file_stand_in_order_and_once() -> None:
    async with platform() as at, started(at) as channel:
        message = carrying(outbound("请查收"))
        for _ in range(2):
            await channel.deliver(message)

        shown = at.shown_to(USER)
        assert [(one.kind, one.text) for one in shown] == [
            ("text", "请查收"),
            ("image", PICTURE.name),
            ("file", QUOTE.name),
        ]
        assert [one.content.get("bytes") for one in shown[1:]] == [CONTENTS[PICTURE.id], PDF]
        assert at.counts.suppressed == 3, "the second delivery is recognised by its uuids"
        assert {need.count for need in channel.needs(message)} == {3}
        assert list(at.counts.violations) == []


async def test_after_a_lost_answer_nothing_stands_twice() -> None:
    async with platform() as at, started(at) as channel:
        message = carrying(outbound(""), QUOTE)
        at.fail_next(Fault(takes=True, closes=True, path="messages"))
        with pytest.raises(SendFailed):
            await channel.deliver(message)
        await channel.deliver(message)
        assert [one.text for one in at.shown_to(USER)] == [QUOTE.name]


async def test_a_picture_that_is_too_large_for_one_goes_as_a_file() -> None:
    content = png() + bytes(MOST_BYTES["image"])
    large = attached(content, name="大图.png")
    async with platform() as at, started(at) as channel:
        await channel.deliver(replace(carrying(outbound(""), large), contents={large.id: content}))
        (shown,) = at.shown_to(USER)
        assert (shown.kind, shown.text) == ("file", "大图.png")
        assert channel.carries(outbound(""), large)
