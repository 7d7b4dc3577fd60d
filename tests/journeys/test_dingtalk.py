"""The real service on the simulated DingTalk: an answer grows on a card, and survives a kill -9 in its middle."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ai_worker.demo.dingtalk import SimulatedDingtalk
from ai_worker.drills.scratch import open_model
from ai_worker.drills.site import Site
from ai_worker.llm.scripted import ScriptedModel

pytestmark = pytest.mark.slow

STAFF, TEMPLATE = "linxiaoyan", "card.schema"
LONG = "".join(f"第{n}步：打开退货页面，核对第{n}项内容，确认无误后再继续。" for n in range(1, 13))


def settings(model: ScriptedModel, dingtalk: SimulatedDingtalk, *, template: str = TEMPLATE) -> str:
    return f"""{open_model(model.base_url)}
[channels.desk]
kind = "dingtalk"
client_id = "dingjourney"
client_secret = "journey-secret"
card_template_id = {json.dumps(template)}
api_base = "{dingtalk.base}"
oapi_base = "{dingtalk.base}"
"""


def simulated() -> SimulatedDingtalk:
    return SimulatedDingtalk(client_id="dingjourney", client_secret="journey-secret", card_template=TEMPLATE)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(40):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_long_answer_grows_on_a_card_and_ends_complete(tmp_path: Path) -> None:
    async with (
        simulated() as dingtalk,
        ScriptedModel(LONG, piece=6, between_s=0.05) as model,
        Site(tmp_path, settings(model, dingtalk)) as site,
    ):
        await site.start()
        await dingtalk.connected(timeout=20)
        said = await dingtalk.say(STAFF, "怎么退货？请把每一步都写出来。")
        assert said.acknowledged
        (shown,) = await dingtalk.replies_to(STAFF, 1, after=said, timeout=40)
        card = dingtalk.card(shown.card)
        assert (shown.text, card.finished, card.finalized) == (LONG, True, True)
        assert len(card.updates) > 2
        assert all(LONG.startswith(text) for _, text in card.updates)
        assert card.params["rateable"] == "true"

        assert await dingtalk.press(shown.card, "up", staff=STAFF)
        assert "感谢" in card.params["thanks"]
        assert (len(dingtalk.shown_in(STAFF)), list(dingtalk.counts.violations)) == (1, [])
        assert await site.stop() == 0


async def test_a_card_that_a_kill_interrupts_is_ended_after_the_restart(tmp_path: Path) -> None:
    async with (
        simulated() as dingtalk,
        ScriptedModel(LONG, piece=6, between_s=0.1) as model,
        Site(tmp_path, settings(model, dingtalk)) as site,
    ):
        await site.start()
        await dingtalk.connected(timeout=20)
        said = await dingtalk.say(STAFF, "怎么退货？请把每一步都写出来。")
        await until(lambda: dingtalk.api.desk.cards and next(iter(dingtalk.api.desk.cards.values())).updates)
        await site.kill()
        (card,) = dingtalk.api.desk.cards.values()
        assert not card.finished

        await site.start()
        (shown,) = await dingtalk.replies_to(STAFF, 1, after=said, timeout=60)
        assert (shown.text, card.finished) == (LONG, True)
        assert (len(dingtalk.api.desk.cards), len(dingtalk.shown_in(STAFF))) == (1, 1)
        assert await site.stop() == 0


async def test_without_a_template_the_answer_is_markdown(tmp_path: Path) -> None:
    async with (
        simulated() as dingtalk,
        ScriptedModel("一般三个工作日内到账。") as model,
        Site(tmp_path, settings(model, dingtalk, template="")) as site,
    ):
        await site.start()
        await dingtalk.connected(timeout=20)
        said = await dingtalk.say(STAFF, "退款多久到账？", group="cidDesk==")
        reply = await dingtalk.reply_to("cidDesk==", after=said, timeout=30)
        assert ("一般三个工作日内到账。" in reply.text, reply.mentions) == (True, (STAFF,))
        assert await site.stop() == 0
