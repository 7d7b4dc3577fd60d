"""The pages of business systems in a real browser: by hand, at both sizes, in both themes."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, FilePayload, async_playwright, expect

from tests.console.erp import CONTRACT, Erp, describe, erp_running
from tests.console.test_browser import desk_at
from tests.console.world import World

pytestmark = pytest.mark.browser

PAGES = (
    *("/connectors", "/connectors/erp", "/connectors/add", "/connectors/add?kind=tryton&system=tryton"),
    *("/connectors/catalogue", "/connectors/catalogue?q=nothing-like-it", "/connectors/catalogue/tryton"),
    *(f"/connectors/erp/tools/erp.{name}" for name in ("list_orders", "delete_order")),
)


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium_path)
        yield launched
        await launched.close()


@pytest.fixture
async def erp() -> AsyncIterator[Erp]:
    async with erp_running() as running:
        yield running


async def test_a_system_is_imported_tested_and_asked_by_hand(new_site: World, browser: Browser, erp: Erp) -> None:
    async with desk_at(new_site, browser) as desk:
        page = desk.page
        await desk.open("/connectors")
        await page.get_by_role("link", name="接入系统").click()
        contract: FilePayload = {
            "name": "erp.json",
            "mimeType": "application/json",
            "buffer": json.dumps(CONTRACT).encode(),
        }
        await page.get_by_label("契约文件").set_input_files(contract)
        await page.get_by_role("button", name="上传并查看").click()
        await expect(page.locator(".choosing li")).to_have_count(4)
        await expect(page.get_by_label("请求头", exact=True)).to_be_visible()
        await expect(page.get_by_label("用户名")).to_be_hidden()
        await page.get_by_label("ID", exact=True).fill("erp")
        await page.get_by_label("地址", exact=True).fill(erp.url)
        await page.get_by_label("密钥或密码").fill("sesame-4711")
        await page.get_by_role("button", name="接入").click()

        await expect(page.locator(".operations li")).to_have_count(2)
        await page.get_by_role("button", name="测试连接").click()
        await expect(page.locator("#system-erp-said")).to_contain_text("连接正常")
        await expect(page.locator("#system-erp-state b")).to_have_text("正常")
        await page.get_by_role("link", name="列出订单").click()
        await page.get_by_label("limit").fill("5")
        await page.get_by_role("button", name="看请求").click()
        await expect(page.locator(".wire")).to_contain_text("/orders?limit=5")
        await page.get_by_role("button", name="现在调用").click()
        await expect(page.locator(".wire").nth(1)).to_contain_text("ORD12345")
        assert erp.asked == ["GET /orders", "GET /orders?limit=5"]
        assert desk.complaints == []


async def test_a_system_is_found_in_the_catalogue_and_connected_from_there(new_site: World, browser: Browser) -> None:
    async with desk_at(new_site, browser) as desk:
        page = desk.page
        await desk.open("/connectors")
        await page.get_by_role("link", name="接入目录").click()
        await page.get_by_label("按名字、厂商或编号找").fill("tryton")
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="Tryton").click()
        await expect(page.locator("#level-title")).to_contain_text("L3 真机已验证")
        await expect(page.get_by_role("button", name="复制")).to_be_visible()
        await page.get_by_role("link", name="接入这个系统").click()
        await expect(page.locator(".chips [aria-current]")).to_have_text("Tryton")
        await page.get_by_label("地址", exact=True).fill("http://127.0.0.1:9")
        await page.get_by_label("数据库名").fill("erp")
        await page.get_by_label("用户名").fill("bot")
        await page.get_by_label("密码").fill("sesame-4711")
        await page.get_by_role("button", name="连接并读取").click()
        await expect(page.locator(".trouble")).to_contain_text("tool.failed")
        await expect(page.get_by_role("link", name="回去改")).to_be_visible()
        assert desk.complaints == []
        assert not [url for url in desk.requests if not url.startswith(desk.base)]


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)], ids=["desktop", "phone"])
async def test_no_page_is_wider_than_its_window_or_complains(
    new_site: World, browser: Browser, tmp_path: Path, width: int, height: int
) -> None:
    describe(tmp_path, "erp", "http://127.0.0.1:9")
    await new_site.systems.folder.look()
    async with desk_at(new_site, browser, width=width, height=height, color_scheme="dark") as desk:
        for path in PAGES:
            await desk.open(path)
            assert await desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            assert await desk.page.locator("h1").count() == 1, path
        assert desk.complaints == []
        assert all(url.startswith(desk.base) for url in desk.requests)
