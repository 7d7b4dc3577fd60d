"""The desk: who may do what from a messenger, and that doing it again after a crash does it once."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ai_worker.conversation.conversation import State
from ai_worker.conversation.desk_words import DeskWords
from ai_worker.conversation.duty import Duty, Person
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.handoff_store import Colleague
from ai_worker.conversation.message import Contact, InboundMessage, Part, Reply
from ai_worker.conversation.model import OnDelta
from ai_worker.conversation.office_hours import OfficeHours
from ai_worker.conversation.phrases import phrases
from ai_worker.conversation.progress import Notebook
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.events import EventBus
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.desk import SILENT, Desk, DeskTurns
from ai_worker.pipeline.duty_caller import DutyCaller
from ai_worker.pipeline.push import Pusher
from ai_worker.pipeline.sending import Deliverer, Sent
from ai_worker.pipeline.store import OutboundMessage
from ai_worker.storage.opening import Stores, open_stores

LI, HAN = Colleague("李娜", "desk", "li-na"), Colleague("韩梅梅", "desk", "han-mm")
ALWAYS = OfficeHours(None, ZoneInfo("Asia/Shanghai"))
ANSWER = TurnResult("answer", Reply("我是数字员工。"), confidence=0.9)


class Channel(Deliverer):
    """A channel of which only the addresses are used."""

    async def deliver(self, message: OutboundMessage) -> Sent:
        raise NotImplementedError


class Worker:
    """Answers everything that gets to it; a person asked for is handed over."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def run(
        self,
        given: TurnInput,
        *,
        on_delta: OnDelta | None = None,
        on_draft: Callable[[str], None] | None = None,
        notebook: Notebook | None = None,
    ) -> TurnResult:
        if given.human:
            return SILENT
        self.asked.append(given.message.text)
        if given.message.text == "转人工":
            return TurnResult("handoff", Reply("好的。"), reason=Reason.ASKED)
        return ANSWER

    def holding(self, given: TurnInput) -> Reply:
        return Reply("请稍候。")


class Office:
    """Colleagues, contacts and a worker over a real store; the test says when a turn ends, and when it is cut off."""

    def __init__(self, stores: Stores, clock: FixedClock, *, remind: int = 10) -> None:
        self.stores, self.clock, self.worker = stores, clock, Worker()
        duty = Duty([Person(LI, ALWAYS), Person(HAN, ALWAYS)], hours=ALWAYS, remind_after=timedelta(minutes=remind))
        self.pusher = Pusher(stores.pipeline, deliverers={"desk": Channel()}, clock=clock)
        self.words = DeskWords(phrases("zh-CN"))
        desk = Desk(
            duty=duty,
            handoffs=stores.handoffs,
            conversations=stores.conversations,
            pusher=self.pusher,
            words=self.words,
            board=Board(),
            events=EventBus(),
            clock=clock,
            wake=lambda: None,
        )
        self.turns = DeskTurns(self.worker, desk)
        self.duty = duty
        self._said = 0
        self._told: dict[str, list[str]] = {}

    def caller(self) -> DutyCaller:
        """Return a caller as a process has it that has just started."""
        return DutyCaller(
            duty=self.duty,
            handoffs=self.stores.handoffs,
            conversations=self.stores.conversations,
            pusher=self.pusher,
            words=self.words,
            clock=self.clock,
        )

    async def say(self, who: str, text: str, *, cut_off: int = 0, **fields: object) -> TurnResult:
        """Let somebody say something; the first `cut_off` runs of its turn end in a crash before they are kept."""
        self._said += 1
        message = InboundMessage(
            "desk", f"m-{self._said}", who, Contact(who, who), text, self.clock.now(), address={"user": who}
        )
        for name, value in fields.items():
            object.__setattr__(message, name, value)
        await self.stores.pipeline.accept(message)
        for run in range(cut_off + 1):
            (claim,) = await self.stores.pipeline.claim(owner=f"run-{run}", limit=5, now=self.clock.now())
            given = TurnInput(
                claim.turn_id, claim.message, claim.history, "xiaozhi", human=claim.state is State.HUMAN,
                blocked=claim.blocked,
            )  # fmt: skip
            result = await self.turns.run(given)
            if run < cut_off:
                await self.stores.pipeline.recover(owner=f"run-{run + 1}")
        await self.stores.pipeline.finish(claim, result, [], now=self.clock.now(), response_ms=1.0)
        self.clock.advance(timedelta(seconds=1))
        return result

    async def told(self, who: str) -> list[str]:
        """Return everything that goes out to somebody, in order: what is pushed, and what persons say."""
        while due := await self.stores.pipeline.claim_outbound(owner="sender", limit=50, now=self.clock.now()):
            for message in due:
                self._told.setdefault(message.address["user"], []).append(message.reply.text)
                await self.stores.pipeline.settle(message, "delivered", now=self.clock.now())
        return self._told.get(who, [])


@asynccontextmanager
async def opened(folder: Path, *, remind: int = 10) -> AsyncIterator[Office]:
    clock = FixedClock()
    async with open_stores("sqlite:///store.db", data_dir=folder, clock=clock) as stores:
        yield Office(stores, clock, remind=remind)


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as one:
        yield one


async def test_words_go_both_ways_until_the_colleague_hands_back(office: Office) -> None:
    await office.say("wang", "转人工")
    await office.say("li-na", "接管 c-1")
    await office.say("li-na", "您好，请讲。")
    await office.say("wang", "钱没到账")
    await office.say("li-na", "结束")
    again = await office.say("wang", "怎么退货")

    assert await office.told("wang") == ["您好，请讲。"]
    assert [text.splitlines()[0] for text in await office.told("li-na")] == [
        "已接管 c-1 wang。您接下来在这里发的文字会直接发给对方，直到回复“交还”或“结束”。",
        "c-1 wang：钱没到账",
        "已交还 c-1，数字员工继续接待。",
    ]
    assert again is ANSWER
    assert office.worker.asked == ["转人工", "怎么退货"]


@pytest.mark.parametrize("cut_off", [1, 3])
async def test_what_is_done_again_after_a_crash_is_done_once(office: Office, cut_off: int) -> None:
    await office.say("wang", "转人工")
    for who, text in (("li-na", "接管 c-1"), ("li-na", "您好。"), ("wang", "钱没到账"), ("li-na", "交还")):
        await office.say(who, text, cut_off=cut_off)

    thread = await office.stores.conversations.thread(1)

    assert await office.told("wang") == ["您好。"]
    assert [text[:5] for text in await office.told("li-na")] == ["已接管 c", "c-1 w", "已交还 c"]
    assert [item.text for item in thread if item.author == "notice"] == ["handed_over", "taken_over", "handed_back"]
    assert office.worker.asked == ["转人工"]


async def test_nobody_off_the_roster_can_take_over_hand_back_or_speak(office: Office) -> None:
    await office.say("wang", "转人工")
    stolen = await office.say("lu-ren", "接管 c-1")
    await office.say("li-na", "接管 c-1")
    for text in ("交还 c-1", "结束", "排队"):
        await office.say("lu-ren", text)
    elsewhere = InboundMessage("other", "m-x", "li-na", Contact("li-na"), "交还", office.clock.now())

    conversation = await office.stores.conversations.conversation(1)

    assert stolen is ANSWER
    assert (conversation.state, conversation.person) == (State.HUMAN, "李娜")
    assert await office.told("wang") == []
    assert office.turns._desk.colleague(elsewhere) is None


async def test_orders_in_a_group_are_words_like_any_other(office: Office) -> None:
    await office.say("wang", "转人工")
    said = await office.say("li-na", "接管 c-1", group=True, conversation_key="group:oc_1")

    assert said is ANSWER
    assert (await office.stores.conversations.conversation(1)).state is State.WAITING


async def test_the_second_is_told_who_has_it(office: Office) -> None:
    await office.say("wang", "转人工")
    await office.say("li-na", "接管")
    await office.say("han-mm", "接管 c-1")
    await office.say("han-mm", "我来")

    assert await office.told("han-mm") == ["c-1 已由 李娜 接管。"]
    assert await office.told("wang") == []
    assert office.worker.asked[-1] == "我来", "who has nobody to talk to talks to the worker"


async def test_a_colleague_talks_to_one_contact_at_a_time(office: Office) -> None:
    await office.say("wang", "转人工")
    await office.say("zhao", "转人工")
    await office.say("li-na", "接管 c-1")
    await office.say("li-na", "接管 c-2")
    await office.say("li-na", "交还 c-2")
    await office.say("li-na", "排队")

    told = await office.told("li-na")

    assert [text.startswith("您正在接待 c-1") for text in told] == [False, True, True, False]
    assert told[-1].splitlines()[0] == "1 位在等："


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("接管 c-404", "c-404 没有在等人工。回复“排队”看谁在等。"),
        ("接管 c-1", "c-1 没有在等人工。回复“排队”看谁在等。"),
        ("接管", "没有人在等。"),
        ("交还", "您现在没有接管任何会话。回复“排队”看谁在等。"),
        ("接管 c-abc", "没看懂编号。写成“接管 c-2041”，或回复“排队”看谁在等。"),
        ("排队", "没有人在等。"),
    ],
)
async def test_what_cannot_be_done_is_said_and_changes_nothing(office: Office, text: str, answer: str) -> None:
    await office.say("wang", "在吗")
    await office.say("li-na", text)

    assert await office.told("li-na") == [answer]
    assert (await office.stores.conversations.conversation(1)).state is State.WORKER


async def test_a_colleague_who_asks_for_a_person_does_not_get_themselves(office: Office) -> None:
    await office.say("li-na", "转人工")
    await office.say("li-na", "接管 c-1")

    assert await office.told("li-na") == ["c-1 是您自己的会话，请由别的同事接管。"]


async def test_a_picture_cannot_be_passed_on_and_the_words_beside_it_are(office: Office) -> None:
    await office.say("wang", "转人工")
    await office.say("li-na", "接管")
    picture = (Part("image", "流水.png"),)
    await office.say("li-na", "请看", parts=picture)
    await office.say("wang", "", parts=picture)

    assert await office.told("wang") == ["请看"]
    assert (await office.told("li-na"))[1:] == [
        "这里只能转发文字。图片和文件请在控制台发给对方。", "c-1 wang：[流水.png]",
    ]  # fmt: skip


async def test_whoever_waits_is_told_of_once_reminded_once_and_then_the_substitute(office: Office) -> None:
    await office.say("wang", "怎么退货")
    await office.say("wang", "转人工")
    caller = office.caller()
    for _minute in range(45):
        await caller.look()
        await office.caller().look()  # another node, or the same one after a restart
        office.clock.advance(timedelta(minutes=1))

    li, han = await office.told("li-na"), await office.told("han-mm")

    assert [text.splitlines()[0].split("，")[0] for text in li] == [
        "【等人工】c-1 wang", "【再次提醒】c-1 wang 还没有人接手",
    ]  # fmt: skip
    assert [text.splitlines()[0].split("，")[1] for text in li + han] == [
        "刚刚开始等", "已等 10 分钟", "已等 20 分钟", "已等 30 分钟",
    ]  # fmt: skip
    assert "问：怎么退货" in li[0]


async def test_nobody_is_called_any_more_once_somebody_has_taken_over(office: Office) -> None:
    await office.say("wang", "转人工")
    await office.caller().look()
    await office.say("li-na", "接管 c-1")
    office.clock.advance(timedelta(hours=2))
    await office.caller().look()

    assert [text[:6] for text in await office.told("li-na")] == ["【等人工】c", "已接管 c-", "【等您回复】"]
    assert await office.told("han-mm") == []


async def test_who_waits_again_is_told_of_again(office: Office) -> None:
    caller = office.caller()
    for _ in range(2):
        await office.say("wang", "转人工")
        await caller.look()
        await office.say("li-na", "接管 c-1")
        await office.say("li-na", "交还")

    assert [text[:5] for text in await office.told("li-na")] == ["【等人工】", "已接管 c", "已交还 c"] * 2


async def test_words_after_a_long_silence_are_not_sent_to_whom_they_may_not_be_meant_for(office: Office) -> None:
    await office.say("wang", "转人工")
    await office.say("li-na", "接管 c-1")
    office.clock.advance(timedelta(hours=15))
    await office.say("li-na", "今天食堂吃什么")
    await office.say("li-na", "接管 c-1")
    await office.say("li-na", "早上好，昨天的事办好了。")

    assert await office.told("wang") == ["早上好，昨天的事办好了。"]
    assert [text[:6] for text in await office.told("li-na")] == ["已接管 c-", "这句没有发出", "已接管 c-"]


async def test_a_button_that_a_colleague_presses_is_meant_for_the_worker(office: Office) -> None:
    await office.say("wang", "转人工")
    await office.say("li-na", "接管 c-1")
    pressed = await office.say("li-na", "怎么换货", chosen="exchange-howto")

    assert pressed is ANSWER
    assert await office.told("wang") == []


async def test_who_has_taken_over_is_reminded_once_of_each_message_left_unanswered(office: Office) -> None:
    await office.say("wang", "转人工")
    await office.say("li-na", "接管 c-1")
    await office.say("li-na", "请讲。")
    caller = office.caller()
    await caller.look()
    await office.say("wang", "钱没到账")
    for _minute in range(30):
        await caller.look()
        await office.caller().look()
        office.clock.advance(timedelta(minutes=1))

    reminded = [text for text in await office.told("li-na") if "等您回复" in text]

    assert reminded == ["【等您回复】c-1 wang，已经等了 10 分钟。"]
