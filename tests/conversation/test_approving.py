"""Something is changed in a business system after a person has said yes to exactly that, once, and is read back."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ai_worker.conversation.approving import settled
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Contact
from ai_worker.conversation.shown import shown, too_long
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import FixedClock
from ai_worker.llm.contract import ModelSettings
from ai_worker.llm.ladder import build_model
from ai_worker.llm.scripted import Asked, Call, Say, ScriptedModel
from ai_worker.skills.approval import LASTS, MOST_OF_CONTACT, Approval, ApprovalStore
from ai_worker.skills.tool import (
    ApprovedBy,
    Asker,
    Bound,
    ReadBack,
    Slot,
    Tool,
    ToolFailed,
    ToolRefused,
    ToolResult,
    ToolUnsure,
    Verb,
)
from ai_worker.storage.opening import open_stores
from tests.conversation.conftest import REFUND, Everything, Office, words
from tests.conversation.test_turn_that_acts import Crashed, Paper

MOVE = "把 ORD12345 的收货地址改成：武汉市洪山区珞喻路 1 号"
ADDRESS = "武汉市洪山区珞喻路 1 号"
SCHEMA = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string", "title": "订单号"},
        "address": {"type": "string", "title": "收货地址"},
    },
    "required": ["order_id", "address"],
}
READ = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
SLOTS = (
    Slot("order_id", r"ORD\d{5}", "请告诉我订单号。"),
    Slot("address", r"(?:改成|改为|改到)[:：]?\s*(.+)", "请告诉我新的收货地址。"),
)


class Orders:
    """An order system with one order, whose address can be changed."""

    def __init__(self, *, by: ApprovedBy = "asker", honours_keys: bool = False) -> None:
        self.by, self.honours_keys = by, honours_keys
        self.address = "杭州市西湖区"
        self.moves: list[tuple[str, Mapping[str, Any], Asker | None]] = []
        self.fails: list[BaseException] = []
        self.forgets = False
        self.bad: str = ""
        self.more: dict[str, Any] = {}
        """What else there is about the tool that acts."""

    def tools(self, connectors: Sequence[str] = ("*",), *, asker: Asker | None = None) -> list[Tool]:
        back = ReadBack(
            "erp.get_order", {"order_id": "{order_id}"}, "现在的收货地址：{address}", {"address": "{address}"}
        )
        return [
            Tool("erp.get_order", "erp", "查订单", READ, title="查订单"),
            Tool(
                *("erp.move", "erp", "改地址", SCHEMA, "write-reversible"),
                verb=Verb("order.move", ("收货地址",), SLOTS, ""),
                title="修改收货地址",
                approved_by=self.by,
                confirm="把订单 {order_id} 的收货地址改成：{address}",
                read_back=back,
                idempotent=self.honours_keys,
                **self.more,
            ),
        ]

    def check(self, name: str, arguments: Mapping[str, Any], *, asker: Asker | None = None) -> None:
        if self.bad:
            raise ToolFailed(self.bad)

    async def call(
        self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str, asker: Asker | None = None
    ) -> ToolResult:
        if name == "erp.get_order":
            return ToolResult({"id": arguments["order_id"], "address": self.address}, "ERP GET")
        failure = self.fails.pop(0) if self.fails else None
        if isinstance(failure, ToolFailed) and not isinstance(failure, ToolUnsure):
            raise failure
        if not any(key == idempotency_key for key, _, _ in self.moves):
            self.moves.append((idempotency_key, arguments, asker))
            if not self.forgets:
                self.address = arguments["address"]
        if failure is not None:
            raise failure
        return ToolResult({"ok": True}, "ERP POST")


class Desk(Office):
    """An office where a person can be asked for their word."""

    def __init__(self, orders: Orders, store: ApprovalStore, clock: FixedClock, **more: Any) -> None:
        super().__init__(shelf=Everything([(REFUND, 0.3)]), erp=orders, approvals=store, clock=clock, **more)
        self.orders, self.store, self.hands, self.paper = orders, store, clock, Paper()
        self.turns = 0

    async def turn(self, text: str, **more: Any) -> TurnResult:
        """Take one turn of its own."""
        self.turns += 1
        self.paper = Paper()
        return await self.say(text, notebook=self.paper, turn_id=f"t-{self.turns}", **more)

    async def again(self, text: str, **more: Any) -> TurnResult:
        """Take the latest turn again, as after a crash."""
        return await self.say(
            text, notebook=self.paper, progress=self.paper.read(), turn_id=f"t-{self.turns}", attempt=2, **more
        )

    async def asked(self) -> Approval:
        (latest, *_) = await self.store.latest(self.clock.now(), limit=1)
        return latest


@asynccontextmanager
async def desk(folder: Path, **how: Any) -> AsyncIterator[Desk]:
    clock = FixedClock()
    async with open_stores("sqlite:///store.db", data_dir=folder, clock=clock) as stores:
        yield Desk(Orders(**how), stores.approvals, clock)


async def test_nothing_is_changed_before_the_one_who_asked_has_said_yes(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        asked = await at.turn(MOVE)
        assert asked.decision == "clarify"
        assert f"把订单 ORD12345 的收货地址改成：{ADDRESS}" in words(asked)
        assert asked.reply is not None
        assert [choice.label for choice in asked.reply.choices] == ["确认办理", "取消"]
        assert at.orders.moves == []

        done = await at.turn("1")
        assert words(done) == f"已办好：修改收货地址。\n现在的收货地址：{ADDRESS}"
        assert done.decision == "answer"
        assert [use.name for use in done.tools] == ["erp.move"]
    assert len(at.orders.moves) == 1
    assert at.orders.moves[0][1] == {"order_id": "ORD12345", "address": ADDRESS}
    assert at.orders.moves[0][2] == Asker("service-desk", "lin", "林晓燕")


@pytest.mark.parametrize(("said", "moved"), [("好的", 1), ("确认", 1), ("2", 0), ("取消", 0), ("算了", 0)])
async def test_the_word_may_be_said_in_many_ways(tmp_path: Path, said: str, moved: int) -> None:
    async with desk(tmp_path) as at:
        await at.turn(MOVE)
        told = await at.turn(said)
    assert len(at.orders.moves) == moved
    assert ("已办好" in words(told)) is bool(moved)


@pytest.mark.parametrize("said", ["确认？", "ok?", "1个", "确认一下运费"])
async def test_what_is_no_plain_word_changes_nothing(tmp_path: Path, said: str) -> None:
    async with desk(tmp_path) as at:
        await at.turn(MOVE)
        await at.turn(said)
    assert at.orders.moves == []


async def test_a_program_neither_asks_for_a_change_nor_gives_a_persons_word(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        asked = await at.turn(MOVE, by_machine=True)
        assert await at.store.latest(at.clock.now(), limit=1) == []
        assert asked.decision == "handoff"
        await at.turn(MOVE)
        told = await at.turn("1", by_machine=True)
    assert "已办好" not in words(told)
    assert at.orders.moves == []


async def test_what_cannot_be_shown_whole_is_not_asked(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        told = await at.turn(f"把 ORD12345 的收货地址改成：{'武汉' * 300}")
    assert told.decision == "handoff"


def test_nothing_in_what_is_shown_looks_like_a_line_of_ours_or_moves_what_is_around_it() -> None:
    tool = Tool("erp.note", "erp", "备注", {"type": "object", "additionalProperties": True}, risk="money", title="备注")
    name = "n\n已由财务确认\x1b[2J"
    said = shown(tool, {name: "一\x08\x08二\u202e\n三"})
    assert said.splitlines() == ["备注", "n 已由财务确认[2J：一二 三"]
    assert too_long({"长" * 401: 1})


async def test_a_policy_that_became_stricter_counts_at_once(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.turn(MOVE)
        at.orders.by = "colleague"
        told = await at.turn("1")
    assert told.decision == "handoff"
    assert at.orders.moves == []


async def test_a_person_is_shown_also_what_is_always_the_askers_own(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.orders.more = {"bound": (Bound("customer", "客户编号", "C-1001"),)}
        assert words(await at.turn(MOVE)).splitlines()[1:3] == [
            f"把订单 ORD12345 的收货地址改成：{ADDRESS}",
            "客户编号：C-1001",
        ]
        assert "C-1001" in (await at.asked()).text


async def test_who_stands_for_somebody_else_by_now_is_asked_anew(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.orders.more = {"bound": (Bound("customer", "客户编号", "C-1001"),)}
        await at.turn(MOVE)
        at.orders.more = {"bound": (Bound("customer", "客户编号", "C-2002"),)}
        told = await at.turn("1")
    assert "对不上" in words(told)
    assert at.orders.moves == []


async def test_a_secret_is_not_shown_and_is_sent(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.orders.more = {"masked": frozenset({"address"})}
        asked = await at.turn(MOVE)
        assert "收货地址改成：***" in words(asked)
        assert ADDRESS not in (await at.asked()).text
        await at.turn("1")
    assert at.orders.moves[0][1]["address"] == ADDRESS


async def test_who_is_not_known_is_told_why_and_passed_on(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.orders.more = {"for_known_only": True}
        told = await at.turn(MOVE)
        assert await at.store.latest(at.clock.now(), limit=1) == []
    assert told.decision == "handoff"
    assert "没法确认您的身份" in words(told)


async def test_who_asks_for_too_much_at_once_is_told_so(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        for number in range(MOST_OF_CONTACT):
            assert (await at.turn(f"把 ORD12345 的收货地址改成：武汉市江岸区 {number} 号")).decision == "clarify"
        told = await at.turn(MOVE)
        assert "等着确认的事太多" in words(told)
        at.hands.advance(LASTS)
        assert (await at.turn(MOVE)).decision == "clarify"
    assert at.orders.moves == []


async def test_a_value_that_the_system_would_not_take_is_asked_for_in_other_words(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.orders.bad = "move: address: the value is shorter than 20 characters"
        first = await at.turn(MOVE)
        assert first.decision == "clarify"
        assert await at.store.latest(at.clock.now(), limit=1) == []
        await at.turn(MOVE)
        assert (await at.turn(MOVE)).decision == "handoff"


@pytest.mark.parametrize(
    ("failure", "decision"), [(ToolRefused("move: refused: “已发货”"), "answer"), (ToolFailed("move: down"), "handoff")]
)
async def test_a_repeat_after_the_end_is_kept_tells_the_same_end(
    tmp_path: Path, failure: ToolFailed, decision: str
) -> None:
    async with desk(tmp_path) as at:
        at.orders.fails.append(failure)
        await at.turn(MOVE)
        asked = at.pending
        told = await at.turn("1")
        at.pending = asked  # the process died before the turn's result was stored
        again = await at.again("1")
    assert (told.decision, words(again)) == (decision, words(told))


async def test_a_word_is_used_up_once_it_was_acted_on(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        asked = await at.turn(MOVE)
        assert asked.reply is not None
        button = asked.reply.choices[0]
        await at.turn("", chosen=button.id)
        replayed = await at.turn(button.label, chosen=button.id)
    assert "已经用过" in words(replayed)
    assert len(at.orders.moves) == 1


async def test_a_word_for_other_arguments_is_refused(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.turn(MOVE)
        approval = await at.asked()
        changed = await at.turn("确认", chosen=f"approve:{approval.id}:{'0' * 6}")
        short = await at.turn("确认", chosen=f"approve:{approval.id}")
        other = await at.turn("确认", chosen="approve:apr-none:123456")
    assert "对不上" in words(changed)
    assert "对不上" in words(short)
    assert "没有找到" in words(other)
    assert at.orders.moves == []


async def test_the_word_of_somebody_else_does_not_count(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        asked = await at.turn(MOVE)
        assert asked.reply is not None
        told = await at.turn("确认", chosen=asked.reply.choices[0].id, who=Contact("zhao", "赵强"))
    assert "没有找到" in words(told)
    assert at.orders.moves == []


async def test_a_word_that_comes_after_ten_minutes_is_too_late(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.turn(MOVE)
        at.hands.advance(LASTS)
        late = await at.turn("1")
    assert "超过时间" in words(late)
    assert at.orders.moves == []


async def test_asking_for_something_else_takes_the_first_question_back(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        first = await at.turn(MOVE)
        await at.turn("把 ORD12345 的收货地址改成：武汉市江岸区 2 号")
        assert first.reply is not None
        old = await at.turn("确认办理", chosen=first.reply.choices[0].id)
    assert "替代" in words(old)
    assert at.orders.moves == []


async def test_a_missing_value_is_asked_for_before_the_word_is(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        assert "新的收货地址" in words(await at.turn("我要改 ORD12345 的收货地址"))
        asked = await at.turn("改成 武汉市江岸区 2 号")
    assert "武汉市江岸区 2 号" in words(asked)
    assert at.orders.moves == []


async def test_a_crash_behind_the_act_does_not_do_it_twice_and_what_is_read_back_tells_the_end(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.turn(MOVE)
        at.orders.fails.append(Crashed())
        with pytest.raises(Crashed):
            await at.turn("1")
        assert len(at.orders.moves) == 1

        told = await at.again("1")
    assert len(at.orders.moves) == 1
    assert "已办好" in words(told)


async def test_an_unknown_end_that_cannot_be_read_back_is_said_to_be_unknown(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.orders.forgets = True
        at.orders.fails.append(ToolUnsure("erp.move: no answer"))
        await at.turn(MOVE)
        told = await at.turn("1")
    assert (told.decision, told.reason) == ("handoff", Reason.FAILED)
    assert "不能确定" in words(told)


async def test_a_system_that_says_no_is_quoted_and_nothing_is_claimed(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.orders.fails.append(ToolRefused("move: the system refused (409): “订单已发货，不能改地址”"))
        await at.turn(MOVE)
        told = await at.turn("1")
    assert words(told) == "系统没有接受“修改收货地址”：订单已发货，不能改地址\n什么都没有改动。"
    assert at.orders.address == "杭州市西湖区"


async def test_what_is_read_back_and_differs_goes_to_a_person(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        at.orders.forgets = True
        await at.turn(MOVE)
        told = await at.turn("1")
    assert told.decision == "handoff"
    assert "杭州市西湖区" in words(told)


async def test_where_it_takes_a_colleague_the_asker_cannot_say_yes(tmp_path: Path) -> None:
    async with desk(tmp_path, by="colleague") as at:
        asked = await at.turn(MOVE)
        approval = await at.asked()
        assert approval.code in words(asked)
        assert asked.pending is None
        mine = await at.turn("确认", chosen=f"approve:{approval.id}:{approval.code}")
        assert "由同事批准" in words(mine)
        early = await at.turn("", chosen=f"settled:{approval.id}")
        assert early.reply is None
        assert at.orders.moves == []

        await at.store.decide(approval.id, digest=approval.digest, by="wecom/li", yes=True, now=at.clock.now())
        message = settled(await at.asked(), "（李娜批准了）", now=at.clock.now())
        told = await at.turn(message.text, chosen=message.chosen)
        assert "已办好" in words(told)
        assert "已经用过" in words(await at.turn(message.text, chosen=message.chosen))
    assert len(at.orders.moves) == 1


@pytest.mark.parametrize("yes", [False, None])
async def test_what_a_colleague_does_not_approve_is_told_to_the_asker(tmp_path: Path, yes: bool | None) -> None:
    async with desk(tmp_path, by="colleague") as at:
        await at.turn(MOVE)
        approval = await at.asked()
        if yes is None:
            at.hands.advance(LASTS + timedelta(seconds=1))
        else:
            await at.store.decide(approval.id, digest=approval.digest, by="wecom/li", yes=False, now=at.clock.now())
        told = await at.turn("", chosen=f"settled:{approval.id}")
        again = await at.again("", chosen=f"settled:{approval.id}")
    assert "没有办理" in words(told)
    assert words(again) == words(told)
    assert at.orders.moves == []


@pytest.mark.parametrize(
    ("word", "said", "moved"), [(True, "已办好", 1), (False, "同事没有批准", 0), (None, "没有等到", 0)],
    ids=["approved", "refused", "expired"],
)  # fmt: skip
async def test_the_end_is_said_beside_a_person_who_has_taken_over_and_nothing_else_is(
    tmp_path: Path, word: bool | None, said: str, moved: int
) -> None:
    async with desk(tmp_path, by="colleague") as at:
        await at.turn(MOVE)
        approval = await at.asked()
        if word is None:
            at.hands.advance(LASTS)
        else:
            await at.store.decide(approval.id, digest=approval.digest, by="wecom/li", yes=word, now=at.clock.now())
        assert (await at.turn("你好，订单呢", human=True)).decision == "silent"
        told = await at.turn("", chosen=f"settled:{approval.id}", human=True)
        assert (await at.turn("谢谢", human=True)).reply is None
    assert said in words(told)
    assert len(at.orders.moves) == moved


async def test_a_word_of_the_contacts_own_waits_while_a_person_has_the_conversation(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        asked = await at.turn(MOVE)
        assert asked.reply is not None
        assert (await at.turn("", chosen=asked.reply.choices[0].id, human=True)).decision == "silent"
    assert at.orders.moves == []


async def test_what_was_done_before_a_person_took_over_is_said_all_the_same(tmp_path: Path) -> None:
    async with desk(tmp_path) as at:
        await at.turn(MOVE)
        asked = at.pending
        await at.turn("1")
        at.pending = asked  # a person took over before the turn's result was stored
        told = await at.again("1", human=True)
    assert "已办好" in words(told)
    assert len(at.orders.moves) == 1


async def test_what_nobody_may_approve_goes_to_a_person(tmp_path: Path) -> None:
    async with desk(tmp_path, by="never") as at:
        told = await at.turn(MOVE)
    assert told.decision == "handoff"
    assert "同事确认" in words(told)


def cancel(asked: Asked) -> Say:
    return Say(calls=(Call("erp.move", {"order_id": "ORD12345", "address": ADDRESS}),))


async def test_a_model_that_wants_to_act_makes_a_person_be_asked(tmp_path: Path) -> None:
    async with desk(tmp_path) as at, ScriptedModel(cancel) as server:
        settings = ModelSettings(base_url=server.base_url, name="scripted", timeout_s=2)
        model = build_model(settings, max_concurrent=2, clock=at.clock)
        await model.start()
        at.model = model
        try:
            at.orders.bad = "move: the argument 'address' is required"
            failed = await at.turn("我搬家了，ORD12345 帮我寄到武汉市洪山区珞喻路 1 号，改一下收货地址")
            assert failed.decision != "clarify"
            at.orders.bad = ""
            asked = await at.turn("我搬家了，ORD12345 帮我寄到武汉市洪山区珞喻路 1 号，改一下收货地址")
            assert f"把订单 ORD12345 的收货地址改成：{ADDRESS}" in words(asked)
            assert at.orders.moves == []
            assert "已办好" in words(await at.turn("确认"))
        finally:
            await model.close()
    assert len(at.orders.moves) == 1


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("ORD12345 发货了吗", {"order_id": "ORD12345", "address": "骗子路 9 号"}),
        ("ORD12345 的收货地址对吗", {"order_id": "ORD12345", "address": "骗子路 9 号"}),
        ("武汉市洪山区珞喻路 1 号的 ORD12345 发货了吗", {"order_id": "ORD12345", "address": ADDRESS}),
    ],
)
async def test_what_a_document_may_have_told_the_model_is_not_even_asked(
    tmp_path: Path, text: str, arguments: Mapping[str, Any]
) -> None:
    """The first two: a value that the contact never said. The last: something that they do not speak of."""
    script = Say(calls=(Call("erp.move", dict(arguments)),))
    async with desk(tmp_path) as at, ScriptedModel(lambda _: script) as server:
        settings = ModelSettings(base_url=server.base_url, name="scripted", timeout_s=2)
        model = build_model(settings, max_concurrent=2, clock=at.clock)
        await model.start()
        at.model = model
        try:
            told = await at.turn(text)
        finally:
            await model.close()
        assert await at.store.latest(at.clock.now(), limit=1) == []
    assert told.decision == "handoff"
    assert "骗子路" not in words(told)
    assert at.orders.moves == []
