"""A contact asks for a person, and a colleague answers from their own WeCom, through a kill -9, until handing back."""

import asyncio
import re
from pathlib import Path

import pytest

from ai_worker.demo.wecom import Said, SimulatedWecom
from ai_worker.drills.scratch import CHANNEL, WecomApplication
from ai_worker.drills.site import Site

pytestmark = pytest.mark.slow

DESK = WecomApplication()
ROSTER = f"""
[workers.xiaozhi]
merge_window_ms = 300
[[handoff.people]]
name = "李娜"
channel = "{CHANNEL}"
contact = "li-na"
[[handoff.people]]
name = "韩梅梅"
channel = "{CHANNEL}"
contact = "han-mm"
"""
FAQ = "id,question,aliases,answer\nreturns,怎么退货,如何退货|退货怎么办理,收到货 7 天内在“我的订单”里申请售后。\n"
WANG, LI, HAN, STRANGER = "wang-fang", "li-na", "han-mm", "lu-ren"


async def _shown(platform: SimulatedWecom, user: str, words: str, *, after: Said | None = None) -> str:
    """Return the first text with these words that `user` is shown, waiting for it."""
    async with asyncio.timeout(30):
        while True:
            for shown in platform.shown_to(user, after=after):
                if words in shown.text:
                    return shown.text
            await asyncio.sleep(0.05)


def _times(platform: SimulatedWecom, user: str, words: str) -> int:
    return sum(words in shown.text for shown in platform.shown_to(user))


async def test_a_colleague_answers_from_wecom_through_a_kill(tmp_path: Path) -> None:
    async with DESK.platform() as platform, Site(tmp_path, DESK.settings(platform.api_base) + ROSTER) as site:
        (tmp_path / "faq.csv").write_text(FAQ, encoding="utf-8")
        assert (await site.command("knowledge", "add", str(tmp_path / "faq.csv")))[0] == 0
        platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"
        await site.start()

        asked = await platform.say(WANG, "怎么退货")
        assert "7 天内" in (await platform.reply_to(WANG, after=asked)).text
        asked = await platform.say(WANG, "转人工")
        assert "已经转给同事" in (await platform.reply_to(WANG, after=asked)).text
        called = await _shown(platform, LI, "等人工")
        label = re.findall(r"c-\d+", called)[0]
        assert "问：怎么退货" in called
        assert f"接管 {label}" in called

        await platform.say(STRANGER, f"接管 {label}")
        await platform.say(LI, f"接管 {label}")
        assert "已接管" in await _shown(platform, LI, "已接管")
        await platform.say(HAN, f"接管 {label}")
        await _shown(platform, HAN, f"{label} 已由 李娜 接管")

        await platform.say(LI, "您好，我是李娜")
        await _shown(platform, WANG, "您好，我是李娜")
        await platform.say(WANG, "退货的钱还没有到账")
        await _shown(platform, LI, "退货的钱还没有到账")

        both = await asyncio.gather(platform.say(LI, "我查一下流水号 8801"), platform.say(WANG, "尾号是 6655"))
        await site.kill()
        await site.start()
        for one, words in zip(both, (("8801", LI), ("6655", WANG)), strict=True):
            if not one.acknowledged:
                await platform.say(words[1], f"再说一次 {words[0]}", msg_id=one.msg_id)
        await _shown(platform, WANG, "8801")
        await _shown(platform, LI, "6655")
        assert _times(platform, WANG, "7 天内") == 1, "nothing is answered while a person does"

        await platform.say(LI, "交还")
        await _shown(platform, LI, f"已交还 {label}")
        back = await platform.say(WANG, "如何退货")
        assert "7 天内" in (await platform.reply_to(WANG, after=back, timeout=20)).text

        assert {words: _times(platform, WANG, words) for words in ("您好，我是李娜", "8801")} == {
            "您好，我是李娜": 1,
            "8801": 1,
        }
        assert _times(platform, LI, "6655") == 1
        assert _times(platform, LI, f"【等人工】{label} ") == 1, (
            "who was called once is not called again after a restart"
        )
        assert _times(platform, STRANGER, "已接管") == 0
        assert list(platform.counts.violations) == []
        assert await site.stop() == 0
