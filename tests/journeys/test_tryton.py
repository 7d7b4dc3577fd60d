"""A contact of WeCom and a real ERP: an order is looked up and its address changed, with and without a model."""

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from ai_worker.demo.wecom import Said, SimulatedWecom
from ai_worker.drills.scratch import CHANNEL, WecomApplication
from ai_worker.drills.site import Site
from ai_worker.llm.scripted import Asked, Call, Say, ScriptedModel
from tests.console.reading import csrf_of, page_of, words
from tests.tryton.peer import Tryton

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EXAMPLE = Path(__file__).parents[2] / "examples" / "connectors" / "tryton"
DESK = WecomApplication()
ROSTER = f"""
[workers.xiaozhi]
merge_window_ms = 0
[[handoff.people]]
name = "李娜"
channel = "{CHANNEL}"
contact = "li-na"
"""
FAQ = "id,question,aliases,answer\nreturns,怎么退货,如何退货,收到货 7 天内在“我的订单”里申请售后。\n"
WANG, LI = "wang-fang", "li-na"
NEW = "武汉市洪山区珞喻路 1 号"


@asynccontextmanager
async def office(
    folder: Path, tryton: Tryton, more: str = "", *, colleague: bool = False
) -> AsyncIterator[tuple[Site, SimulatedWecom]]:
    async with (
        DESK.platform() as platform,
        Site(folder, DESK.settings(platform.api_base) + ROSTER + more, tryton.environment()) as site,
    ):
        home = folder / "connectors" / "tryton"
        shutil.copytree(EXAMPLE, home)
        if colleague:
            text = (home / "connector.toml").read_text("utf-8")
            (home / "connector.toml").write_text(text.replace('approval = "asker"', 'approval = "colleague"'), "utf-8")
        (folder / "faq.csv").write_text(FAQ, encoding="utf-8")
        assert (await site.command("knowledge", "add", str(folder / "faq.csv")))[0] == 0
        platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"
        await site.start()
        yield site, platform


async def ask(platform: SimulatedWecom, text: str, *, who: str = WANG) -> str:
    said = await platform.say(who, text)
    return (await platform.reply_to(who, after=said, timeout=40)).text


async def told(platform: SimulatedWecom, who: str, words: str, *, after: Said) -> None:
    """Wait until somebody was shown these words, among whatever else they are told."""
    for count in range(1, 9):
        if any(words in one.text for one in await platform.replies_to(who, count, after=after, timeout=40)):
            return
    raise AssertionError(f"{who} was told much, and nothing of {words}")


async def test_an_order_is_looked_up_and_its_address_changed_once_after_a_word(tmp_path: Path, tryton: Tryton) -> None:
    number = tryton.new_order()
    before = tryton.order(number)["address"]
    async with office(tmp_path, tryton) as (site, platform):
        shipped = await ask(platform, "ORD12345 发货了吗")
        assert "货已经全部发出" in shipped
        assert "没有查到" in await ask(platform, "ORD99999 发货了吗")

        asked = await ask(platform, f"把 {number} 的收货地址改成{NEW}")
        assert f"把订单 {number} 的收货地址改成：{NEW}" in asked
        assert tryton.order(number)["address"] == before, "nothing is changed before a word"

        await site.kill()
        await site.start()
        done = await ask(platform, "1")
        assert "已办好：修改收货地址" in done
        assert NEW in done, "it is read back"
        assert tryton.order(number)["address"] == NEW

        addresses = tryton.addresses(tryton.order(number)["customer"])
        again = await ask(platform, "1")
        assert "已办好" not in again
        assert tryton.addresses(tryton.order(number)["customer"]) == addresses

        refused = await ask(platform, f"把 ORD12345 的收货地址改成{NEW}")
        assert "请确认" in refused
        assert "没有接受" in await ask(platform, "确认")
        assert tryton.order("ORD12345")["address"] != NEW


async def test_a_colleague_approves_what_was_shown_and_nothing_else(tmp_path: Path, tryton: Tryton) -> None:
    number = tryton.new_order()
    async with office(tmp_path, tryton, colleague=True) as (site, platform):
        first = await ask(platform, f"把 {number} 的收货地址改成武汉市江岸区 2 号")
        old = re.findall(r"编号 ([0-9A-F]{6})", first)[0]
        asked = await ask(platform, f"把 {number} 的收货地址改成{NEW}")
        code = re.findall(r"编号 ([0-9A-F]{6})", asked)[0]
        assert "没有编号" in await ask(platform, f"批准 {old}", who=LI), "it was for other arguments"
        assert "已办好" not in await ask(platform, f"批准 {code}"), "the asker is on no roster"

        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{site.console_port}") as browser:
            _, out, _ = await site.command("console", "--json")
            await browser.get(re.findall(r'"url": "([^"]+)"', out)[0])
            browser.headers["Origin"] = str(browser.base_url)
            page = page_of(await browser.get("/approvals"))
            assert NEW in words(page.css_first(".does"))
            path = page.css_first(".approval form")
            assert path is not None
            form = {"csrf": await csrf_of(browser), "digest": "0" * 64, "word": "approve"}
            await browser.post(path.attributes["action"] or "", data=form)
        assert tryton.order(number)["address"] != NEW

        await ask(platform, "转人工")
        await told(platform, LI, "已接管", after=await platform.say(LI, "接管"))
        mark = await platform.say(LI, f"批准 {code}")
        await told(platform, LI, "已批准", after=mark)
        await told(platform, WANG, "已办好", after=mark)  # also while a person has the conversation
        assert tryton.order(number)["address"] == NEW


async def test_with_a_model_it_is_the_same(tmp_path: Path, tryton: Tryton) -> None:
    number = tryton.new_order()

    def script(asked: Asked) -> Say:
        results = [message["content"] for message in asked.messages if message["role"] == "tool"]
        question = [message["content"] for message in asked.messages if message["role"] == "user"][-1]
        if "地址" in question:
            return Say(calls=(Call("tryton.set_shipping_address", {"order_id": number, "address": NEW}),))
        if results:
            return Say(
                "订单 ORD12345 的货已经全部发出。"
                if '"sent"' in results[-1] or "全部发出" in results[-1]
                else "没有查到。"
            )
        return Say(calls=(Call("tryton.get_order", {"order_id": "ORD12345"}),))

    async with ScriptedModel(script) as model:
        more = f'\n[model]\nbase_url = "{model.base_url}"\nname = "scripted"\n'
        async with office(tmp_path, tryton, more) as (_, platform):
            assert "全部发出" in await ask(platform, "帮我看看 ORD12345 那一单现在什么情况，谢谢")
            asked = await ask(platform, f"我搬家了，{number} 请寄去 {NEW}，麻烦更新一下收货地址")
            assert f"把订单 {number} 的收货地址改成：{NEW}" in asked
            assert tryton.order(number)["address"] != NEW
            assert "已办好" in await ask(platform, "好的")
            assert tryton.order(number)["address"] == NEW
