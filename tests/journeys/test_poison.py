"""A message that crashes its handler every time: a visible dead letter, and the conversation goes on."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from ai_worker.drills.site import SiteFailed
from ai_worker.pipeline.recorder import MAX_ATTEMPTS
from tests.drills.broken import broken
from tests.journeys.talking import house

pytestmark = pytest.mark.slow

CRASHES = (
    "conversation/engine.py",
    "        trace = Trace(self._clock)\n",
    """        if "毒" in given.message.text:
            raise ZeroDivisionError
        trace = Trace(self._clock)
""",
)
"""A defect that one message meets."""


async def test_a_message_that_crashes_its_turn_is_given_up_and_the_next_is_answered(tmp_path: Path) -> None:
    environ = broken(tmp_path / "broken", CRASHES)
    async with house(tmp_path, environ=environ) as home:
        await home.site.start()
        assert (await home.platform.say("linxiaoyan", "毒")).acknowledged
        said = await home.platform.say("linxiaoyan", "请登记，编号 1")
        other = await home.platform.say("zhoujianguo", "请登记，编号 2")

        assert "编号 2" in (await home.platform.reply_to("zhoujianguo", after=other)).text
        reply = await home.platform.reply_to("linxiaoyan", after=said, timeout=60)

        assert "编号 1" in reply.text
        log = home.site.log()
        assert log.count('"runner.turn_failed"') == MAX_ATTEMPTS
        assert log.count('"runner.dead_letter"') == 1


async def test_a_message_that_kills_the_process_is_given_up_too(tmp_path: Path) -> None:
    crash = (CRASHES[0], CRASHES[1], CRASHES[2].replace("raise ZeroDivisionError", "__import__('os').abort()"))
    environ = broken(tmp_path / "broken", crash)
    async with house(tmp_path, environ=environ) as home:
        await home.site.start()
        await home.platform.say("linxiaoyan", "毒")
        deaths = 0
        while deaths < MAX_ATTEMPTS:
            await asyncio.wait_for(home.site.process.wait(), 30)
            deaths += 1
            with suppress(SiteFailed):  # it dies before it can say that it is ready
                await home.site.start()

        again = await home.platform.say("linxiaoyan", "请登记，编号 1", msg_id="1")
        while not again.acknowledged:
            again = await home.platform.say("linxiaoyan", "请登记，编号 1", msg_id="1")
        assert "编号 1" in (await home.platform.reply_to("linxiaoyan", after=again, timeout=30)).text
        assert home.site.process.returncode is None
