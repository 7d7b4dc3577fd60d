"""Stream mode against the simulated platform: pushes, answers, rotation, and connections that die."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from ai_worker.channels.dingtalk.stream import Pulse
from ai_worker.demo.dingtalk import Fault
from tests.channels.dingtalk.peer import GROUP, STAFF, Inbox, outbound, platform, started

QUICK = Pulse(ping_s=0.3, pong_s=0.3, quiet_s=300.0)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_message_is_received_acknowledged_and_answered() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        said = await dingtalk.say(STAFF, "退款什么时候到账？")
        assert said.acknowledged
        (message,) = inbox.messages
        assert (message.message_id, message.conversation_key, message.text) == (
            said.msg_id,
            STAFF,
            "退款什么时候到账？",
        )
        await channel.deliver(outbound(message.address))
        reply = await dingtalk.reply_to(STAFF, after=said)
        assert (reply.text, reply.by, reply.msgtype) == ("退款一般三个工作日内到账。", "session", "markdown")
        assert not dingtalk.counts.violations


async def test_a_repeat_under_another_delivery_id_is_the_same_message() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox):
        for _ in range(3):
            assert (await dingtalk.say(STAFF, "在吗", msg_id="msgSame==")).acknowledged
        assert [message.message_id for message in inbox.messages] == ["msgSame=="]


async def test_what_cannot_be_kept_now_is_tried_again_before_it_is_acknowledged() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox):
        inbox.busy = 5
        assert (await dingtalk.say(STAFF, "在吗")).acknowledged
        assert len(inbox.messages) == 1


async def test_in_a_group_the_mention_is_gone_and_the_reply_mentions_who_asked() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        said = await dingtalk.say(STAFF, "查库存", group=GROUP)
        (message,) = inbox.messages
        assert (message.text, message.group, message.conversation_key) == ("查库存", True, f"group:{GROUP}")
        await channel.deliver(outbound(message.address))
        reply = await dingtalk.reply_to(GROUP, after=said)
        assert reply.mentions == (STAFF,)
        assert reply.text.startswith(f"@{STAFF}")
        assert not dingtalk.counts.violations


@pytest.mark.parametrize(
    ("answer", "mentioned", "received"),
    [("mentioned", True, 1), ("mentioned", False, 0), ("all", False, 1), ("never", True, 0)],
)
async def test_a_group_is_served_as_its_setting_says(answer: str, mentioned: bool, received: int) -> None:
    inbox = Inbox()
    groups = {GROUP: {"answer": answer}}
    async with platform() as dingtalk, started(dingtalk, inbox, groups=groups):
        assert (await dingtalk.say(STAFF, "查库存", group=GROUP, isInAtList=mentioned)).acknowledged
        assert len(inbox.messages) == received


async def test_a_ping_of_the_platform_is_answered_with_its_own_data() -> None:
    async with platform(ping_s=0.05) as dingtalk, started(dingtalk):
        await until(lambda: dingtalk.counts.answered > 3)
        assert (list(dingtalk.counts.violations), dingtalk.counts.missed_deadlines) == ([], 0)


async def test_an_event_and_a_topic_that_nobody_handles_are_answered() -> None:
    async with platform() as dingtalk, started(dingtalk):
        told = await dingtalk.gateway.event("org_admin_add")
        assert told is not None
        assert (told["code"], json.loads(told["data"])["status"]) == (200, "SUCCESS")


async def test_rubbish_closes_nothing_but_itself() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox) as channel:
        await until(lambda: channel.health().connected_at)
        since = channel.health().connected_at
        for rubbish in (
            "",
            "{",
            "[]",
            "null",
            '{"type":1}',
            '{"type":"CALLBACK","headers":[]}',
            "[" * 100_000,
            b"\xff",
        ):
            await dingtalk.gateway.send_raw(rubbish)
        for data in ("", "no json", "[]", '{"msgtype":"text"}', "[" * 50_000):
            headers = {"topic": "/v1.0/im/bot/messages/get", "messageId": "m-1"}
            frame = {"type": "CALLBACK", "headers": headers, "data": data}
            await dingtalk.gateway.send_raw(json.dumps(frame))
        assert (await dingtalk.say(STAFF, "在吗")).acknowledged
        assert len(inbox.messages) == 1
        assert channel.health().connected_at == since


async def test_a_rotation_opens_the_new_connection_before_the_old_one_closes() -> None:
    inbox = Inbox()
    async with platform(cut_s=3.0) as dingtalk, started(dingtalk, inbox):
        await dingtalk.gateway.rotate()
        await dingtalk.connected()
        assert (await dingtalk.say(STAFF, "在吗")).acknowledged
        assert (dingtalk.counts.connections, dingtalk.counts.ticket_reuses) == (2, 0)


@pytest.mark.parametrize("trouble", ["cut", "pong withheld", "half open"])
async def test_a_connection_that_dies_is_replaced(trouble: str) -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox, pulse=QUICK):
        if trouble == "cut":
            dingtalk.gateway.cut()
        elif trouble == "half open":
            dingtalk.gateway.deafen()
        else:
            dingtalk.gateway.pongs = False
        await until(lambda: dingtalk.counts.connections > 1)
        dingtalk.gateway.pongs = True
        await until(lambda: dingtalk.gateway.connections == 1)
        assert (await dingtalk.say(STAFF, "在吗")).acknowledged
        assert dingtalk.counts.ticket_reuses == 0


async def test_a_connection_that_answers_pings_and_brings_no_frames_is_replaced() -> None:
    pulse = Pulse(ping_s=0.2, pong_s=0.2, quiet_s=0.5)
    async with platform(ping_s=0.1) as dingtalk, started(dingtalk, pulse=pulse):
        await until(lambda: dingtalk.counts.answered > 1)
        dingtalk.gateway.pause_pings = True
        await until(lambda: dingtalk.counts.connections > 1)


async def test_a_gateway_that_is_down_is_tried_again_and_said_so() -> None:
    inbox = Inbox()
    async with platform() as dingtalk:
        dingtalk.gateway.down = True
        async with started(dingtalk, inbox) as channel:
            await until(lambda: channel.health().last_error)
            assert "503" in channel.health().last_error
            assert channel.health().state != "ready"
            dingtalk.gateway.down = False
            await dingtalk.connected()
            await until(lambda: channel.health().state == "ready")
            assert (await dingtalk.say(STAFF, "在吗")).acknowledged


@pytest.mark.parametrize(
    ("wrong", "words"),
    [("unpublished", "Stream"), ("secret", "Client Secret"), ("endpoint", "its own hosts")],
)
async def test_a_set_up_that_is_wrong_is_told_in_words(wrong: str, words: str) -> None:
    async with platform() as dingtalk:
        dingtalk.gateway.published = wrong != "unpublished"
        if wrong == "endpoint":
            dingtalk.gateway.endpoint = "ws://169.254.169.254/connect"
        dingtalk.gateway.down = True  # so that `started` does not wait for the connection
        changes: dict[str, Any] = {"client_secret": "wrong"} if wrong == "secret" else {}
        async with started(dingtalk, **changes) as channel:
            dingtalk.gateway.down = False
            await until(lambda: words in channel.health().last_error)
            assert not (await channel.probe()).ok
            assert dingtalk.counts.connections == 0


async def test_the_probe_asks_for_a_connection_and_opens_none() -> None:
    async with platform() as dingtalk, started(dingtalk, connects=False) as channel:
        probe = await channel.probe()
        assert (probe.ok, probe.fix) == (True, "")
        assert (dingtalk.counts.tickets, dingtalk.counts.connections) == (1, 0)


async def test_no_answer_of_the_gateway_ends_in_another_try_with_another_ticket() -> None:
    async with platform() as dingtalk:
        dingtalk.fail_next(Fault.lost_answer("connections/open"), Fault("connections/open", answer="{}"))
        async with started(dingtalk):
            assert (dingtalk.counts.connections, dingtalk.counts.ticket_reuses) == (1, 0)


async def test_what_was_pushed_is_kept_although_its_connection_ends_meanwhile() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox):
        inbox.busy = 6  # it takes a while to be kept
        saying = asyncio.create_task(dingtalk.say(STAFF, "在吗"))
        await until(lambda: inbox.busy < 6)
        dingtalk.gateway.cut()
        assert not (await saying).acknowledged
        await inbox.until(1)


async def test_a_message_that_was_long_on_its_way_is_still_answered() -> None:
    inbox = Inbox()
    async with platform() as dingtalk, started(dingtalk, inbox):
        assert (await dingtalk.say(STAFF, "在吗", createAt=1_700_000_000_000)).acknowledged
        assert len(inbox.messages) == 1


async def test_the_second_connection_carries_on_while_the_first_is_replaced() -> None:
    inbox = Inbox()
    async with platform(cut_s=2.0) as dingtalk, started(dingtalk, inbox, second_s=0.0):
        await dingtalk.connected(2)
        await dingtalk.gateway.rotate(count=1)
        said = await asyncio.gather(*(dingtalk.say(STAFF, f"问题{number}") for number in range(20)))
        assert all(one.acknowledged for one in said)
        assert dingtalk.counts.lost == 0
