"""The official SDK against the simulated platform: whatever it understands, the platform speaks.

The channel is tested against the same simulation, so that both of them agree with the SDK.
"""

import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from ai_worker.demo.dingtalk import SimulatedDingtalk
from tests.channels.dingtalk.peer import CLIENT_ID, CLIENT_SECRET, GROUP, STAFF, TEMPLATE, platform

ROBOT = Path(__file__).with_name("sdk_robot.py")


@asynccontextmanager
async def sdk_robot(dingtalk: SimulatedDingtalk) -> AsyncIterator[None]:
    environment = {
        **os.environ,
        "DINGTALK_OPENAPI_ENDPOINT": dingtalk.base,
        "CLIENT_ID": CLIENT_ID,
        "CLIENT_SECRET": CLIENT_SECRET,
        "CARD_TEMPLATE": TEMPLATE,
    }
    process = await create_subprocess_exec(sys.executable, str(ROBOT), env=environment, stdout=PIPE, stderr=PIPE)
    try:
        await dingtalk.connected(timeout=30)
        yield
    finally:
        if process.returncode is None:
            process.kill()
        _, errors = await process.communicate()
        assert b"Traceback" not in errors, errors.decode()


async def test_the_sdk_receives_messages_and_answers_them() -> None:
    async with platform() as dingtalk, sdk_robot(dingtalk):
        said = await dingtalk.say(STAFF, "查库存")
        assert said.acknowledged
        assert (await dingtalk.reply_to(STAFF, after=said)).text == "收到：查库存"
        in_group = await dingtalk.say(STAFF, "查库存", group=GROUP)
        assert (await dingtalk.reply_to(GROUP, after=in_group)).text == "收到：查库存"


async def test_the_sdk_writes_a_card_and_hears_its_buttons() -> None:
    async with platform(card_template=TEMPLATE) as dingtalk, sdk_robot(dingtalk):
        assert (await dingtalk.say(STAFF, "卡片")).acknowledged
        (shown,) = dingtalk.shown_in(STAFF)
        card = dingtalk.card(shown.card)
        assert ([text for _, text in card.updates], card.finalized) == (["写到一半", "写完了。"], True)
        assert await dingtalk.press(shown.card, "up", staff=STAFF)
        assert card.params["thanks"] == f"{STAFF} up"
        assert list(dingtalk.counts.violations) == []


async def test_the_sdk_answers_pings_and_comes_back_after_a_rotation() -> None:
    async with platform(ping_s=0.1, cut_s=0.5) as dingtalk, sdk_robot(dingtalk):
        await dingtalk.gateway.rotate()
        await dingtalk.connected(timeout=20)
        said = await dingtalk.say(STAFF, "还在吗")
        assert (await dingtalk.reply_to(STAFF, after=said)).text == "收到：还在吗"
        assert (dingtalk.counts.ticket_reuses, dingtalk.counts.missed_deadlines) == (0, 0)
        assert not [words for words in dingtalk.counts.violations if "ping" in words]
