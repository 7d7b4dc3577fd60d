"""The real service at Feishu: who somebody is comes from the platform's directory, beside the conversation."""

import asyncio
from pathlib import Path

import pytest

from ai_worker.demo.feishu import SimulatedFeishu
from ai_worker.drills.scratch import open_model
from ai_worker.drills.site import Site
from ai_worker.llm.scripted import Asked, ScriptedModel
from tests.channels.feishu.peer import APP, GROUP, SECRET, platform

pytestmark = pytest.mark.slow


async def test_after_the_first_message_the_worker_knows_whom_it_talks_to_and_tells_it_to_nobody_else(
    tmp_path: Path,
) -> None:
    def answer(_asked: Asked) -> str:
        return "好的，我记下了。"

    async with platform() as at, ScriptedModel(answer) as model:
        told = {"kind": "feishu", "app_id": APP, "app_secret": SECRET, "base_url": at.base_url}
        settings = "[channels.front-desk]\n" + "".join(f'{key} = "{value}"\n' for key, value in told.items())
        settings += 'group_answer = "all"\n'
        at.api.people |= {"ou_a": ("林晓燕", "客户服务部"), "ou_b": ("赵倩", "财务部")}
        async with Site(tmp_path, open_model(model.base_url) + settings) as site:
            await site.start()
            await at.gateway.until_pinged()

            await at.say("ou_a", "我下周一开始休假")
            await _until_told(at, model, "ou_a", "提问者：林晓燕，客户服务部。")

            await at.say("ou_a", "周五团建去怀柔", group=GROUP)
            await _until_told(at, model, "ou_b", "提问者：赵倩，财务部。", group=GROUP)
            in_group = _prompt(model.asked[-1])
            assert "林晓燕：周五团建去怀柔" in in_group
            assert "客户服务部" not in in_group
            assert "休假" not in in_group
            assert await site.stop() == 0


async def _until_told(at: SimulatedFeishu, model: ScriptedModel, who: str, words: str, *, group: str = "") -> None:
    """Let somebody go on talking until the model is told who they are."""
    for n in range(20):
        before = len(model.asked)
        await at.say(who, f"再登记一件事，第 {n} 件", group=group)
        async with asyncio.timeout(20):
            while len(model.asked) == before:
                await asyncio.sleep(0.02)
        if words in _prompt(model.asked[-1]):
            return
        await asyncio.sleep(0.3)
    raise AssertionError(f"the model was never told {words}")


def _prompt(asked: Asked) -> str:
    return "\n".join(str(message["content"]) for message in asked.messages)
