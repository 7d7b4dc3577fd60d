"""The real service as an AI bot of the simulated WeCom: answers grow, and are whole whatever happens in between."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ai_worker.demo.wecom_bot import SimulatedBotGateway
from ai_worker.drills.scratch import open_model
from ai_worker.drills.site import Site
from ai_worker.llm.scripted import Asked, Say, ScriptedModel
from tests.postgres import shared_server

pytestmark = pytest.mark.slow

USER = "linxiaoyan"
LONG = "".join(f"第{n}步：打开退货页面，核对第{n}项内容，确认无误后再继续。" for n in range(1, 13))


def settings(model: ScriptedModel, gateway: SimulatedBotGateway) -> str:
    return f"""{open_model(model.base_url)}
[channels.desk]
kind = "wecom-bot"
bot_id = "aib-journey"
secret = "journey-secret"
ws_url = "{gateway.ws_url}"
"""


def simulated() -> SimulatedBotGateway:
    return SimulatedBotGateway(bot_id="aib-journey", secret="journey-secret")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(40):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_long_answer_grows_in_its_bubble_and_ends_complete(tmp_path: Path) -> None:
    async with (
        simulated() as gateway,
        ScriptedModel(LONG, piece=6, between_s=0.05) as model,
        Site(tmp_path, settings(model, gateway)) as site,
    ):
        await site.start()
        await gateway.connected(within_s=20)
        said = await gateway.say(USER, "怎么退货？请把每一步都写出来。")
        early: list[str] = []

        def grown() -> bool:
            shown = gateway.shown_to(USER, after=said)
            if shown and not shown[0].finished and shown[0].text not in early:
                early.append(shown[0].text)
            return bool(shown) and shown[0].finished

        await until(grown)
        (bubble,) = gateway.shown_to(USER, after=said)
        assert (bubble.text, bubble.msgtype, bubble.finished) == (LONG, "stream", True)
        assert len(early) > 2
        assert all(LONG.startswith(text) for text in early)
        assert list(gateway.counts.violations) == []
        assert await site.stop() == 0


async def test_a_kill_in_the_middle_of_an_answer_does_not_lose_it(tmp_path: Path) -> None:
    async with (
        simulated() as gateway,
        ScriptedModel(LONG, piece=6, between_s=0.1) as model,
        Site(tmp_path, settings(model, gateway)) as site,
    ):
        await site.start()
        await gateway.connected(within_s=20)
        said = await gateway.say(USER, "怎么退货？请把每一步都写出来。")
        await until(lambda: gateway.shown_to(USER, after=said))
        await site.kill()
        assert [bubble.finished for bubble in gateway.shown_to(USER, after=said)] == [False]

        await site.start()
        whole = await gateway.reply_to(USER, after=said, within_s=60)
        assert whole.text == LONG, "the old connection's stream cannot be ended on another: the answer is pushed"
        await asyncio.sleep(1.0)
        assert [bubble.text for bubble in gateway.shown_to(USER, after=said) if bubble.finished] == [LONG]
        assert list(gateway.counts.violations) == []
        assert await site.stop() == 0


def echo(asked: Asked) -> Say:
    return Say(f"收到：{asked.last}", delay_s=0.2)


async def test_of_two_nodes_one_has_the_connection_and_the_other_takes_it_over(tmp_path: Path) -> None:
    async with simulated() as gateway, ScriptedModel(echo) as model, AsyncExitStack() as stack:
        url, sites = shared_server().url(), list[Site]()
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            site = Site(tmp_path / name, settings(model, gateway), storage_url=url)
            sites.append(await stack.enter_async_context(site))
            await site.start()
        await gateway.connected(within_s=20)

        users = [f"member-{number}" for number in range(12)]
        first = [await gateway.say(user, "第一问") for user in users]  # worked on by both, sent by one
        for user, said in zip(users, first, strict=True):
            assert (await gateway.reply_to(user, after=said, within_s=20)).text.startswith("收到")
        assert gateway.counts.subscribes == 1, "the other node leaves the connection alone"

        await asyncio.sleep(1.0)  # what was shown is recorded as shown: WeCom recognises no push that is sent again
        await sites[0].kill()  # it came first, and so has the connection
        await until(lambda: gateway.counts.subscribes == 2)
        second = [await gateway.say(user, "第二问") for user in users]
        for user, said in zip(users, second, strict=True):
            assert (await gateway.reply_to(user, after=said, within_s=30)).text.startswith("收到")

        assert [len(gateway.shown_to(user)) for user in users] == [2] * len(users)
        assert list(gateway.counts.violations) == []
        assert await sites[1].stop() == 0
