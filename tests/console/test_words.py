import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import get_args
from zoneinfo import ZoneInfo

import httpx
import pytest

from ai_worker.console.words import LANGUAGES, Words, catalog, choose_language
from ai_worker.conversation.conversation import State
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.turn import StepName
from tests.console.reading import page_of, texts, words
from tests.console.world import World, world

CONSOLE = Path(str(files("ai_worker.console")))
NOON = datetime(2026, 11, 22, 4, 0, tzinfo=UTC)


def chinese() -> Words:
    return Words("zh-CN", ZoneInfo("Asia/Shanghai"))


def english(zone: str = "Asia/Shanghai") -> Words:
    return Words("en", ZoneInfo(zone))


def test_both_catalogues_have_the_same_keys() -> None:
    assert catalog("zh-CN").keys() == catalog("en").keys()


@pytest.mark.parametrize("key", sorted(catalog("zh-CN")))
def test_both_languages_say_the_same_things(key: str) -> None:
    def places(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert catalog("en")[key].strip()
    assert places(catalog("zh-CN")[key]) >= places(catalog("en")[key]) - {"month_name"}


def used_keys() -> Iterator[str]:
    for file in [*CONSOLE.rglob("*.html"), *CONSOLE.rglob("*.py")]:
        yield from re.findall(r"""\bt\(\s*["']([a-z0-9_.-]+[a-z0-9_])["']\s*[,)]""", file.read_text())


def test_every_word_that_a_page_asks_for_is_there() -> None:
    assert set(used_keys()) <= catalog("zh-CN").keys()


def test_every_state_reason_and_step_has_its_word() -> None:
    keys = catalog("zh-CN").keys()

    assert {f"state.{state}" for state in State} <= keys
    assert {f"reason.{reason}" for reason in Reason} <= keys
    assert {f"step.{step}" for step in get_args(StepName)} <= keys


@pytest.mark.parametrize(("key", "text"), catalog("zh-CN").items())
def test_chinese_copy_keeps_its_rules(key: str, text: str) -> None:
    shown = re.sub(r"\{(n|ago|span|person|name|percent|limit|reason)\}", "九", text)

    assert not re.search(r"[！!]", shown), "no exclamation marks"
    assert not re.search(r"[\u4e00-\u9fff][,:?;]|[,:?;][\u4e00-\u9fff]", shown), "punctuation is full-width"
    assert not re.search(r"[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9%][\u4e00-\u9fff]", shown), "a space before Latin"
    assert "确定" not in shown
    assert "提交" not in shown


def test_numbers_are_grouped_as_each_language_does() -> None:
    assert chinese().number(12_847) == "12\u202f847"
    assert english().number(12_847) == "12,847"
    assert chinese().number(None) == "—"
    assert chinese().seconds(1_424) == "1.42"


def test_spans_have_their_two_largest_units() -> None:
    assert chinese().duration(timedelta(minutes=3, seconds=41)) == "3 分 41 秒"
    assert chinese().duration(timedelta(days=18, hours=4, minutes=7)) == "18 天 4 小时"
    assert chinese().duration(timedelta(seconds=-5)) == "0 秒"
    assert english().brief_duration(timedelta(minutes=3, seconds=41)) == "3 min"


def test_the_past_is_relative_for_a_day_and_then_a_date() -> None:
    assert chinese().ago(NOON - timedelta(seconds=20), NOON) == "刚刚"
    assert chinese().ago(NOON - timedelta(minutes=7), NOON) == "7 分前"
    assert chinese().ago(NOON - timedelta(days=2), NOON) == "11 月 20 日"
    assert english().ago(NOON - timedelta(days=2), NOON) == "20 Nov"


def test_times_are_those_of_the_configured_zone() -> None:
    assert chinese().clock(NOON) == "12:00"
    assert english("Europe/Berlin").clock(NOON) == "05:00"
    # Berlin's clocks went forward at 01:00 UTC on 29 March 2026.
    assert english("Europe/Berlin").clock(datetime(2026, 3, 29, 1, 30, tzinfo=UTC)) == "03:30"
    assert english("America/Argentina/Buenos_Aires").zone_name == "Buenos Aires"
    assert chinese().moment(NOON - timedelta(hours=13), NOON) == "11 月 21 日 23:00"


def test_an_unknown_language_is_the_installations() -> None:
    assert choose_language("fr", "en") == "en"
    assert choose_language(None, "fr") == "zh-CN"


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("filled", [True, False])
@pytest.mark.parametrize("path", ["/", "/conversations", "/nowhere"])
async def test_each_page_is_whole_in_each_language(tmp_path: Path, language: str, filled: bool, path: str) -> None:
    async with world(tmp_path, language=language, filled=filled) as site:
        reader = await site.signed_in()
        page = page_of(await reader.get(path))
        await reader.aclose()

    assert page.css_first("html").attributes["lang"] == language  # type: ignore[union-attr]
    assert len(page.css("h1")) == 1
    assert len(page.css("main")) == 1
    assert words(page.css_first("title"))
    for control in page.css("button, a, input:not([type=hidden]), textarea"):
        name = words(control) or control.attributes.get("aria-label") or control.attributes.get("placeholder")
        assert name or control.attributes.get("name") in ("selected", "state"), control.html
    if language == "en":
        frame = " ".join(texts(page, "nav.side, header.top h1, .card h2, .chips"))
        assert not re.search("[\u4e00-\u9fff]", frame.replace("小智", "").replace("中文", "")), frame


async def test_the_language_switch_keeps_the_page(site: World, reader: httpx.AsyncClient) -> None:
    response = await reader.post("/preferences", data={"language": "en", "back": "/conversations?state=waiting"})

    assert response.headers["location"] == "/conversations?state=waiting"
    assert words(page_of(await reader.get("/")).css_first("h1")) == "Overview"


async def test_the_theme_is_remembered(reader: httpx.AsyncClient) -> None:
    await reader.post("/preferences", data={"theme": "dark", "back": "/"})
    assert page_of(await reader.get("/")).css_first("html[data-theme=dark]") is not None

    await reader.post("/preferences", data={"theme": "auto", "back": "/"})
    assert page_of(await reader.get("/")).css_first("html[data-theme]") is None


@pytest.mark.parametrize(
    ("milliseconds", "shown"), [(0.4, "< 0.01"), (5, "0.01"), (1380, "1.38"), (None, "—"), (0, "0.00")]
)
def test_what_is_faster_than_two_digits_can_say_says_so(milliseconds: float | None, shown: str) -> None:
    assert chinese().seconds(milliseconds) == shown


@pytest.mark.parametrize(
    ("detail", "shown"),
    [("3 passages, best 0.91", "3 段，最高 0.91"), ("hand_over", "转人工"), ("erp.get_order", "erp.get_order")],
)
def test_what_a_step_did_is_told_in_the_readers_language(detail: str, shown: str) -> None:
    assert chinese().step_detail(detail) == shown
