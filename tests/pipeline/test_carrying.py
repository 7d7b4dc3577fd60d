"""Replies with files: handed over with their contents where they can be carried, with honest words where not."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from ai_worker.conversation.message import Attachment, Contact, InboundMessage, Reply
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.delivery import Delivery
from ai_worker.pipeline.facts import ReplySettled
from ai_worker.pipeline.files import attached
from ai_worker.pipeline.governor import Governor
from ai_worker.pipeline.sending import Deliverer, Sent
from ai_worker.pipeline.store import OutboundMessage
from ai_worker.storage.opening import open_stores
from tests.channels.files import PDF, png

CLOCK = SystemClock()
PICTURE, QUOTE = attached(png(), name="截图.png"), attached(PDF, name="报价单.pdf")


class Platform(Deliverer):
    """Carries what its test says."""

    def __init__(self, *carried: str) -> None:
        self.carried = carried
        self.taken: list[OutboundMessage] = []

    def carries(self, message: OutboundMessage, attachment: Attachment) -> bool:
        return attachment.name in self.carried

    async def deliver(self, message: OutboundMessage) -> Sent:
        self.taken.append(message)
        return Sent("p-1")


@asynccontextmanager
async def said(
    folder: Path, platform: Deliverer, text: str, *attachments: Attachment
) -> AsyncIterator[list[ReplySettled]]:
    """Let a person say something with files; yields how it ended once it has."""
    events, settled = EventBus(), list[ReplySettled]()
    events.subscribe(ReplySettled, settled.append)
    async with open_stores("sqlite:///store.db", data_dir=folder, clock=CLOCK) as stores:
        message = InboundMessage("desk", "m1", "lin", Contact("lin"), "在吗", CLOCK.now(), address={"user": "lin"})
        number = (await stores.pipeline.accept(message)).conversation_id
        await stores.conversations.take_over(number, "林晓", CLOCK.now())
        for file, content in ((PICTURE, png()), (QUOTE, PDF)):
            await stores.files.put(file, content, kind="file", channel="desk", conversation_id=number, at=CLOCK.now())
        await stores.conversations.say(number, "林晓", Reply(text, attachments=attachments), CLOCK.now())
        delivery = Delivery(
            stores.pipeline,
            deliverers={"desk": platform},
            governor=Governor(stores.channels),
            events=events,
            clock=CLOCK,
            owner="run-1",
            files=stores.files,
            uncarried=_told,
        )
        running = asyncio.create_task(delivery.run())
        async with asyncio.timeout(20):
            while not settled:
                await asyncio.sleep(0.01)
        yield settled
        await delivery.drain(5)
        await running


def _told(text: str, names: Sequence[str]) -> str:
    return f"{text}（还有附件「{'、'.join(names)}」）".strip()


async def test_files_come_to_the_channel_with_their_contents(tmp_path: Path) -> None:
    platform = Platform(PICTURE.name, QUOTE.name)
    async with said(tmp_path, platform, "请看", PICTURE, QUOTE) as settled:
        (message,) = platform.taken
        assert (message.reply.text, message.reply.attachments) == ("请看", (PICTURE, QUOTE))
        assert message.contents == {PICTURE.id: png(), QUOTE.id: PDF}
        assert [fact.state for fact in settled] == ["delivered"]
        assert repr(png()) not in repr(message)


async def test_what_cannot_be_carried_is_named_in_words(tmp_path: Path) -> None:
    platform = Platform(PICTURE.name)
    async with said(tmp_path, platform, "请看", PICTURE, QUOTE):
        (message,) = platform.taken
        assert message.reply.text == "请看（还有附件「报价单.pdf」）"
        assert message.reply.attachments == (PICTURE,)


async def test_a_channel_that_carries_nothing_gets_words_alone(tmp_path: Path) -> None:
    platform = Platform()
    async with said(tmp_path, platform, "", QUOTE):
        (message,) = platform.taken
        assert (message.reply.text, message.reply.attachments) == ("（还有附件「报价单.pdf」）", ())
        assert message.contents == {}
