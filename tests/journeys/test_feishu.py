"""The real service at Feishu, over its long connection: answers that grow, and a kill -9 in their middle."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ai_worker.demo.feishu import BOT, SimulatedFeishu
from ai_worker.drills.scratch import open_model
from ai_worker.drills.site import Site
from ai_worker.llm.scripted import Asked, ScriptedModel
from tests.channels.feishu.peer import APP, GROUP, KEY, SECRET, TOKEN, message_event, platform, request

pytestmark = pytest.mark.slow

NUMBER = re.compile(r"编号 (\d+)")


def _echo(asked: Asked) -> str:
    number = NUMBER.findall(asked.last)[-1]
    return f"您好，已经收到您的登记，编号 {number}。" + "同事会在一个工作日内与您联系，请保持电话畅通。" * 3


def _settings(at: SimulatedFeishu) -> str:
    told = {"kind": "feishu", "app_id": APP, "app_secret": SECRET, "base_url": at.base_url}
    return "[channels.front-desk]\n" + "".join(f'{key} = "{value}"\n' for key, value in told.items())


@asynccontextmanager
async def _house(folder: Path, *, between_s: float = 0.0) -> AsyncIterator[tuple[Site, SimulatedFeishu]]:
    async with (
        platform(repush_s=1.0) as at,
        ScriptedModel(_echo, piece=6, between_s=between_s) as model,
        Site(folder, open_model(model.base_url) + _settings(at)) as site,
    ):
        await site.start()
        await at.gateway.until_pinged()
        yield site, at


async def test_an_answer_grows_in_its_card_and_in_a_group_only_who_mentions_us_is_answered(tmp_path: Path) -> None:
    async with _house(tmp_path, between_s=0.1) as (site, at):
        at.api.people["ou_a"] = ("林晓燕", "客户服务部")
        assert (await at.say("ou_a", "请登记，编号 1")).acknowledged
        card = await at.reply_to("ou_a", timeout=20)
        await _until(lambda: not card.streaming)
        assert card.text == _echo_of(1)
        assert len(card.versions) > 3
        assert all(card.text.startswith(version) for version in card.versions)

        await at.say("ou_b", "大家好，编号 2", group=GROUP)
        await at.say("ou_b", "请登记，编号 3", group=GROUP, mentions=[BOT])
        reply = await at.reply_to(GROUP, timeout=20)
        await _until(lambda: not reply.streaming)
        assert reply.text == f"<at id=ou_b></at> {_echo_of(3)}"
        assert len(at.shown_to(GROUP)) == 1
        assert list(at.counts.violations) == []
        assert await site.stop() == 0


async def test_callbacks_come_in_through_the_real_door_and_forged_ones_do_not(tmp_path: Path) -> None:
    async with platform() as at, ScriptedModel(_echo) as model:
        keys = f'mode = "webhook"\nencrypt_key = "{KEY}"\nverification_token = "{TOKEN}"\n'
        async with Site(tmp_path, open_model(model.base_url) + _settings(at) + keys) as site:
            await site.start()
            at.callback_url = f"{site.url}/channels/front-desk/callback"
            assert await at.verify_url()
            for _ in range(2):  # the platform was not sure that the first had arrived
                assert (await at.say("ou_a", "请登记，编号 7", message_id="om_7")).acknowledged
            card = await at.reply_to("ou_a", timeout=20)
            await _until(lambda: not card.streaming)
            assert (card.text, len(at.shown_to("ou_a"))) == (_echo_of(7), 1)
            forged = request(message_event("请登记，编号 8"), key="another key")
            async with site.client.post(
                "/channels/front-desk/callback", data=forged.body, headers=dict(forged.headers)
            ) as answer:
                assert (answer.status, await answer.read()) == (403, b"refused")


async def test_a_kill_in_the_middle_of_growing_answers_leaves_each_once_and_whole(tmp_path: Path) -> None:
    people = [f"ou_{number:02}" for number in range(12)]
    async with _house(tmp_path, between_s=0.1) as (site, at):
        for kills in range(3):
            said = await asyncio.gather(
                *(at.say(who, f"请登记，编号 {kills * 100 + n}") for n, who in enumerate(people))
            )
            assert all(one.acknowledged for one in said)
            await _until(lambda: any(shown.streaming for who in people for shown in at.shown_to(who)))
            await site.kill()
            await site.start()
        await _until(lambda: len(_answered(at, people)) == 36 and not _streaming(at, people), seconds=60)
        await asyncio.sleep(1.0)  # a second reply would come about now
        assert _answered(at, people) == Counter({kills * 100 + n: 1 for kills in range(3) for n in range(12)})
        assert _streaming(at, people) == []
        assert list(at.counts.violations) == []


def _echo_of(number: int) -> str:
    return f"您好，已经收到您的登记，编号 {number}。" + "同事会在一个工作日内与您联系，请保持电话畅通。" * 3


def _answered(at: SimulatedFeishu, people: list[str]) -> Counter[int]:
    whole = [shown.text for who in people for shown in at.shown_to(who) if shown.text.count("电话畅通") == 3]
    return Counter(int(number) for text in whole for number in NUMBER.findall(text))


def _streaming(at: SimulatedFeishu, people: list[str]) -> list[str]:
    return [shown.text for who in people for shown in at.shown_to(who) if shown.streaming]


async def _until(true: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)
