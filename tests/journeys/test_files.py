"""A picture that a member sends is kept, also when the service is killed before it is fetched; and one goes out."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ai_worker.conversation.message import Reply
from ai_worker.drills.scratch import CHANNEL, WecomApplication
from ai_worker.drills.site import Site
from ai_worker.foundation.clock import SystemClock
from ai_worker.pipeline.files import KeptFile, attached
from ai_worker.storage.opening import Stores, open_stores
from tests.channels.files import PDF, png

pytestmark = pytest.mark.slow

DESK = WecomApplication()
USER = "linxiaoyan"


@asynccontextmanager
async def stores_of(site: Site) -> AsyncIterator[Stores]:
    """Look into a running installation's database from outside, as a command beside it does."""
    async with open_stores("sqlite:///ai-worker.db", data_dir=site.folder / "data", clock=SystemClock()) as stores:
        yield stores


async def picture(stores: Stores, ready: Callable[[KeptFile], bool]) -> KeptFile:
    """Return the one file of the member's conversation once it is as wanted."""
    async with asyncio.timeout(40):
        while True:
            conversation = await stores.conversations.find(CHANNEL, USER)
            thread = await stores.conversations.thread(conversation.id) if conversation else []
            for file in await stores.files.said_in([line.turn_id for line in thread if line.author == "contact"]):
                if ready(file):
                    return file
            await asyncio.sleep(0.05)


async def test_a_kill_between_accept_and_fetch_does_not_lose_the_picture(tmp_path: Path) -> None:
    async with DESK.platform() as platform, Site(tmp_path, DESK.settings(platform.api_base)) as site:
        platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"
        await site.start()
        platform.media.answering.clear()
        said = await platform.send_file(USER, "现场照片.png", png(), kind="image")
        assert said.acknowledged, "the platform does not wait for its own file"
        declined = await platform.reply_to(USER, after=said)
        assert "看不了图片" in declined.text
        async with stores_of(site) as stores:
            await picture(stores, lambda file: file.state == "waiting")

            await site.kill()
            platform.media.answering.set()
            await site.start()

            kept = await picture(stores, lambda file: file.state == "kept")
            assert (kept.attachment.name, kept.attachment.media_type) == ("现场照片.png", "image/png")
            assert await stores.files.read(kept.attachment.id) == png()
        assert len(platform.shown_to(USER)) == 1
        assert await site.stop() == 0


async def test_a_person_sends_a_file_and_the_member_gets_it_once(tmp_path: Path) -> None:
    async with DESK.platform() as platform, Site(tmp_path, DESK.settings(platform.api_base)) as site:
        platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"
        await site.start()
        said = await platform.say(USER, "转人工")
        await platform.reply_to(USER, after=said)
        async with stores_of(site) as stores:
            conversation = await stores.conversations.find(CHANNEL, USER)
            assert conversation is not None
            now = SystemClock().now()
            await stores.conversations.take_over(conversation.id, "林晓", now)
            quote = attached(PDF, name="报价单.pdf")
            await stores.files.put(quote, PDF, kind="file", channel=CHANNEL, conversation_id=conversation.id, at=now)
            await stores.conversations.say(conversation.id, "林晓", Reply("请查收", attachments=(quote,)), now)
        shown = await platform.replies_to(USER, 3)
        assert [(one.msgtype, one.text) for one in shown[1:]] == [("text", "请查收"), ("file", "报价单.pdf")]
        assert shown[2].content == PDF
        assert await site.stop() == 0
