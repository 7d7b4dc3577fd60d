"""What the console shows of handing over: who is on duty, who waits and why, and the summary."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from ai_worker.conversation.duty import Duty, Person
from ai_worker.conversation.handoff_store import Colleague
from ai_worker.conversation.office_hours import OfficeHours, parse_week
from tests.console.reading import number_of, page_of, texts, words
from tests.console.world import world

SHANGHAI = ZoneInfo("Asia/Shanghai")
LI, HAN = (Colleague(name, "service-desk", contact) for name, contact in (("李娜", "li-na"), ("韩梅梅", "han-mm")))


def _duty(*lines: str, han: tuple[str, ...] = ()) -> Duty:
    hours = OfficeHours(parse_week(lines), SHANGHAI)
    own = OfficeHours(parse_week(han or lines), SHANGHAI)
    return Duty([Person(LI, hours), Person(HAN, own)], hours=hours, remind_after=timedelta(minutes=1))


@asynccontextmanager
async def _reader(folder: Path, duty: Duty | None, language: str = "zh-CN") -> AsyncIterator[httpx.AsyncClient]:
    async with world(folder, duty=duty, language=language) as site:
        client = await site.signed_in()
        yield client
        await client.aclose()


SUNDAY = "Sun 09:00-18:00"


@pytest.mark.parametrize(
    ("duty", "language", "line"),
    [
        (None, "zh-CN", "同事在控制台接手"),
        (_duty(), "zh-CN", "值班：李娜、韩梅梅"),
        (_duty(SUNDAY), "zh-CN", "值班：李娜、韩梅梅 · 到 18:00"),
        (_duty(SUNDAY, han=("Sun 09:00-15:00",)), "zh-CN", "值班：李娜 · 到 18:00、韩梅梅 · 到 15:00"),
        (_duty("Mon-Fri 09:00-18:00"), "zh-CN", "现在是下班时间，11 月 23 日 09:00 上班"),
        (_duty(SUNDAY), "en", "On duty: 李娜, 韩梅梅 · until 18:00"),
    ],
    ids=["no-roster", "always", "until", "each-until", "closed", "english"],
)
async def test_who_is_on_duty_and_until_when(tmp_path: Path, duty: Duty | None, language: str, line: str) -> None:
    async with _reader(tmp_path, duty, language) as client:
        assert words(page_of(await client.get("/conversations")).css_first("#duty")) == line
        part = page_of(await client.get("/parts/conversations"))
        assert words(part.css_first("#duty")) == line


async def test_the_list_says_why_somebody_waits(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get("/conversations?state=waiting"))

    assert texts(page, "#rows .tag") == ["等人工 投诉", "等人工 知识库没有答案"]


async def test_the_summary_tells_what_is_open_what_was_answered_and_who_was_told(tmp_path: Path) -> None:
    async with _reader(tmp_path, _duty(SUNDAY)) as client:
        page = page_of(await client.get(f"/conversations/{await number_of(client, '林晓燕')}"))
        card = page.css_first("#context-handoff")

        assert card is not None
        assert texts(page, "#context-handoff .open li") == ["上次也是这么说的。我要投诉，已经第三次了"]
        assert texts(page, "#context-handoff dt") == ["上周退的那台打印机，钱怎么还没到账？订单 ORD12345"]
        (told,) = texts(page, "#context-handoff .hint")
        assert told.startswith("已等 6 分")
        assert told.endswith(" · 投诉 · 已通知 李娜、韩梅梅")
        assert page.css_first("#handoff-card section") is not None


async def test_nothing_is_summed_up_where_the_worker_answers(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get(f"/conversations/{await number_of(reader, '吴敏')}"))

    assert page.css_first("#context-handoff") is None
    assert page.css_first("#handoff-card section") is None


async def test_who_has_taken_over_keeps_the_summary_beside_the_conversation(reader: httpx.AsyncClient) -> None:
    number = await number_of(reader, "林晓燕")
    page = page_of(await reader.get(f"/conversations/{number}"))
    csrf = page.css_first("input[name=csrf]")
    assert csrf is not None
    changed = page_of(
        await reader.post(
            f"/conversations/{number}/take-over",
            data={"csrf": csrf.attributes["value"] or ""},
            headers={"HX-Request": "true"},
        )
    )

    assert changed.css_first("#context-handoff") is not None
    assert changed.css_first("#handoff-card section") is None
