"""What an application does besides hearing and answering: limits, look-up, probe, welcome."""

import asyncio
from datetime import timedelta

import pytest

from ai_worker.channels.contract import SendFailed
from ai_worker.demo.wecom import Fault
from ai_worker.foundation.clock import FixedClock
from tests.channels.wecom.bots import eventually
from tests.channels.wecom.doors import door_of
from tests.channels.wecom.peer import USER, Inbox, sealed, started, text_xml
from tests.channels.wecom.test_sending import channel_at, platform, reply


async def test_each_piece_counts_to_the_members_limits() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        long = "".join(f"第{n}条：退货须在签收后七天内提出。" for n in range(200))
        minute, hour = channel.needs(reply(long))
        await channel.deliver(reply(long))
        assert minute.count == hour.count == len(wecom.shown_to(USER)) > 1
        assert (minute.limit.most, minute.limit.seconds, minute.limit.key) == (28, 61.0, f"member:{USER}")
        assert (hour.limit.most, hour.limit.seconds) == (950, 3_660.0)


async def test_a_frequency_refusal_names_the_limit() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.fail_next(Fault.code(45009))
        with pytest.raises(SendFailed) as failed:
            await channel.deliver(reply("在的"))
        assert (failed.value.blocks, failed.value.retry_after) == (f"member:{USER}", 60.0)


async def test_a_member_is_looked_up_with_name_and_department() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        wecom.know(USER, name="林晓燕", department="客服部")
        found = await channel.look_up(USER)
        assert found is not None
        assert (found.id, found.name, found.department) == (USER, "林晓燕", "客服部")
        assert await channel.look_up("stranger") is None
        wecom.distrust()
        with pytest.raises(SendFailed):
            await channel.look_up(USER)


async def test_a_probe_names_the_address_that_is_not_trusted() -> None:
    async with platform() as wecom, channel_at(wecom.api_base) as channel:
        assert (await channel.probe()).ok
        assert "credentials" in channel.health().proofs
        wecom.distrust("203.0.113.7")
        probe = await channel.probe()
        assert not probe.ok
        assert "203.0.113.7" in probe.detail
        assert "企业可信IP" in probe.fix


async def test_a_probe_tells_a_wrong_secret_a_wrong_agent_and_no_network_apart() -> None:
    async with platform() as wecom:
        async with channel_at(wecom.api_base, secret="another") as channel:
            probe = await channel.probe()
            assert (probe.ok, "40001" in probe.detail, "Secret" in probe.fix) == (False, True, True)
        async with channel_at(wecom.api_base, agent_id="7") as channel:
            probe = await channel.probe()
            assert (probe.ok, "AgentId" in probe.fix) == (False, True)
    async with channel_at("http://127.0.0.1:9") as channel:
        probe = await channel.probe()
        assert (probe.ok, "reaches the platform" in probe.fix) == (False, True)


async def test_a_member_is_welcomed_once_a_day_and_only_if_that_is_wanted() -> None:
    clock = FixedClock()
    async with (
        platform(clock=clock) as wecom,
        channel_at(wecom.api_base, clock, welcome="您好，我是小智。") as channel,
        door_of(channel) as url,
    ):
        wecom.callback_url = url
        for _ in range(3):
            await wecom.event(USER, "enter_agent")
        await eventually(lambda: len(wecom.shown_to(USER)) == 1)
        clock.advance(timedelta(hours=21))
        await wecom.event(USER, "enter_agent")
        await eventually(lambda: len(wecom.shown_to(USER)) == 2)

    async with platform(clock=clock) as wecom, channel_at(wecom.api_base, clock) as channel, door_of(channel) as url:
        wecom.callback_url = url
        await wecom.event(USER, "enter_agent")
        await asyncio.sleep(0.05)
        assert wecom.shown_to(USER) == []


async def test_what_was_said_in_a_voice_message_is_read_where_it_is_given() -> None:
    inbox = Inbox()
    channel = await started(inbox)
    await channel.callback(sealed(text_xml("", MsgType="voice", MediaId="m1", Recognition="年假怎么休")))
    (message,) = inbox.messages
    assert [(part.kind, part.text) for part in message.parts] == [("voice", "年假怎么休")]
    await channel.stop()


async def test_the_proofs_of_the_set_up_are_seen_one_by_one() -> None:
    clock = FixedClock()
    async with platform(clock=clock) as wecom, channel_at(wecom.api_base, clock) as channel, door_of(channel) as url:
        wecom.callback_url = url
        assert channel.health().proofs == {}
        assert await wecom.verify_url()
        assert set(channel.health().proofs) == {"callback"}
        await wecom.say(USER, "在吗")
        await channel.deliver(reply("在的"))
        assert set(channel.health().proofs) == {"callback", "message", "reply", "credentials"}
