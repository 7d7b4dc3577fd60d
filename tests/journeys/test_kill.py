"""kill -9 of the real service, with messages accepted and unanswered: every one is answered once."""

import asyncio
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.scratch import CHANNEL, WecomApplication, open_model
from ai_worker.drills.site import Site
from ai_worker.llm.scripted import Asked, ScriptedModel

pytestmark = pytest.mark.slow

DESK = WecomApplication()
NUMBER = re.compile(r"编号 (\d+)")


def _echo(asked: Asked) -> str:
    return f"收到，编号 {NUMBER.findall(asked.last)[-1]}，已经登记。"


def _answered(platform: SimulatedWecom, users: list[str]) -> Counter[str]:
    return Counter(
        number for user in users for shown in platform.shown_to(user) for number in NUMBER.findall(shown.text)
    )


async def _all_answered(platform: SimulatedWecom, users: list[str], expected: set[str], seconds: float) -> Counter[str]:
    """Return how often each number was answered, once all expected ones were (others may be); else raise in time."""
    async with asyncio.timeout(seconds):
        while not expected <= set(_answered(platform, users)):
            await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)  # a second reply would come about now
    return _answered(platform, users)


async def test_messages_accepted_before_a_kill_are_answered_once_after_the_restart(tmp_path: Path) -> None:
    users = [f"u{n}" for n in range(40)]
    async with DESK.platform() as platform, ScriptedModel(_echo, delay_s=2.0) as model:
        settings = open_model(model.base_url) + DESK.settings(platform.api_base)
        async with Site(tmp_path, settings) as site:
            platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"
            await site.start()
            said = await asyncio.gather(
                *(platform.say(user, f"请登记，编号 {2 * n + k}") for n, user in enumerate(users) for k in (0, 1))
            )
            assert all(one.acknowledged for one in said)
            assert not _answered(platform, users)

            await site.kill()
            model.delay_s = 0.0
            await site.start()
            answered = await _all_answered(platform, users, {str(number) for number in range(80)}, seconds=30)

            assert answered == Counter({str(number): 1 for number in range(80)})
            assert await site.stop() == 0


async def test_kills_at_random_moments_lose_and_double_nothing(tmp_path: Path) -> None:
    chance = random.Random(20261122)
    users = [f"u{n}" for n in range(25)]
    acknowledged: set[str] = set()
    async with DESK.platform() as platform, ScriptedModel(_echo, delay_s=0.05) as model:
        settings = open_model(model.base_url) + DESK.settings(platform.api_base)
        async with Site(tmp_path, settings) as site:
            platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"
            for round_number in range(4):
                await site.start()
                numbers = range(round_number * 100, round_number * 100 + 100)
                sending = [
                    asyncio.ensure_future(platform.say(users[number % 25], f"请登记，编号 {number}"))
                    for number in numbers
                ]
                await asyncio.sleep(chance.uniform(0.05, 0.6))
                await site.kill()
                for number, one in zip(numbers, await asyncio.gather(*sending), strict=True):
                    if one.acknowledged:
                        acknowledged.add(str(number))
            await site.start()
            answered = await _all_answered(platform, users, acknowledged, seconds=40)

            assert acknowledged
            assert acknowledged <= set(answered)
            assert {number: times for number, times in answered.items() if times > 1} == {}


async def test_messages_of_the_api_survive_a_kill(tmp_path: Path) -> None:
    async with ScriptedModel(_echo, delay_s=2.0) as model, Site(tmp_path, open_model(model.base_url)) as site:
        await site.start()
        turns = []
        for number in range(20):
            message = {"message_id": f"m{number}", "conversation_id": f"c{number % 5}", "contact": "crm"}
            status, accepted = await site.post("/api/v1/messages", {**message, "text": f"请登记，编号 {number}"})
            assert status == 202
            turns.append(accepted["turn_id"])

        await site.kill()
        model.delay_s = 0.0
        await site.start()

        for number, turn_id in enumerate(turns):
            async with asyncio.timeout(20):
                while (turn := (await site.get(f"/api/v1/turns/{turn_id}"))[1])["status"] != "done":
                    await asyncio.sleep(0.05)
            assert f"编号 {number}" in turn["text"]


async def test_what_was_answered_before_a_kill_is_answered_alike_after_it(tmp_path: Path) -> None:
    async with ScriptedModel(_echo) as model, Site(tmp_path, open_model(model.base_url)) as site:
        answered: dict[int, bytes] = {}

        async def send(number: int, text: str = "请登记") -> tuple[int, bytes]:
            names = {"message_id": f"m-{number}", "conversation_id": f"c-{number}", "contact": "wang-fang"}
            body = {**names, "text": f"{text}，编号 {number}"}
            headers = {"Idempotency-Key": f"key-{number}"}
            async with site.client.post("/api/v1/messages", json=body, headers=headers) as answer:
                return answer.status, await answer.read()

        async def first(number: int) -> None:
            status, body = await send(number)
            assert status == 202
            answered[number] = body

        await site.start()
        sending = [asyncio.create_task(first(number)) for number in range(100)]
        while len(answered) < 30:
            await asyncio.sleep(0)
        await site.kill()
        await asyncio.gather(*sending, return_exceptions=True)
        await site.start()
        again = await asyncio.gather(*(send(number) for number in range(100)))
        others = await asyncio.gather(*(send(number, "请取消") for number in range(100)))

        assert {status for status, _ in again} == {202}
        assert {number: again[number][1] for number in answered} == answered
        assert len({body for _, body in again}) == 100
        assert {status for status, _ in others} == {422}
