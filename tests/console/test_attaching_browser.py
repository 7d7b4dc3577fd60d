"""Attaching a picture and a file to a reply, in a real browser at both sizes."""

import asyncio

import pytest
from playwright.async_api import Browser, FilePayload, expect

from tests.channels.files import PDF, png
from tests.console.test_attaching import PICTURE, bring, fetch
from tests.console.test_browser import browser as browser
from tests.console.test_browser import desk_at
from tests.console.world import World

pytestmark = pytest.mark.browser

SHOT: FilePayload = {"name": "截图.png", "mimeType": "image/png", "buffer": png(480, 300)}
QUOTE: FilePayload = {"name": "报价单.pdf", "mimeType": "application/pdf", "buffer": PDF}
DROP = """([place, name]) => {
  const held = new DataTransfer();
  held.items.add(new File(["%PDF-1.7 dropped"], name, { type: "application/pdf" }));
  for (const kind of ["dragenter", "dragover", "drop"])
    place.dispatchEvent(new DragEvent(kind, { bubbles: true, cancelable: true, dataTransfer: held }));
}"""


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)], ids=["desktop", "phone"])
async def test_a_picture_and_a_file_are_attached_previewed_taken_off_and_sent(
    site: World, browser: Browser, width: int, height: int
) -> None:
    number = await bring(site, PICTURE, text="您看是不是这里坏了")
    await fetch(site, png(640, 400, 60))
    async with desk_at(site, browser, width=width, height=height) as desk:
        page = desk.page
        await desk.open(f"/conversations/{number}")
        await expect(page.locator("#log .picture img")).to_be_visible()
        decoded = "image => image.decode().then(() => image.naturalWidth)"
        assert await page.locator("#log .picture img").evaluate(decoded) == 640
        await page.locator("[data-shortcut=t]").click()
        await expect(page.locator("#reply")).to_be_visible()

        await page.locator("input[data-attach]").set_input_files([SHOT, QUOTE])
        await expect(page.locator("#attached .chip")).to_have_count(2)
        await expect(page.locator("#attached canvas")).to_have_count(1)
        await page.get_by_role("button", name="去掉报价单.pdf").click()
        await expect(page.locator("#attached .chip")).to_have_count(1)
        await page.evaluate(DROP, [await page.query_selector("#log"), "拖进来的.pdf"])
        await expect(page.locator("#attached .chip b")).to_have_text(["截图.png", "拖进来的.pdf"])
        assert not await page.evaluate("document.documentElement.scrollWidth > innerWidth")

        await page.locator("#composer button.primary").click()

        mine = page.locator("#log article.human")
        await expect(mine.locator("img")).to_be_visible()
        await expect(mine.locator("a.file")).to_contain_text("拖进来的.pdf")
        await expect(page.locator("#attached .chip")).to_have_count(0)
        async with page.expect_download() as saving:
            await mine.locator("a.file").click()
        saved = await (await saving.value).path()
        assert await asyncio.to_thread(saved.read_bytes) == b"%PDF-1.7 dropped"
        assert desk.complaints == []


async def test_more_than_may_be_sent_is_said_before_it_is_sent(site: World, browser: Browser) -> None:
    number = await bring(site, text="在吗")
    async with desk_at(site, browser) as desk:
        page = desk.page
        await desk.open(f"/conversations/{number}")
        await page.locator("[data-shortcut=t]").click()
        field = page.locator("input[data-attach]")
        many: list[FilePayload] = [{**QUOTE, "name": f"{n}.pdf"} for n in range(10)]
        await field.set_input_files(many)
        await expect(page.locator("#attached .chip")).to_have_count(9)
        await expect(page.locator("#attached .complaint")).to_have_text("最多 9 个文件，多出的没有加上。")
