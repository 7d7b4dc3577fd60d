"""The simulated AI-bot platform is as strict as the real one: it is what our own proofs rest on."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from ai_worker.demo.wecom_bot import SimulatedBotGateway

USER = "linxiaoyan"
SECRET = "wK3v9s-Yq8mZt1LrXc5bNf7hJd2gPa6e"


class Client:
    """A bot of a few lines that does as it is told."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self._sent = 0

    async def ask(self, cmd: str, body: Any = None, *, req_id: str = "") -> int:
        """Send a frame; return the answer's errcode."""
        self._sent += 1
        id = req_id or f"r{self._sent}"
        await self.socket.send_json({"cmd": cmd, "headers": {"req_id": id}, "body": body})
        while True:
            frame = await self.socket.receive_json(timeout=5)
            if "cmd" not in frame and frame["headers"]["req_id"] == id:
                return int(frame["errcode"])

    async def subscribe(self, *, bot_id: str = "aib-1", secret: str = SECRET) -> int:
        return await self.ask("aibot_subscribe", {"bot_id": bot_id, "secret": secret})

    async def stream(self, req_id: str, text: str, *, id: str = "s1", finish: bool = False, **more: Any) -> int:
        stream = {"id": id, "finish": finish, "content": text, **more}
        return await self.ask("aibot_respond_msg", {"msgtype": "stream", "stream": stream}, req_id=req_id)

    async def push(self, user: str, text: str) -> int:
        body = {"chatid": user, "chat_type": 1, "msgtype": "markdown", "markdown": {"content": text}}
        return await self.ask("aibot_send_msg", body)


@pytest.fixture
async def platform() -> AsyncIterator[SimulatedBotGateway]:
    async with SimulatedBotGateway(bot_id="aib-1", secret=SECRET, stream_s=0.5, deadline_s=0.3) as opened:
        yield opened


@pytest.fixture
async def client(platform: SimulatedBotGateway) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session, session.ws_connect(platform.ws_url) as socket:
        yield Client(socket)


async def test_only_the_bot_itself_is_let_in(platform: SimulatedBotGateway, client: Client) -> None:
    assert await client.ask("ping") == 846609
    assert await client.subscribe(bot_id="aib-2") == 93019
    assert await client.subscribe(secret="wrong") == 853000
    assert await client.subscribe() == 0
    assert await client.ask("ping") == 0


async def test_a_second_connection_ends_the_first(platform: SimulatedBotGateway, client: Client) -> None:
    await client.subscribe()
    async with aiohttp.ClientSession() as session, session.ws_connect(platform.ws_url) as socket:
        await Client(socket).subscribe()
        event = await client.socket.receive_json(timeout=5)
        assert event["body"]["event"]["eventtype"] == "disconnected_event"
        assert (await client.socket.receive(timeout=5)).type is aiohttp.WSMsgType.CLOSE


async def test_streams_have_their_rules(platform: SimulatedBotGateway, client: Client) -> None:
    await client.subscribe()
    said = await platform.say(USER, "在吗")
    assert await client.stream("another", "在") == 846605
    assert await client.stream(said.req_id, "在") == 0
    assert await client.stream(said.req_id, "x" * 20_481) == 40058
    assert await client.stream(said.req_id, "在的", finish=True) == 0
    assert await client.stream(said.req_id, "再来") == 846608
    assert await client.stream(said.req_id, "一", id="s2") == 0
    await asyncio.sleep(0.6)
    assert await client.stream(said.req_id, "二", id="s2") == 846608
    assert list(platform.counts.violations) == ["a stream of 20481 bytes"]


async def test_a_fourth_answer_in_progress_is_refused(platform: SimulatedBotGateway, client: Client) -> None:
    await client.subscribe()
    said = await platform.say(USER, "在吗")
    assert [await client.stream(said.req_id, "在", id=f"s{n}") for n in range(4)] == [0, 0, 0, 45009]
    assert len(platform.counts.violations) == 1


async def test_the_thirty_first_message_of_a_minute_is_refused(platform: SimulatedBotGateway, client: Client) -> None:
    await client.subscribe()
    await platform.say(USER, "在吗")
    assert await client.push("stranger", "您好") == 40058
    assert [await client.push(USER, f"{n}") for n in range(31)] == [0] * 30 + [45009]
    assert len(platform.shown_to(USER)) == 30


async def test_a_welcome_that_comes_late_is_missed(platform: SimulatedBotGateway, client: Client) -> None:
    await client.subscribe()
    entered = await platform.enter(USER)
    await asyncio.sleep(0.4)
    welcome = {"msgtype": "text", "text": {"content": "您好"}}
    assert await client.ask("aibot_respond_welcome_msg", welcome, req_id=entered.req_id) == 846605
    assert platform.counts.missed_deadlines == 1


async def test_frames_that_overtake_one_another_are_reported(platform: SimulatedBotGateway, client: Client) -> None:
    await client.subscribe()
    said = await platform.say(USER, "在吗")
    platform.answer_after_s = 0.1
    for text in ("一", "二"):
        body = {"msgtype": "stream", "stream": {"id": "s1", "finish": False, "content": text}}
        await client.socket.send_json({"cmd": "aibot_respond_msg", "headers": {"req_id": said.req_id}, "body": body})
    await asyncio.sleep(0.3)
    assert len(platform.counts.violations) == 1


async def test_what_is_said_while_nobody_is_connected_is_never_delivered(platform: SimulatedBotGateway) -> None:
    assert not (await platform.say(USER, "在吗")).delivered
    assert platform.counts.undelivered == 1
