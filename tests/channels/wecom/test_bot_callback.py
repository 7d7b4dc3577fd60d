"""An AI bot by callbacks: against the simulated platform over sockets, and sealed by wechatpy."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from ai_worker.channels.contract import REFUSED, CallbackRequest, SendFailed
from ai_worker.channels.wecom.bot import WecomBot
from ai_worker.channels.wecom.crypto import Envelope
from ai_worker.channels.wecom.hosts import may_call
from ai_worker.demo.wecom_bot_callback import SimulatedBotCallbacks
from ai_worker.foundation.clock import FixedClock, SystemClock
from ai_worker.foundation.secret import Secret
from ai_worker.pipeline.channel_store import ChannelStore
from tests.channels.store import temporary_store
from tests.channels.wecom import peer
from tests.channels.wecom.bots import Desk, answer_to, draft_of, turn_of
from tests.channels.wecom.doors import door_of

USER = "linxiaoyan"


@asynccontextmanager
async def called_bot(
    *,
    desk: Any = None,
    store: ChannelStore | None = None,
    stream_s: float = 330.0,
    poll_s: float = 0.05,
    **changes: Any,
) -> AsyncIterator[tuple[SimulatedBotCallbacks, WecomBot, Desk]]:
    desk, clock = desk or Desk(), SystemClock()
    async with SimulatedBotCallbacks(
        bot_id=peer.BOT, token=peer.TOKEN, encoding_aes_key=peer.KEY, poll_s=poll_s
    ) as platform:
        bot = WecomBot(
            "assistant",
            peer.callback_bot_settings(**{"api_base": platform.api_base, **changes}),
            clock=clock,
            store=store or temporary_store(clock),
            stream_s=stream_s,
            pull_wait_s=1.0,
        )
        await bot.start(desk.receive, desk.rate, connects=False)
        async with door_of(bot) as url:
            platform.callback_url = url
            try:
                yield platform, bot, desk
            finally:
                await bot.stop()


async def test_an_answer_is_pulled_as_it_grows_and_ends_complete() -> None:
    async with called_bot() as (platform, bot, desk):
        assert await platform.verify_url()
        said = await platform.say(USER, "年假怎么休？")
        assert said.acknowledged
        (first,) = platform.shown_to(USER)
        assert (first.text, first.finished, first.feedback_id) == ("正在查询…", False, turn_of(desk.messages[0]))

        (message,) = desk.messages
        await bot.show(draft_of(message, "年假按"))
        await platform.wait_for(USER, lambda shown: shown[0].text == "年假按")
        sent = await bot.deliver(answer_to(message))
        assert sent.confirmed
        (shown,) = platform.shown_to(USER)
        assert (shown.text, shown.finished) == ("年假按入职年限计算。", True)
        assert (platform.counts.late, list(platform.counts.violations)) == (0, [])
        assert set(bot.health().proofs) == {"callback", "message", "reply"}


async def test_a_repeated_message_gets_the_same_answer_and_one_turn() -> None:
    async with called_bot() as (platform, bot, desk):
        for _ in range(3):
            await platform.say(USER, "年假怎么休？", msg_id="m1")
        (message,) = desk.messages
        await bot.deliver(answer_to(message))
        assert len(platform.shown_to(USER)) == 1


async def test_what_cannot_be_kept_is_delivered_again() -> None:
    async with called_bot() as (platform, _, desk):
        desk.busy = 1
        said = await platform.say(USER, "年假怎么休？")
        assert (said.acknowledged, said.attempts, len(desk.messages)) == (True, 2, 1)


async def test_when_nobody_asks_any_more_the_answer_goes_out_once() -> None:
    async with called_bot() as (platform, bot, desk):
        platform.polls = False
        await platform.say(USER, "年假怎么休？")
        (message,) = desk.messages
        await bot.deliver(answer_to(message))
        _, late = platform.shown_to(USER)
        assert (late.text, late.pushed, late.feedback_id) == ("年假按入职年限计算。", True, turn_of(message))

        with pytest.raises(SendFailed) as failed:
            await bot.deliver(answer_to(message, "还有一句。", id="r-2"))
        assert failed.value.retry_after is None
        assert (platform.counts.late, list(platform.counts.violations)) == (1, [])


async def test_after_its_time_an_unfinished_answer_is_closed_and_comes_later() -> None:
    async with called_bot(stream_s=0.3) as (platform, bot, desk):
        await platform.say(USER, "年假怎么休？")
        (message,) = desk.messages
        await bot.show(draft_of(message, "年假"))
        await platform.wait_for(USER, lambda shown: shown[0].finished)
        assert platform.shown_to(USER)[0].text.startswith("年假\n\n（还在处理")
        with pytest.raises(SendFailed):
            await bot.show(draft_of(message, "年假按"))
        await bot.deliver(answer_to(message))
        assert [bubble.text for bubble in platform.shown_to(USER)][1:] == ["年假按入职年限计算。"]


async def test_an_answer_longer_than_a_stream_goes_on_in_the_late_one() -> None:
    text = "".join(f"第{n}条：员工入职满一年后享受年假，天数按工龄计算。" for n in range(1, 451))
    async with called_bot() as (platform, bot, desk):
        await platform.say(USER, "年假怎么休？")
        await bot.deliver(answer_to(desk.messages[0], text))
        assert "".join(bubble.text for bubble in platform.shown_to(USER)) == text
        assert list(platform.counts.violations) == []


async def test_another_process_of_the_installation_can_write_the_answer() -> None:
    store = temporary_store(SystemClock())
    async with called_bot(store=store) as (platform, _, desk):
        await platform.say(USER, "年假怎么休？")
        runner = WecomBot(
            "assistant", peer.callback_bot_settings(api_base=platform.api_base), clock=SystemClock(), store=store
        )
        await runner.start(Desk().receive, desk.rate, connects=True)
        try:
            await runner.show(draft_of(desk.messages[0], "年假"))
            await platform.wait_for(USER, lambda shown: shown[0].text == "年假")
            await runner.deliver(answer_to(desk.messages[0]))
        finally:
            await runner.stop()
        assert platform.shown_to(USER)[0].text == "年假按入职年限计算。"


async def test_a_response_url_that_leads_elsewhere_is_never_called() -> None:
    called = asyncio.Event()

    async def trap(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        called.set()
        writer.close()

    server = await asyncio.start_server(trap, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, called_bot() as (platform, bot, desk):
        platform.polls = False
        await platform.say(USER, "年假怎么休？", response_url=f"http://127.0.0.1:{port}/cgi-bin/aibot/response")
        (message,) = desk.messages
        assert "late" not in message.address
        with pytest.raises(SendFailed):
            await bot.deliver(answer_to(message, address={**message.address, "late": f"http://127.0.0.1:{port}/"}))
        assert not called.is_set()


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://qyapi.weixin.qq.com/cgi-bin/aibot/response?response_code=1", True),
        ("https://qyapi.weixin.qq.com:443/x", True),
        ("https://proxy.corp.example:8443/x", True),
        ("http://qyapi.weixin.qq.com/x", False),
        ("https://qyapi.weixin.qq.com.evil.example/x", False),
        ("https://qyapi.weixin.qq.com@evil.example/x", False),
        ("https://evil.example\\@qyapi.weixin.qq.com/x", False),
        ("https://proxy.corp.example/x", False),
        ("https://proxy.corp.example:8443@evil.example/", False),
        ("http://127.0.0.1:18789/x", False),
        ("http://169.254.169.254/latest", False),
        ("https://qyapi.weixin.qq.com:99999/x", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_only_the_platforms_own_addresses_are_called(url: str, allowed: bool) -> None:
    assert may_call(url, base="https://proxy.corp.example:8443/wecom") == allowed


async def test_events_are_answered_in_place() -> None:
    async with called_bot(welcome="您好，我是小智。") as (platform, bot, desk):
        await platform.enter(USER)
        assert [bubble.text for bubble in platform.shown_to(USER)] == ["您好，我是小智。"]

        await platform.say(USER, "年假怎么休？")
        await bot.deliver(answer_to(desk.messages[0]))
        answer = platform.shown_to(USER)[-1]
        desk.busy = 1
        assert (await platform.rate(USER, answer, 2, content="不对")).attempts == 2
        (rating,) = desk.ratings
        assert (rating.turn_id, rating.mark, rating.reason) == (turn_of(desk.messages[0]), "down", "不对")


async def test_a_forged_message_is_refused_and_not_answered() -> None:
    async with called_bot() as (platform, _, desk):
        assert await platform.forge(USER, "把库存清零") == 403
        assert (desk.messages, platform.shown_to(USER), platform.counts.forged_answered) == ([], [], 0)


@pytest.fixture
async def bot() -> AsyncIterator[tuple[WecomBot, Desk]]:
    desk, clock = Desk(), FixedClock()
    made = WecomBot("assistant", peer.callback_bot_settings(), clock=clock, store=temporary_store(clock))
    await made.start(desk.receive, desk.rate, connects=False)
    yield made, desk
    await made.stop()


async def test_wechatpy_reads_what_we_answer(bot: tuple[WecomBot, Desk]) -> None:
    channel, desk = bot
    answer = await channel.callback(peer.bot_callback(peer.bot_body()))
    told = peer.opened_by_wechatpy(answer)
    assert told["msgtype"] == "stream"
    assert (told["stream"]["finish"], told["stream"]["content"]) == (False, "正在查询…")
    (message,) = desk.messages
    assert message.address["stream"] == told["stream"]["id"]

    poll = peer.bot_callback({**peer.bot_body(), "msgtype": "stream", "stream": {"id": told["stream"]["id"]}})
    assert peer.opened_by_wechatpy(await channel.callback(poll))["stream"]["content"] == "正在查询…"


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        7,
        "text",
        {},
        {"msgtype": "text"},
        peer.bot_body(msgid=""),
        peer.bot_body(msgid="m" * 300),
        {**peer.bot_body(), "from": {"userid": ["a"]}},
        {**peer.bot_body(), "from": None},
        {**peer.bot_body(), "text": None},
        peer.bot_body(msgtype="event", event={"eventtype": "enter_chat"}) | {"event": []},
        {"msgtype": "stream", "stream": {"id": 3}},
        peer.bot_body(chattype="group"),
    ],
)
async def test_what_lacks_what_every_message_has_is_refused(bot: tuple[WecomBot, Desk], body: Any) -> None:
    channel, desk = bot
    assert await channel.callback(peer.bot_callback(body)) == REFUSED
    assert desk.messages == []


@pytest.mark.parametrize(
    "body", [b"{}", b'{"encrypt": 7}', b'{"encrypt": ""}', b"\xff", b"[" * 100_000, b'{"encrypt":']
)
async def test_what_is_no_envelope_is_refused(bot: tuple[WecomBot, Desk], body: bytes) -> None:
    channel, _ = bot
    request = CallbackRequest("POST", peer.query("x"), {}, body)
    assert await channel.callback(request) == REFUSED


async def test_messages_of_every_type_come_in(bot: tuple[WecomBot, Desk]) -> None:
    channel, desk = bot
    bodies = [
        {"msgtype": "image", "image": {"url": "https://media.example/1"}},
        {"msgtype": "voice", "voice": {"content": "年假怎么休"}},
        {"msgtype": "file", "file": {"url": "https://media.example/2", "filename": "合同.pdf"}},
        {"msgtype": "video", "video": {"url": "https://media.example/3"}},
        {
            "msgtype": "mixed",
            "mixed": {
                "msg_item": [
                    {"msgtype": "text", "text": {"content": "这是什么？"}},
                    {"msgtype": "image", "image": {"url": "https://media.example/4"}},
                    {"msgtype": "unheard-of"},
                ]
            },
        },
        {"msgtype": "hologram", "hologram": {}},
    ]
    for n, body in enumerate(bodies):
        base = {name: value for name, value in peer.bot_body(msgid=f"m{n}").items() if name != "text"}
        assert (await channel.callback(peer.bot_callback({**base, **body}))).status == 200
    seen = [(message.text, [(part.kind, part.text) for part in message.parts]) for message in desk.messages]
    assert seen == [
        ("", [("image", "")]),
        ("年假怎么休", [("voice", "年假怎么休")]),
        ("", [("file", "合同.pdf")]),
        ("", [("video", "")]),
        ("这是什么？", [("image", "")]),
        ("", [("card", "hologram")]),
    ]


async def test_in_a_group_without_the_bots_name_one_mention_at_an_end_is_taken_off(bot: tuple[WecomBot, Desk]) -> None:
    channel, desk = bot
    for n, text in enumerate(["@小智 年假怎么休？", "年假怎么休？ @小智", "@小智", "邮箱是 a@b.example 吗"]):
        body = peer.bot_body(text, msgid=f"m{n}", chattype="group", chatid="wr-1")
        await channel.callback(peer.bot_callback(body))
    assert [message.text for message in desk.messages] == [
        "年假怎么休？",
        "年假怎么休？",
        "@小智",
        "邮箱是 a@b.example 吗",
    ]


def test_what_we_seal_opens_with_the_other_sides_code() -> None:
    envelope = Envelope(token=Secret(peer.TOKEN), encoding_aes_key=Secret(peer.KEY), receive_id="")
    for size in range(70):
        message = json.dumps("智" * size).encode()
        encrypted, signature = envelope.seal(message, timestamp="1795328640", nonce="n")
        assert envelope.open(encrypted, signature=signature, timestamp="1795328640", nonce="n") == message
        assert peer.decrypted_by_wechatpy(encrypted).encode() == message


async def test_old_streams_are_not_answered_for_ever(bot: tuple[WecomBot, Desk]) -> None:
    clock = FixedClock()
    channel = WecomBot("assistant", peer.callback_bot_settings(), clock=clock, store=temporary_store(clock))
    desk = Desk()
    await channel.start(desk.receive, desk.rate, connects=False)
    told = peer.opened_by_wechatpy(await channel.callback(peer.bot_callback(peer.bot_body())))
    clock.advance(timedelta(seconds=331))
    poll = peer.bot_callback({**peer.bot_body(), "msgtype": "stream", "stream": {"id": told["stream"]["id"]}})
    assert peer.opened_by_wechatpy(await channel.callback(poll))["stream"]["finish"] is True
    await channel.stop()
