"""Customer service: against the simulated platform over sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ai_worker.channels.contract import SendFailed
from ai_worker.channels.wecom.kf import WecomKf
from ai_worker.channels.wecom.kf_words import MOST
from ai_worker.conversation.message import Choice
from ai_worker.demo.wecom_kf import SimulatedKf
from ai_worker.foundation.clock import SystemClock
from ai_worker.pipeline.channel_store import ChannelStore
from tests.channels.store import temporary_store
from tests.channels.wecom import peer
from tests.channels.wecom.bots import Desk, answer_to, eventually, turn_of
from tests.channels.wecom.doors import door_of

ANN, BOB = "wmAnn", "wmBob"


@asynccontextmanager
async def platform_of(**changes: Any) -> AsyncIterator[SimulatedKf]:
    told = {"corp_id": peer.CORP, "secret": peer.SECRET, "token": peer.TOKEN, "encoding_aes_key": peer.KEY}
    async with SimulatedKf(**{**told, **changes}) as platform:
        yield platform


@asynccontextmanager
async def serving(
    platform: SimulatedKf, *, desk: Desk | None = None, store: ChannelStore | None = None, **changes: Any
) -> AsyncIterator[tuple[WecomKf, Desk]]:
    clock, desk = SystemClock(), desk or Desk()
    channel = WecomKf(
        "service",
        peer.kf_settings(**{"api_base": platform.api_base, **changes}),
        clock=clock,
        store=store or temporary_store(clock),
    )
    await channel.start(desk.receive, desk.rate, connects=True)
    async with door_of(channel) as url:
        platform.callback_url = url
        try:
            yield channel, desk
        finally:
            await channel.stop()


async def test_what_a_customer_writes_is_kept_before_the_event_is_acknowledged_and_answered() -> None:
    async with platform_of() as platform, serving(platform) as (channel, desk):
        assert await platform.say(ANN, "怎么退货？")
        (message,) = desk.messages
        assert not message.contact.member
        await channel.deliver(answer_to(message, "签收后七天内可以退。", rateable=False))
        assert [shown.text for shown in await platform.reply_to(ANN)] == ["签收后七天内可以退。"]
        assert set(channel.health().proofs) == {"callback", "message", "reply", "credentials"}


async def test_the_same_words_twice_are_two_messages() -> None:
    async with platform_of() as platform, serving(platform) as (_, desk):
        await platform.say(ANN, "ok")
        await platform.say(ANN, "ok")
        assert [message.text for message in desk.messages] == ["ok", "ok"]


async def test_a_burst_is_fetched_to_its_last_item_and_the_cursor_is_kept() -> None:
    store = temporary_store(SystemClock())
    async with platform_of(page=7) as platform:
        async with serving(platform, store=store) as (_, desk):
            for n in range(100):
                platform.put(
                    ANN if n % 2 else BOB, {"msgtype": "image", "image": {"media_id": f"m{n}"}}, msg_id=f"i{n}"
                )
            await platform.announce()
            await eventually(lambda: len(desk.messages) == 100)
            assert [message.message_id for message in desk.messages] == [f"i{n}" for n in range(100)]
        fetches = platform.counts.fetches
        async with serving(platform, store=store) as (_, desk):
            await platform.say(ANN, "还在吗")
            await eventually(lambda: len(desk.messages) == 1)
            assert platform.counts.fetches - fetches <= 3


async def test_what_came_in_while_nobody_was_there_is_fetched_at_the_start() -> None:
    store = temporary_store(SystemClock())
    async with platform_of() as platform:
        async with serving(platform, store=store) as (_, desk):
            await platform.say(ANN, "在吗")
        platform.put(ANN, {"msgtype": "text", "text": {"content": "有人吗"}})
        async with serving(platform, store=store) as (_, desk):
            await eventually(lambda: [message.text for message in desk.messages] == ["有人吗"])


async def test_what_could_not_be_kept_is_fetched_again() -> None:
    async with platform_of() as platform, serving(platform) as (_, desk):
        for n in range(5):
            platform.put(ANN, {"msgtype": "text", "text": {"content": f"第{n}句"}})
        desk.busy = 1
        await platform.announce()
        await eventually(lambda: len(desk.messages) == 5)
        assert [message.text for message in desk.messages] == [f"第{n}句" for n in range(5)]


async def test_a_cursor_that_stands_still_ends_the_loop() -> None:
    async with platform_of() as platform, serving(platform) as (_, desk):
        platform.stands_still = True
        assert await platform.say(ANN, "在吗")
        assert len(desk.messages) == 1
        assert platform.counts.fetches <= 2


async def test_an_item_that_cannot_be_read_hides_no_other() -> None:
    async with platform_of() as platform, serving(platform) as (_, desk):
        platform.put(ANN, {"msgtype": "text", "text": {"content": "一"}})
        platform.put(ANN, {"msgtype": "text", "text": ["no", "object"], "send_time": "never"})
        platform.put("", {"msgtype": "text", "text": {"content": "nobody's"}})
        platform.put(ANN, {"msgtype": "hologram"})
        platform.put(ANN, {"msgtype": "text", "text": {"content": "一个同事在企业微信里说的"}}, origin=5)
        platform.put(ANN, {"msgtype": "text", "text": {"content": "二"}})
        await platform.announce()
        assert [message.text for message in desk.messages] == ["一", "", "二"]
        assert desk.messages[1].parts[0].text == "hologram"


async def test_two_customers_of_one_account_never_share_a_conversation() -> None:
    async with platform_of() as platform, serving(platform) as (_, desk):
        await platform.say(ANN, "在吗")
        await platform.say(BOB, "在吗")
        assert len({message.conversation_key for message in desk.messages}) == 2


async def test_a_long_answer_stays_within_what_one_message_allows() -> None:
    text = "".join(f"第{n}条：退货须在签收后七天内提出，商品应保持完好。" for n in range(1, 401))
    async with platform_of() as platform, serving(platform) as (channel, desk):
        await platform.say(ANN, "退货规则是什么？")
        (message,) = desk.messages
        assert {need.count for need in channel.needs(answer_to(message, text))} == {MOST}
        await channel.deliver(answer_to(message, text))
        shown = platform.shown_to(ANN)
        assert len(shown) == MOST
        assert shown[-1].text.endswith("…（内容较长，后面的省略了）")
        assert list(platform.counts.violations) == []


async def test_an_answer_that_may_have_been_taken_is_shown_once() -> None:
    async with platform_of() as platform, serving(platform) as (channel, desk):
        await platform.say(ANN, "怎么退货？")
        for attempt in (1, 2):
            await channel.deliver(answer_to(desk.messages[0], unsure=attempt > 1, attempt=attempt))
        assert len(platform.shown_to(ANN)) == 1


async def test_a_sixth_message_is_refused_for_good() -> None:
    async with platform_of() as platform, serving(platform) as (channel, desk):
        await platform.say(ANN, "怎么退货？")
        for n in range(5):
            await channel.deliver(answer_to(desk.messages[0], f"第{n}句", id=f"r-{n}"))
        with pytest.raises(SendFailed) as failed:
            await channel.deliver(answer_to(desk.messages[0], "第六句", id="r-6"))
        assert failed.value.retry_after is None
        assert "95001" in str(failed.value)


async def test_choices_and_opinions_are_clicked_below_the_answer() -> None:
    async with platform_of() as platform, serving(platform) as (channel, desk):
        await platform.say(ANN, "退货")
        (message,) = desk.messages
        await channel.deliver(
            answer_to(message, "您想问的是哪一个？\n1. 怎么退货", choices=(Choice("faq-1", "怎么退货"),))
        )
        (menu,) = platform.shown_to(ANN)
        assert menu.clicks == (("faq-1", "怎么退货"),)

        await platform.say(ANN, "怎么退货", menu_id="faq-1")
        assert (desk.messages[1].text, desk.messages[1].chosen) == ("怎么退货", "faq-1")
        await channel.deliver(answer_to(desk.messages[1], "签收后七天内可以退。"))
        answer = platform.shown_to(ANN)[-1]
        assert [words for _, words in answer.clicks] == ["有帮助", "没帮助"]
        await platform.say(ANN, "没帮助", menu_id=answer.clicks[1][0])
        (rating,) = desk.ratings
        assert (rating.turn_id, rating.mark, rating.contact) == (turn_of(desk.messages[1]), "down", ANN)
        assert len(desk.messages) == 2


async def test_whoever_opens_the_conversation_is_welcomed() -> None:
    async with platform_of() as platform, serving(platform, welcome="您好，请问有什么可以帮您？") as (_, desk):
        await platform.enter(ANN)
        assert [shown.text for shown in await platform.reply_to(ANN)] == ["您好，请问有什么可以帮您？"]
        assert (desk.messages, list(platform.counts.violations)) == ([], [])


async def test_a_forged_event_is_refused_and_fetches_nothing() -> None:
    async with platform_of() as platform, serving(platform) as (_, desk):
        platform.put(ANN, {"msgtype": "text", "text": {"content": "在吗"}})
        await platform.announce(forged=True)
        assert (desk.messages, platform.counts.fetches, platform.counts.forged_answered) == ([], 0, 0)


async def test_a_probe_says_what_is_wrong() -> None:
    async with platform_of() as platform:
        async with serving(platform) as (channel, _):
            assert (await channel.probe()).ok
        async with serving(platform, secret="another") as (channel, _):
            probe = await channel.probe()
            assert (probe.ok, "40001" in probe.detail, "Secret" in probe.fix) == (False, True, True)


async def test_many_events_at_once_fetch_in_turn() -> None:
    async with platform_of(page=3) as platform, serving(platform) as (_, desk):
        for n in range(30):
            platform.put(ANN, {"msgtype": "text", "text": {"content": f"{n}"}}, msg_id=f"m{n}")
        await asyncio.gather(*(platform.announce() for _ in range(10)))
        await eventually(lambda: len(desk.messages) == 30)
        assert [message.message_id for message in desk.messages] == [f"m{n}" for n in range(30)]
        assert platform.counts.fetches <= 20
