"""With the model dead, slow or coming back: approved knowledge answers, and what needs the model comes later."""

import asyncio
import socket
from pathlib import Path

import pytest

from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.scratch import CHANNEL, WecomApplication, open_model
from ai_worker.drills.site import Site, free_port
from ai_worker.llm.scripted import ScriptedModel

pytestmark = pytest.mark.slow

DESK = WecomApplication()
FAQ = """id,question,aliases,answer
leave-annual,年假有几天,年休假多少天|一年能休几天年假,入职满一年后每年有 5 天年假。
invoice-title,怎么修改发票抬头,发票抬头写错了怎么办,发票开出 30 天内可以在订单页申请重开。
"""


async def _open(site: Site, platform: SimulatedWecom) -> None:
    faq = site.folder / "faq.csv"
    faq.write_text(FAQ, encoding="utf-8")
    code, out, err = await site.command("knowledge", "add", str(faq), "--json")
    assert code == 0, out + err
    platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"
    await site.start()


async def _ask(platform: SimulatedWecom, user: str, text: str) -> str:
    said = await platform.say(user, text)
    return (await platform.reply_to(user, after=said, timeout=2)).text


async def test_approved_answers_do_not_wait_for_a_model_that_refuses_connections(tmp_path: Path) -> None:
    async with DESK.platform() as platform:
        settings = open_model(f"http://127.0.0.1:{free_port()}/v1") + DESK.settings(platform.api_base)
        async with Site(tmp_path, settings) as site:
            await _open(site, platform)

            assert "每年有 5 天年假" in await _ask(platform, "linxiaoyan", "年假有几天？")
            assert "申请重开" in await _ask(platform, "zhoujianguo", "发票抬头写错了怎么办")


async def test_approved_answers_do_not_wait_for_a_model_that_never_answers(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as black_hole:
        async with DESK.platform() as platform:
            settings = open_model(f"http://127.0.0.1:{black_hole.getsockname()[1]}/v1") + DESK.settings(
                platform.api_base
            )
            async with Site(tmp_path, settings) as site:
                await _open(site, platform)

                assert "每年有 5 天年假" in await _ask(platform, "linxiaoyan", "一年能休几天年假")


async def test_what_is_held_blocks_nothing_and_is_answered_when_the_model_is_back_even_after_a_kill(
    tmp_path: Path,
) -> None:
    port, who = free_port(), "wuming"
    async with DESK.platform() as platform:
        settings = open_model(f"http://127.0.0.1:{port}/v1") + DESK.settings(platform.api_base)
        async with Site(tmp_path, settings) as site:
            await _open(site, platform)
            first = await platform.say(who, "帮我写一句给客户的新年祝福")
            await platform.replies_to(who, 1, after=first, timeout=30)
            await platform.say(who, "年假有几天？")
            await platform.replies_to(who, 2, after=first, timeout=30)
            await platform.say(who, "再写一句给同事的")
            await platform.replies_to(who, 3, after=first, timeout=30)

            await site.kill()
            await site.start()
            await platform.say(who, "发票抬头写错了怎么办")
            await platform.replies_to(who, 4, after=first, timeout=30)
            async with ScriptedModel(lambda asked: "祝客户" if "给客户" in asked.last else "祝同事", port=port):
                await platform.replies_to(who, 6, after=first, timeout=60)
            assert await site.stop() == 0

            shown = [one.text for one in platform.shown_to(who, after=first)]
            wanted = ("还在处理", "5 天年假", "还在处理", "申请重开", "祝客户", "祝同事")
            assert all(words in text for words, text in zip(wanted, shown, strict=True)), shown
            assert "关于您刚才问的“帮我写一句给客户的新年祝福”" in shown[4]
            assert "关于您刚才问的“再写一句给同事的”" in shown[5]


async def test_what_needs_the_model_is_held_and_answered_once_when_it_is_back(tmp_path: Path) -> None:
    port = free_port()
    async with DESK.platform() as platform:
        settings = open_model(f"http://127.0.0.1:{port}/v1") + DESK.settings(platform.api_base)
        async with Site(tmp_path, settings) as site:
            await _open(site, platform)
            said = await platform.say("wuming", "帮我写一句给客户的新年祝福")
            notice = await platform.reply_to("wuming", after=said, timeout=15)

            async with ScriptedModel("祝您新年顺遂，生意兴隆。", port=port):
                shown = await platform.replies_to("wuming", 2, after=said, timeout=60)
                await asyncio.sleep(1.0)

            assert "新年顺遂" not in notice.text
            assert [one.text for one in shown[1:]] == ["祝您新年顺遂，生意兴隆。"]
            assert len(platform.shown_to("wuming", after=said)) == 2
