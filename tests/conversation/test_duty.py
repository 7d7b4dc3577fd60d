"""Who is called when somebody waits, and what colleagues write and read."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ai_worker.conversation.conversation import Conversation, State
from ai_worker.conversation.desk_words import Command, DeskWords, command
from ai_worker.conversation.duty import Duty, Person
from ai_worker.conversation.handoff_store import Colleague
from ai_worker.conversation.handoff_summary import Answered, Summary, summarise
from ai_worker.conversation.message import Part, Reply
from ai_worker.conversation.office_hours import OfficeHours, parse_week
from ai_worker.conversation.phrases import phrases
from ai_worker.conversation.store import ThreadItem
from ai_worker.conversation.turn import TurnResult

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOURS = OfficeHours(parse_week(["Mon-Fri 09:00-18:00"]), SHANGHAI)
ASKED = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)  # Monday, ten o'clock in Shanghai
WORDS = DeskWords(phrases("zh-CN"))


def _person(
    name: str, *, hours: OfficeHours = HOURS, departments: tuple[str, ...] = (), topics: tuple[str, ...] = ()
) -> Person:
    return Person(Colleague(name, "desk", name), hours, departments, topics)


def _waiting(since: datetime = ASKED, *, who: str = "wang-fang", department: str | None = None) -> Conversation:
    return Conversation(
        id=2041, channel="desk", key=who, contact_id=who, contact_name="王芳", worker="xiaozhi", state=State.WAITING,
        handoff_reason="asked", waiting_since=since, opened_at=since, last_at=since, last_text="转人工", unread=1,
        department=department,
    )  # fmt: skip


def _called(duty: Duty, minutes: float, *, about: str = "退款", one: Conversation | None = None) -> list[str]:
    conversation = one or _waiting()
    now = (conversation.waiting_since or ASKED) + timedelta(minutes=minutes)
    return [f"{call.person.colleague.person} {call.kind}" for call in duty.calls(conversation, about, now)]


def _duty(*people: Person, minutes: int = 10) -> Duty:
    return Duty(people, hours=HOURS, remind_after=timedelta(minutes=minutes))


def test_the_first_is_called_reminded_and_then_the_substitute_is_called() -> None:
    duty = _duty(_person("李娜"), _person("韩梅梅"))

    told = {minutes: _called(duty, minutes) for minutes in (0, 9, 10, 20, 30, 600)}

    assert told == {
        0: ["李娜 called"],
        9: ["李娜 called"],
        10: ["李娜 called", "李娜 reminded"],
        20: ["李娜 called", "李娜 reminded", "韩梅梅 called"],
        30: ["李娜 called", "李娜 reminded", "韩梅梅 called", "韩梅梅 reminded"],
        600: [],  # at eight in the evening nobody is there
    }


def test_without_reminders_the_first_alone_is_called_once() -> None:
    assert _called(_duty(_person("李娜"), _person("韩梅梅"), minutes=0), 300) == ["李娜 called"]


def test_who_asks_at_night_is_told_of_in_the_morning_and_the_night_does_not_count() -> None:
    duty = _duty(_person("李娜"), _person("韩梅梅"))
    midnight = _waiting(datetime(2026, 11, 23, 16, 0, tzinfo=UTC))

    assert _called(duty, 60, one=midnight) == []
    assert _called(duty, 9 * 60 + 1, one=midnight) == ["李娜 called"]


def test_whoever_is_not_there_is_passed_over() -> None:
    afternoon = OfficeHours(parse_week(["Mon-Fri 13:00-18:00"]), SHANGHAI)
    duty = _duty(_person("李娜", hours=afternoon), _person("韩梅梅"))

    assert _called(duty, 1) == ["韩梅梅 called"]
    assert _called(duty, 185)[0] == "李娜 called"


@pytest.mark.parametrize(
    ("about", "department", "first"),
    [("发票抬头写错了", None, "财务"), ("电脑坏了", "销售部", "销售"), ("电脑坏了", None, "总台")],
    ids=["topic", "department", "neither"],
)
def test_the_one_whom_it_suits_comes_first_and_others_are_better_than_nobody(
    about: str, department: str | None, first: str
) -> None:
    duty = _duty(_person("财务", topics=("发票",)), _person("销售", departments=("销售部",)), _person("总台"))

    called = _called(duty, 45, about=about, one=_waiting(department=department))

    assert called[0] == f"{first} called"
    assert len({one.split()[0] for one in called}) == 3


def test_nobody_is_called_to_see_to_themselves() -> None:
    assert _called(_duty(_person("li"), _person("han")), 0, one=_waiting(who="li")) == ["han called"]


def test_only_contacts_on_the_roster_are_colleagues() -> None:
    duty = _duty(_person("李娜"))

    assert duty.colleague("desk", "李娜") == Colleague("李娜", "desk", "李娜")
    assert duty.colleague("other", "李娜") is None
    assert duty.colleague("desk", "路人") is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("排队", Command("queue")),
        ("接管 c-2041", Command("take", 2041)),
        ("接手2041。", Command("take", 2041)),
        ("接管 Ｃ－２０４１", Command("take", 2041)),
        ("接管", Command("take")),
        ("take over c-7", Command("take", 7)),
        ("交还", Command("leave")),
        ("结束！", Command("leave")),
        ("交还 c-2041", Command("leave", 2041)),
        ("Hand back", Command("leave")),
        ("接管 c-二", Command("unclear")),
        ("接管以后怎么交还", None),
        ("结束了吗", None),
        ("排队的人多吗", None),
        ("请接管 c-2041", None),
        ("", None),
    ],
)
def test_an_order_is_a_whole_message(text: str, wanted: Command | None) -> None:
    assert command(text) == wanted


def _item(author: str, text: str, turn: str = "", decision: str = "", parts: tuple[Part, ...] = ()) -> ThreadItem:
    result = TurnResult(decision, Reply(text)) if decision else None  # type: ignore[arg-type]
    return ThreadItem(ASKED, author, text, turn_id=turn, result=result, parts=parts)  # type: ignore[arg-type]


def test_a_summary_says_what_was_answered_and_what_is_open() -> None:
    thread = [
        _item("contact", "你好", "t1"), _item("worker", "您好。", "t1", "answer"),
        _item("contact", "怎么退货", "t2"), _item("worker", "7 天内申请。", "t2", "answer"),
        _item("contact", "运费 谁出\n急", "t3"), _item("worker", "您想问哪一个？", "t3", "clarify"),
        _item("contact", "", "t4", parts=(Part("image", "截图.png"),)),
        _item("worker", "已经转给同事。", "t4", "handoff"),
        _item("notice", "handed_over", "t4"), _item("contact", "转人工", "t5"),
    ]  # fmt: skip

    assert summarise(thread) == Summary((Answered("怎么退货", "7 天内申请。"),), ("运费 谁出 急", "[截图.png]"))


def test_a_burst_that_was_answered_as_one_is_one() -> None:
    thread = [
        _item("contact", "我想问一下", "t1"), _item("contact", "怎么退货", "t2"),
        _item("worker", "7 天内申请。", "t2", "answer"), _item("contact", "运费呢", "t3"),
    ]  # fmt: skip

    assert summarise(thread) == Summary((Answered("我想问一下 怎么退货", "7 天内申请。"),), ("运费呢",))


def test_what_a_person_has_said_answers_what_was_open_and_a_hand_back_begins_anew() -> None:
    before = [_item("contact", "怎么退货", "t1"), _item("human", "我帮您办。")]

    assert summarise(before).answered == (Answered("怎么退货", "我帮您办。"),)
    assert summarise([*before, _item("notice", "handed_back"), _item("contact", "发票呢", "t2")]) == Summary(
        (), ("发票呢",)
    )


def test_a_long_conversation_is_told_by_its_end() -> None:
    thread = [_item("contact", f"第 {n} 个问题", f"t{n}") for n in range(30)]

    told = summarise(thread)

    assert (told.open[0], told.open[-1], told.left_out) == ("第 25 个问题", "第 29 个问题", 25)


def test_a_call_tells_who_waits_how_long_why_and_what_to_do() -> None:
    summary = Summary((Answered("怎么退货", "7 天内申请。"),), ("钱没到账",))

    said = WORDS.call(_waiting(department="采购部"), summary, ASKED + timedelta(minutes=3), again=False)

    assert said.splitlines() == [
        "【等人工】c-2041 王芳（采购部），已等 3 分钟", "原因：要求转人工", "问：怎么退货", "答：7 天内申请。",
        "未答：钱没到账", "回复“接管 c-2041”接手。",
    ]  # fmt: skip


def test_a_queue_is_shown_with_whoever_comes_first_at_the_top() -> None:
    assert WORDS.queue([], 0, ASKED) == "没有人在等。"
    shown = WORDS.queue([(_waiting(), "钱没到账")] * 12, 12, ASKED + timedelta(minutes=75)).splitlines()
    assert shown[:2] == ["12 位在等：", "c-2041 王芳，已等 1 小时 15 分钟：钱没到账"]
    assert len(shown) == 11
