"""Replies: by the session while it is good, by the API otherwise, and what every refusal means."""

from datetime import timedelta
from typing import Any

import pytest

from ai_worker.channels.contract import Limit, SendFailed
from ai_worker.channels.dingtalk.adapter import Dingtalk
from ai_worker.channels.dingtalk.chat import API
from ai_worker.channels.dingtalk.words import broken_lines, card_text, pieces, title
from ai_worker.conversation.message import Contact
from ai_worker.demo.dingtalk import Fault, SimulatedDingtalk
from ai_worker.foundation.clock import FixedClock
from ai_worker.pipeline.store import OutboundMessage
from tests.channels.dingtalk.peer import GROUP, STAFF, Inbox, outbound, platform, started

SESSION = "sendBySession"


async def address(dingtalk: SimulatedDingtalk, inbox: Inbox, *, group: str = "", **changes: Any) -> dict[str, str]:
    """What a message of STAFF leaves behind for the reply."""
    await dingtalk.say(STAFF, "查库存", group=group, **changes)
    return dict(inbox.messages[-1].address)


async def failure(channel: Dingtalk, message: OutboundMessage) -> SendFailed:
    with pytest.raises(SendFailed) as failed:
        await channel.deliver(message)
    return failed.value


@pytest.mark.parametrize(("left_s", "by"), [(5_400, "session"), (61, "session"), (59, "api"), (-1, "api")])
@pytest.mark.parametrize("group", ["", GROUP])
async def test_the_session_is_used_until_a_minute_before_its_end(left_s: float, by: str, group: str) -> None:
    inbox, clock = Inbox(), FixedClock()
    async with platform(clock=clock) as dingtalk, started(dingtalk, inbox, clock=clock) as channel:
        to = await address(dingtalk, inbox, group=group)
        clock.advance(timedelta(seconds=5_400 - left_s))
        await channel.deliver(outbound(to, clock=clock))
        (shown,) = dingtalk.shown_in(group or STAFF)
        assert shown.by == by
        assert "退款一般三个工作日内到账。" in shown.text
        limits = [need.limit for need in channel.needs(outbound(to, clock=clock))]
        assert limits == ([API] if by == "api" else [Limit(f"session:{GROUP}", 18, 61.0)] if group else [])
        assert not dingtalk.counts.violations


async def test_a_session_that_is_over_before_its_time_is_replaced_by_the_api() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        to = await address(dingtalk, inbox)
        dingtalk.fail_next(
            Fault(SESSION, answer='{"errcode":300001,"errmsg":"token is not exist"}'), Fault(SESSION, status=500)
        )
        await channel.deliver(outbound(to))
        await channel.deliver(outbound(to, id="r-2"))
        assert [shown.by for shown in dingtalk.shown_in(STAFF)] == ["api", "api"]


async def test_people_and_groups_are_written_to_unasked() -> None:
    async with platform() as dingtalk, started(dingtalk) as channel:
        for to, chat in ((STAFF, STAFF), (f"group:{GROUP}", GROUP)):
            message = outbound(channel.reach(to), "库存已更新。", kind="proactive", id=f"p-{chat}")
            assert [need.limit for need in channel.needs(message)] == [API]
            await channel.deliver(message)
            (shown,) = dingtalk.shown_in(chat)
            assert (shown.text, shown.by) == ("库存已更新。", "api")


async def test_somebody_from_outside_is_reached_by_the_session_alone() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        to = await address(dingtalk, inbox, senderStaffId=None)
        await channel.deliver(outbound(to))
        assert len(dingtalk.shown_in(STAFF)) == 1
        gone = await failure(channel, outbound({**to, "webhook_until": "1"}))
        assert (gone.retry_after, "outside the company" in str(gone)) == (None, True)
        assert not dingtalk.counts.violations


async def test_in_a_group_somebody_from_outside_is_named_and_no_list_has_a_hole() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        to = await address(dingtalk, inbox, group=GROUP, senderStaffId=None, senderNick="王[客]户")
        await channel.deliver(outbound(to))
        (shown,) = dingtalk.shown_in(GROUP)
        assert shown.text.startswith("@王客户")
        assert shown.mentions == ()


async def test_an_address_elsewhere_is_never_called_even_from_an_old_row() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, platform() as elsewhere, started(dingtalk, inbox) as channel:
        to = await address(dingtalk, inbox)
        foreign = {**to, "webhook": to["webhook"].replace(dingtalk.base, elsewhere.base)}
        await channel.deliver(outbound(foreign))
        assert [shown.by for shown in dingtalk.shown_in(STAFF)] == ["api"]
        assert elsewhere.counts.shown == 0


@pytest.mark.parametrize(
    ("errcode", "retries", "blocks"),
    [(-1, True, False), (130101, True, True), (410100, True, True), (430102, False, False), (40035, False, False)],
)
async def test_a_refusal_of_the_session_is_told_as_what_it_is(errcode: int, retries: bool, blocks: bool) -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        to = await address(dingtalk, inbox, group=GROUP)
        dingtalk.fail_next(Fault(SESSION, answer=f'{{"errcode":{errcode},"errmsg":"x"}}'))
        failed = await failure(channel, outbound(to))
        assert (failed.retry_after is not None, bool(failed.blocks)) == (retries, blocks)
        if blocks:
            assert (failed.retry_after, failed.blocks) == (600.0, channel.needs(outbound(to))[0].limit.key)
        assert channel.health().state == "degraded"


async def test_a_token_that_was_made_invalid_is_fetched_once_more() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        to = {**await address(dingtalk, inbox), "webhook": ""}
        await channel.deliver(outbound(to))
        dingtalk.api.invalidate_token()
        await channel.deliver(outbound(to, id="r-2"))
        assert (len(dingtalk.shown_in(STAFF)), dingtalk.counts.token_fetches) == (2, 2)


@pytest.mark.parametrize(
    ("fault", "retries", "blocks"),
    [
        (Fault("batchSend", 403, '{"code":"Forbidden.AccessDenied.QpsLimitForApi"}'), True, "openapi"),
        (Fault("batchSend", 403, '{"code":"Forbidden.AccessDenied.AccessTokenPermissionDenied"}'), True, ""),
        (Fault("batchSend", 503, "<html>"), True, ""),
        (Fault("batchSend", 400, '{"code":"invalidParameter.userIds"}'), False, ""),
        (Fault("batchSend", 400, '{"code":"somethingNew"}'), True, ""),
        (Fault("accessToken", 400, '{"code":"invalidClientSecret"}'), True, ""),
        (Fault("accessToken", 500, ""), True, ""),
    ],
)
async def test_a_refusal_of_the_api_is_told_as_what_it_is(fault: Fault, retries: bool, blocks: str) -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        to = {**await address(dingtalk, inbox), "webhook": ""}
        dingtalk.fail_next(fault)
        failed = await failure(channel, outbound(to))
        assert (failed.retry_after is not None, failed.blocks, failed.unsure) == (retries, blocks, False)
        assert not any(secret in str(failed) for secret in ("session=", "access_token=", dingtalk.base))


async def test_people_who_cannot_be_reached_now_or_ever() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        to = {**await address(dingtalk, inbox), "webhook": ""}
        dingtalk.api.flow_controlled.add(STAFF)
        assert (await failure(channel, outbound(to))).retry_after
        dingtalk.api.unknown.add(STAFF)
        assert (await failure(channel, outbound(to))).retry_after is None
        assert (await failure(channel, outbound({}))).retry_after is None


@pytest.mark.parametrize("path", [SESSION, "batchSend"])
async def test_an_answer_that_is_lost_leaves_it_unsure(path: str) -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        to = await address(dingtalk, inbox)
        dingtalk.fail_next(Fault.lost_answer(path))
        failed = await failure(channel, outbound(to if path == SESSION else {**to, "webhook": ""}))
        assert (failed.unsure, failed.retry_after is not None) == (True, True)


async def test_of_a_long_answer_what_went_out_is_not_sent_again() -> None:
    text = "".join(f"第{n}条：退货须在签收后七天内提出，商品应保持完好，并附上原始单据。" for n in range(1, 400))
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        to = await address(dingtalk, inbox)
        dingtalk.fail_next(Fault(SESSION, answer='{"errcode":0}', takes=True), Fault(SESSION, 500))
        no_staff = {name: value for name, value in to.items() if name != "staff"}
        failed = await failure(channel, outbound(no_staff, text))
        assert (failed.unsure, len(dingtalk.shown_in(STAFF))) == (True, 1)
        await channel.deliver(outbound(no_staff, text, attempt=2, unsure=True))
        assert "".join(shown.text for shown in dingtalk.shown_in(STAFF)) == text
        by_api = {name: value for name, value in to.items() if name != "webhook"}
        assert channel.needs(outbound(by_api, text))[0].count == len(pieces(text))


@pytest.mark.parametrize("text", ["查" * 30_000, "x" * 30_000, "查x。" * 9_000, "😀" * 9_000, "行\n" * 8_000])
def test_a_piece_stays_within_the_limits_and_nothing_is_lost(text: str) -> None:
    found = pieces(text)
    assert all(len(piece) < 4_800 and len(piece.encode()) < 19_500 for piece in found)
    assert "".join(found).replace("\n", "") == text.replace("\n", "")
    assert len(found) <= 2 + len(text) // 2_200


def test_line_ends_stay_line_ends() -> None:
    assert broken_lines("一\n二\n\n- 三\n- 四") == "一  \n二\n\n- 三\n- 四"
    assert card_text("一\n二\n```\na\nb\n```") == "一\n\n二\n```\na\nb\n```"
    assert (title("### **库存** [详情](https://a.example)\n甲"), title("***")) == ("库存 详情 甲", "消息")


async def test_a_person_is_looked_up_with_the_departments_that_may_be_read() -> None:
    async with platform() as dingtalk, started(dingtalk) as channel:
        dingtalk.api.directory = {STAFF: ("林小燕", ("售后部", "华东区"))}
        assert await channel.look_up(STAFF) == Contact(STAFF, "林小燕", "售后部、华东区")
        dingtalk.api.may_read_departments = False
        assert await channel.look_up(STAFF) == Contact(STAFF, "林小燕", None)
        assert await channel.look_up("nobody") is None
        assert await channel.look_up("$:LWCP_v1:$x") is None
        dingtalk.fail_next(Fault("user/get", 502))
        with pytest.raises(SendFailed):
            await channel.look_up(STAFF)


async def test_the_two_tokens_never_take_each_others_place() -> None:
    async with platform() as dingtalk, started(dingtalk) as channel:
        dingtalk.api.directory = {STAFF: ("林小燕", ())}
        await channel.look_up(STAFF)
        assert (await channel.probe()).ok
        assert dingtalk.counts.token_fetches == 2
