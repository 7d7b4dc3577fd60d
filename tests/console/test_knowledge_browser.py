"""The pages of the knowledge in a real browser: by hand, at both sizes, in both themes."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, FilePayload, async_playwright, expect

from tests.console.library import TRAVEL, stock
from tests.console.test_browser import desk_at
from tests.console.world import World

pytestmark = pytest.mark.browser

PAGES = (
    *(f"/knowledge?tab={tab}" for tab in ("documents", "entries", "review", "twins", "removed")),
    "/knowledge/new",
    "/knowledge/entry?base=default&id=e-hours",
    "/knowledge/document?base=default&id=常见问题.csv",
    "/knowledge/version/1",
)


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium_path)
        yield launched
        await launched.close()


async def test_a_question_is_tried_and_its_answer_written_without_leaving_the_keyboard(
    new_site: World, browser: Browser
) -> None:
    async with desk_at(new_site, browser) as desk:
        page = desk.page
        await desk.open("/knowledge")
        await page.get_by_label("换成客户的说法").fill("食堂几点开饭")
        await page.keyboard.press("Enter")
        await expect(page.locator(".verdict")).to_have_text("什么也没找到，会转人工。")
        await page.get_by_role("link", name="把答案写进知识库").click()
        await expect(page.get_by_label("问题", exact=True)).to_have_value("食堂几点开饭")
        await page.get_by_label("答案").fill("11 点半。")
        await page.get_by_role("button", name="保存").click()
        await expect(page.locator(".said-so")).to_have_text("已保存，马上就能查到。")

        await page.get_by_role("link", name="知识库").first.click()
        await page.get_by_label("换成客户的说法").fill("食堂几点开饭")
        await page.keyboard.press("Enter")
        await expect(page.locator(".candidates b").first).to_have_text("食堂几点开饭")
        assert desk.complaints == []


async def test_a_file_is_uploaded_listed_removed_and_brought_back(new_site: World, browser: Browser) -> None:
    async with desk_at(new_site, browser) as desk:
        page = desk.page
        await desk.open("/knowledge")
        file: FilePayload = {"name": "差旅制度.md", "mimeType": "text/markdown", "buffer": TRAVEL}
        await page.get_by_label("文件（可以多选）").set_input_files(file)
        await page.get_by_role("button", name="上传").click()
        await expect(page.locator(".taken .good b")).to_have_text("差旅制度.md")
        await expect(page.locator("#shelf-title")).to_have_text("1 份资料，1 段可以查到")
        await expect(page.locator("progress.sending")).to_be_hidden()

        await page.locator(".things").get_by_role("link", name="差旅制度").click()
        await page.locator("summary", has_text="删除").click()
        await page.locator("details.sure").get_by_role("button", name="删除").click()
        await expect(page.locator(".said-so")).to_contain_text("已删除，现在查不到了。")
        await page.get_by_role("button", name="撤销").click()
        await expect(page.locator(".said-so")).to_have_text("已恢复，马上就能查到。")
        assert [document.id for document in await new_site.shelf.documents()] == ["差旅制度.md"]
        assert desk.complaints == []


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)], ids=["desktop", "phone"])
async def test_no_page_is_wider_than_its_window_or_complains(
    new_site: World, browser: Browser, width: int, height: int
) -> None:
    await stock(new_site)
    async with desk_at(new_site, browser, width=width, height=height, color_scheme="dark") as desk:
        for path in PAGES:
            await desk.open(path)
            assert await desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            assert await desk.page.locator("h1").count() == 1, path
        assert desk.complaints == []
        assert all(url.startswith(desk.base) for url in desk.requests)
