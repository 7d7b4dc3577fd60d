"""Answers that grow: one update at a time, the latest always, none after the reply, and never a reason to fail."""

import asyncio
from datetime import UTC, datetime

from ai_worker.conversation.conversation import State
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.pipeline.drafts import Drafts, GrowingAnswer
from ai_worker.pipeline.outbox import reply_id
from ai_worker.pipeline.sending import Draft, SendFailed
from ai_worker.pipeline.store import Claim

NOW = datetime(2026, 11, 22, 6, 24, tzinfo=UTC)


class Screen:
    """What the contact sees; may be slow, or refuse."""

    def __init__(self, *, refuses: bool = False, defect: bool = False) -> None:
        self.seen: list[Draft] = []
        self.refuses, self.defect = refuses, defect
        self.asked = 0
        self.at_once = self.most_at_once = 0
        self.free = asyncio.Event()
        self.free.set()

    async def show(self, draft: Draft) -> None:
        self.asked += 1
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await self.free.wait()
            if self.refuses:
                raise SendFailed("desk", "no", retry_after=1.0)
            if self.defect:
                raise RuntimeError("a defect")
            self.seen.append(draft)
        finally:
            self.at_once -= 1


def claim(channel: str = "desk") -> Claim:
    message = InboundMessage(channel, "m-1", "lin", Contact("lin"), "退款要多久", NOW, address={"user": "lin"})
    return Claim(1, "t-1", message, 7, 1, 1, False, State.WORKER, False, None, ())


def growing(screen: Screen) -> GrowingAnswer:
    draft = Drafts({"desk": screen}).of(claim())
    assert draft is not None
    return draft


async def soon() -> None:
    await asyncio.sleep(0.02)


def test_a_channel_that_shows_whole_answers_has_no_draft() -> None:
    assert Drafts({}).of(claim()) is None


async def test_the_draft_stands_where_the_reply_will_stand() -> None:
    screen = Screen()
    draft = growing(screen)
    draft.grow("退款")
    await soon()

    (shown,) = screen.seen
    assert (shown.id, shown.text, shown.holding) == (reply_id("t-1"), "退款", False)
    assert (shown.turn_id, shown.conversation_id, shown.channel, shown.address) == ("t-1", 7, "desk", {"user": "lin"})
    await draft.end()


async def test_while_one_update_is_on_its_way_only_the_latest_waits() -> None:
    screen = Screen()
    screen.free.clear()
    draft = growing(screen)
    for text in ("一", "一二", "一二三", "一二三四"):
        draft.grow(text)
        await soon()
    screen.free.set()
    async with asyncio.timeout(5):
        while len(screen.seen) < 2:
            await soon()

    assert [shown.text for shown in screen.seen] == ["一", "一二三四"]
    assert screen.most_at_once == 1
    await draft.end()


async def test_nothing_is_shown_after_the_end() -> None:
    screen = Screen()
    screen.free.clear()
    draft = growing(screen)
    draft.grow("一")
    await soon()
    draft.grow("一二")
    ending = asyncio.create_task(draft.end())
    await soon()
    assert not ending.done(), "an update on its way could come after the reply"
    screen.free.set()
    await ending
    draft.grow("一二三")
    await soon()

    assert [shown.text for shown in screen.seen] == ["一"]


async def test_patience_is_asked_for_only_while_there_is_nothing_to_see() -> None:
    early, late = Screen(), Screen()
    first, second = growing(early), growing(late)
    second.grow("退款")
    assert await first.hold("请稍候")
    assert await second.hold("请稍候")
    await first.end()
    await second.end()

    assert [(shown.text, shown.holding) for shown in early.seen] == [("请稍候", True)]
    assert [shown.text for shown in late.seen] == ["退款"]
    assert first.shown


async def test_half_an_answer_gives_way_to_words_that_ask_for_patience() -> None:
    screen = Screen()
    draft = growing(screen)
    draft.grow("信用卡")
    await soon()
    await draft.end("您的问题我还在处理。")

    assert [shown.text for shown in screen.seen] == ["信用卡", "您的问题我还在处理。"]
    assert screen.seen[-1].holding


async def test_where_nothing_was_shown_nothing_is_taken_back() -> None:
    screen = Screen()
    await growing(screen).end("您的问题我还在处理。")

    assert screen.seen == []


async def test_what_cannot_be_shown_is_given_up_without_a_word_to_the_turn() -> None:
    for screen in (Screen(refuses=True), Screen(defect=True)):
        draft = growing(screen)
        draft.grow("一")
        await soon()
        draft.grow("一二")
        await soon()
        assert not await draft.hold("请稍候"), "the contact has to be told in another way"
        await draft.end()

        assert screen.asked == 1
        assert not draft.shown
