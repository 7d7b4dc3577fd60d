"""The catalogue of business systems: searched, paged, and each with its level and the evidence for it."""

import httpx
import pytest

from ai_worker.connectors.catalogue import reading
from ai_worker.connectors.catalogue.levels import LEVELS
from ai_worker.console.catalogue import CATEGORIES, PAGE, matching
from ai_worker.console.words import catalog
from tests.console.reading import attribute, page_of, texts, words


async def test_the_best_proven_stand_first_a_page_at_a_time(new_reader: httpx.AsyncClient) -> None:
    page = page_of(await new_reader.get("/connectors/catalogue"))

    shown = texts(page, ".systems .tag")
    assert len(shown) == PAGE
    assert shown == sorted(shown, reverse=True)
    assert shown[0].startswith("L3")
    assert f"找到 {len(reading.systems())} 个" in words(page.css_first(".connect > .hint"))
    following = page_of(await new_reader.get(attribute(page, ".turn [rel=next]", "href")))
    assert not set(texts(page, ".systems a")) & set(texts(following, ".systems a"))
    assert attribute(following, ".turn [rel=prev]", "href").endswith("page=1")
    last = page_of(await new_reader.get("/connectors/catalogue?page=9999"))
    assert last.css_first(".turn [rel=next]") is None
    assert texts(last, ".systems li")


async def test_a_search_keeps_category_and_level_and_finds_nothing_politely(new_reader: httpx.AsyncClient) -> None:
    page = page_of(await new_reader.get("/connectors/catalogue?q=odoo&category=erp&level=L1"))
    assert attribute(page, "#q", "value") == "odoo"
    assert attribute(page, "#category option[selected]", "value") == "erp"
    assert all(tag[:2] >= "L1" for tag in texts(page, ".systems .tag"))

    none = page_of(await new_reader.get("/connectors/catalogue?q=<b>&category=../x&level=L9&page=-1"))
    assert "目录里没有这样的系统" in words(none.css_first("#systems-none"))
    assert attribute(none, "#q", "value") == "<b>"
    assert none.css_first("#category option[selected]") is None


@pytest.mark.parametrize("asked", ["金蝶", "kingdee", "jindie", "JinDie"])
def test_a_system_is_found_by_chinese_english_and_pinyin(asked: str) -> None:
    found = matching(asked, reading.systems())

    assert any("kingdee" in one for one in found)
    assert len(found) < 10


async def test_a_system_shows_its_level_with_the_evidence_and_fetches_nothing(new_reader: httpx.AsyncClient) -> None:
    proven = next(one for one in await _shown(new_reader, "level=L2") if one != "tryton")
    page = page_of(await new_reader.get(f"/connectors/catalogue/{proven}"))

    assert words(page.css_first("#level-title")).endswith("L2 契约已验证")
    assert texts(page, ".advice li") == ["还没在真实系统上试过"]
    first = words(page.css_first(".contracts li"))
    assert "裁判：" in first
    assert "发出前拦下" in first
    assert attribute(page, ".act a.primary", "href") == f"/connectors/add?system={proven}"
    assert not [link for link in page.css("main a") if (link.attributes.get("href") or "").startswith("http")]


async def test_a_system_without_a_public_contract_says_what_to_do(new_reader: httpx.AsyncClient) -> None:
    unknown = next(one for one in reading.systems() if {fact.way for fact in one.contracts} == {"rest"})
    page = page_of(await new_reader.get(f"/connectors/catalogue/{unknown.id}"))

    assert page.css_first(".act a") is None
    assert "没有公开契约" in words(page.css_first("main"))
    assert (await new_reader.get("/connectors/catalogue/no-such-system")).status_code == 404


def test_every_word_of_the_catalogue_is_there() -> None:
    systems = reading.systems()
    keys = {f"systems.categories.{one}" for one in CATEGORIES}
    keys |= {f"systems.{table}.{level}" for table in ("levels", "level_detail") for level in LEVELS}
    keys |= {f"systems.verb.{verb}" for system in systems for verb in system.verbs}
    assert keys <= catalog("zh-CN").keys()


async def _shown(reader: httpx.AsyncClient, asked: str) -> list[str]:
    page = page_of(await reader.get(f"/connectors/catalogue?{asked}"))
    return [(item.attributes.get("id") or "").removeprefix("known-") for item in page.css(".systems li")]
