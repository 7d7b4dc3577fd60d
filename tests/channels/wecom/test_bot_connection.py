"""How an AI bot keeps its one connection: against a gateway that misbehaves. Times are scaled down."""

import asyncio

import pytest

from ai_worker.channels.contract import SendFailed
from ai_worker.channels.wecom.bot import WecomBot
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.foundation.clock import SystemClock
from tests.channels.store import temporary_store
from tests.channels.wecom.bots import Desk, answer_to, bot_at, eventually, gateway
from tests.channels.wecom.peer import bot_settings

USER = "linxiaoyan"
EARLIER = InboundMessage(
    "assistant", "m0", USER, Contact(USER), "在吗", SystemClock().now(), address={"user": USER, "req": "r", "link": "l"}
)


async def test_it_pings_and_stays_connected_while_it_is_answered() -> None:
    async with gateway() as platform, bot_at(platform, ping_s=0.02) as (bot, _):
        await eventually(lambda: platform.counts.pings >= 10)
        assert platform.counts.subscribes == 1
        assert bot.health().connected_at is not None


async def test_two_pings_without_an_answer_end_the_connection() -> None:
    async with gateway() as platform, bot_at(platform, ping_s=0.1, answer_s=0.1) as (bot, desk):
        platform.withhold_pongs = True
        await eventually(lambda: platform.counts.subscribes >= 2)
        platform.withhold_pongs = False
        await eventually(bot.sends_here)
        await platform.connected()
        await asyncio.sleep(0.3)
        await platform.connected()
        await platform.say(USER, "在吗", msg_id="m1")
        await desk.until(1)


async def test_a_socket_that_is_open_and_leads_nowhere_is_left() -> None:
    async with gateway() as platform, bot_at(platform, ping_s=0.1, answer_s=0.1) as (bot, desk):
        platform.freeze()
        await platform.connected(within_s=5.0)
        await eventually(bot.sends_here)
        await platform.say(USER, "在吗")
        (message,) = await desk.until(1)
        await bot.deliver(answer_to(message))
        assert [shown.text for shown in platform.shown_to(USER)] == ["年假按入职年限计算。"]


async def test_a_clean_close_is_followed_by_a_new_connection() -> None:
    async with gateway() as platform, bot_at(platform) as (_, desk):
        for n in range(3):
            await platform.close_cleanly()
            await eventually(lambda n=n: platform.counts.subscribes == n + 2)  # type: ignore[misc]
            await platform.connected()
            await platform.say(USER, "在吗", msg_id=f"m{n}")
            await desk.until(n + 1)


async def test_while_the_gateway_is_down_it_is_tried_again_and_health_says_so() -> None:
    async with gateway() as platform, bot_at(platform) as (bot, desk):
        await platform.down()
        await eventually(lambda: bot.health().state == "degraded")
        assert "no connection" in bot.health().last_error
        with pytest.raises(SendFailed) as failed:
            await bot.deliver(answer_to(EARLIER))
        assert failed.value.retry_after is not None
        await asyncio.sleep(1.0)
        await platform.up()
        await platform.connected(within_s=1.0)  # the longest pause is 0.4 s here, 30 s in earnest
        await eventually(bot.sends_here)
        await platform.say(USER, "在吗")
        await desk.until(1)
        assert bot.health().state == "ready"


async def test_wrong_credentials_are_told_apart_and_tried_slowly() -> None:
    async with gateway() as platform, bot_at(platform, connected=False, secret="wrong") as (bot, _):
        await eventually(lambda: platform.counts.subscribes == 5)
        assert bot.health().state == "degraded"
        assert "853000" in bot.health().last_error
        assert "Secret" in bot.health().last_error
        assert "wrong" not in bot.health().last_error.replace("is wrong", "")
        await asyncio.sleep(0.2)
        assert platform.counts.subscribes <= 6  # five quick tries, then one every pause


@pytest.mark.parametrize("errcode", [93019, 40058, 846609, -1])
async def test_a_refused_subscribe_is_tried_again(errcode: int) -> None:
    async with gateway() as platform:
        platform.refuse_subscribe(errcode)
        async with bot_at(platform):
            assert platform.counts.subscribes == 2


async def test_a_subscribe_that_comes_too_often_waits_long() -> None:
    async with gateway() as platform:
        platform.refuse_subscribe(45009)
        async with bot_at(platform, connected=False) as (bot, _):
            await eventually(lambda: "45009" in bot.health().last_error)
            await asyncio.sleep(0.6)  # longer than any backoff here
            assert platform.counts.subscribes == 1


async def test_a_takeover_is_reported_and_not_fought_until_the_operators_word() -> None:
    async with gateway() as platform, bot_at(platform) as (bot, desk):
        await platform.displace()
        await eventually(lambda: bot.health().displaced)
        assert bot.health().state == "down"
        await asyncio.sleep(0.5)
        assert platform.counts.subscribes == 1

        await bot.resume()
        await platform.connected(within_s=2.0)
        await eventually(bot.sends_here)
        assert not bot.health().displaced
        await platform.say(USER, "在吗")
        await desk.until(1)


async def test_two_strangers_on_one_bot_do_not_throw_each_other_out_for_ever() -> None:
    async with gateway() as platform, bot_at(platform) as (first, _), bot_at(platform) as (second, _):
        await eventually(lambda: first.health().displaced)
        await asyncio.sleep(0.5)
        assert platform.counts.subscribes == 2
        assert second.sends_here()


async def test_two_nodes_of_one_installation_share_one_connection() -> None:
    store = temporary_store(SystemClock())
    async with (
        gateway() as platform,
        bot_at(platform, store=store) as (first, _),
        bot_at(platform, store=store, connected=False) as (second, _),
    ):
        await asyncio.sleep(0.3)
        assert (first.sends_here(), second.sends_here(), platform.counts.subscribes) == (True, False, 1)
        assert second.health().detail == "connected from another node"
        await first.stop()
        await eventually(second.sends_here)
        assert platform.counts.subscribes == 2
        assert not second.health().displaced


async def test_what_came_in_before_the_end_is_kept() -> None:
    desk = Desk(busy=3)
    async with gateway() as platform:
        async with bot_at(platform, desk=desk):
            for n in range(20):
                await platform.say(USER, "在吗", msg_id=f"m{n}")
            await eventually(lambda: desk.busy < 3)
        assert [message.message_id for message in desk.messages] == [f"m{n}" for n in range(20)]


async def test_the_secret_shows_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    async with gateway() as platform, bot_at(platform, connected=False, secret="planted-secret-42") as (bot, _):
        await eventually(lambda: platform.counts.subscribes >= 2)
        told = f"{bot.health()} {bot._settings!r} {capsys.readouterr()}"
        assert "planted-secret-42" not in told


async def test_a_probe_connects_once_and_hangs_up_and_throws_nobody_out() -> None:
    store = temporary_store(SystemClock())
    async with gateway() as platform:
        bot = WecomBot("assistant", bot_settings(ws_url=platform.ws_url), clock=SystemClock(), store=store)
        assert (await bot.probe()).ok
        assert platform.counts.subscribes == 1
        async with bot_at(platform, store=store) as (running, _):
            assert (await bot.probe()).ok
            assert (await running.probe()).ok
            assert platform.counts.subscribes == 2
            await platform.displace()
            await eventually(lambda: running.health().displaced)
            assert "another instance" in (await bot.probe()).detail
            assert platform.counts.subscribes == 2
        await bot.resume()
        platform.refuse_subscribe(853000)
        probe = await bot.probe()
        assert (probe.ok, "853000" in probe.detail, "Secret" in probe.fix) == (False, True, True)
