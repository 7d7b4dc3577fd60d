"""The web chat page in a real browser."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, FilePayload, Page, WebSocketRoute, async_playwright, expect

from tests.api.world import World
from tests.channels.files import png

pytestmark = pytest.mark.browser


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium_path)
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser, world: World) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN")
    page = await context.new_page()
    troubles: list[str] = []
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    yield page
    await context.close()
    expected = ("WebSocket", "status of 422")  # connections that tests cut, and files that are refused
    assert [trouble for trouble in troubles if not any(words in trouble for words in expected)] == []


async def say(page: Page, text: str) -> None:
    await page.get_by_placeholder("写下你的问题").fill(text)
    await page.keyboard.press("Enter")


async def test_a_visitor_asks_and_reads_the_answer_with_its_source(page: Page, world: World) -> None:
    await page.goto(f"{world.url}/chat/site")
    await expect(page.get_by_text("你好，我是小智。")).to_be_visible()
    await say(page, "退款多久到账？")

    await expect(page.locator(".theirs .bubble").last).to_have_text("你说：退款多久到账？")
    await page.get_by_text("依据 售后政策 §3.2").click()
    await expect(page.get_by_text("退款自签收之日起 2 个工作日内原路退回。")).to_be_visible()
    await page.reload()
    await expect(page.locator(".mine .bubble")).to_have_text("退款多久到账？")
    await expect(page.locator(".line")).to_have_count(2)


async def test_a_choice_is_asked_by_its_button(page: Page, world: World) -> None:
    await page.goto(f"{world.url}/chat/site")
    await say(page, "打印机坏了")
    await page.get_by_role("button", name="打印机离线").click()

    await expect(page.locator(".mine .bubble").last).to_have_text("打印机离线")
    await expect(page.locator(".choices")).to_have_count(1)  # the new answer asks back again
    assert world.turns.seen[-1].message.text == "打印机离线"


async def test_an_answer_is_rated_by_its_buttons_and_the_page_remembers(page: Page, world: World) -> None:
    await page.goto(f"{world.url}/chat/site")
    await say(page, "评一评")
    await page.get_by_role("button", name="没帮助").click()
    await expect(page.get_by_text("谢谢，记下了")).to_be_visible()
    await page.reload()

    await expect(page.get_by_role("button", name="没帮助", pressed=True)).to_be_visible()
    turn = world.turns.seen[-1].turn_id
    assert [rating.mark for rating in await world.feedback.of_turn(turn)] == ["down"]


async def test_whatever_a_text_holds_it_stays_text(page: Page, world: World) -> None:
    await page.goto(f"{world.url}/chat/site")
    hostile = "<img src=x onerror=alert(1)> **<b>粗</b>** [点我](javascript:alert(1)) [好](https://example.com/a) https://example.com/b"
    await say(page, hostile)
    answer = page.locator(".theirs .bubble").last

    await expect(answer).to_contain_text("<img src=x onerror=alert(1)>")
    assert await answer.locator("img, b, script").count() == 0
    assert await answer.locator("strong").text_content() == "<b>粗</b>"
    links = [await link.get_attribute("href") for link in await answer.locator("a").all()]
    assert links == ["https://example.com/a", "https://example.com/b"]


async def test_what_is_written_without_a_connection_is_sent_once_it_is_back(page: Page, world: World) -> None:
    cut: list[WebSocketRoute] = []
    offline = False

    async def pass_on(route: WebSocketRoute) -> None:
        if offline:
            await route.close()
            return
        route.connect_to_server()
        cut.append(route)

    await page.route_web_socket("**/ws", pass_on)
    await page.goto(f"{world.url}/chat/site")
    await expect(page.get_by_text("你好，我是小智。")).to_be_visible()
    offline = True
    await cut[0].close()
    await say(page, "断线时写的")
    await expect(page.get_by_text("等待补发")).to_be_visible()
    await expect(page.get_by_text("连接断开，正在重新连接。")).to_be_visible()
    await page.reload()
    await expect(page.get_by_text("连接断开，正在重新连接。")).to_be_visible()
    offline = False

    await expect(page.get_by_text("你说：断线时写的")).to_be_visible(timeout=20_000)
    await expect(page.locator(".mine")).to_have_count(1)
    await expect(page.get_by_text("连接断开，正在重新连接。")).to_be_hidden()
    assert len(world.turns.seen) == 1


async def test_nothing_leaves_the_host_and_nothing_scrolls_sideways(page: Page, world: World) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{world.url}/chat/site")
    await say(page, "长" * 500 + " " + "x" * 500 + " https://example.com/" + "y" * 500)
    await expect(page.locator(".theirs .bubble").last).to_contain_text("你说：长")

    assert all(url.startswith(world.url) for url in asked)
    assert len(asked) <= 7
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate(
        "document.getElementById('log').scrollWidth <= document.getElementById('log').clientWidth"
    )


async def test_the_widget_shows_the_chat_inside_another_page(page: Page, world: World) -> None:
    inside = (
        f"<html lang='zh'><body><script src='{world.url}/chat/widget.js' data-channel='site'></script></body></html>"
    )
    await page.route("**/shop", lambda route: route.fulfill(body=inside, content_type="text/html"))
    await page.goto(f"{world.url}/shop")
    await page.get_by_role("button", name="在线咨询").click()
    frame = page.frame_locator("iframe")

    await expect(frame.get_by_text("你好，我是小智。")).to_be_visible()
    await page.get_by_role("button", name="在线咨询").click()
    await expect(page.locator("iframe")).to_be_hidden()


async def test_a_picture_is_chosen_uploaded_sent_and_still_there_after_a_reload(page: Page, world: World) -> None:
    await page.goto(f"{world.url}/chat/site")
    await expect(page.get_by_text("你好，我是小智。")).to_be_visible()
    picture: FilePayload = {"name": "屏幕.png", "mimeType": "image/png", "buffer": png(320, 200)}
    script: FilePayload = {"name": "程序.exe", "mimeType": "application/octet-stream", "buffer": b"MZ"}
    field = page.locator("#files")
    await field.set_input_files([picture, picture, script])
    await expect(page.locator("#brought button")).to_have_count(2)
    await expect(page.locator("#brought .wrong")).to_contain_text("不能发这种文件")
    await page.get_by_role("button", name="去掉 屏幕.png").first.click()
    await say(page, "这里报错")

    mine = page.locator(".mine")
    await expect(mine.locator(".bubble")).to_have_text("这里报错")
    await expect(mine.locator("img")).to_have_count(1)
    await expect(page.locator(".theirs .bubble").last).to_have_text("你说：这里报错")
    await expect(page.locator("#brought .chip")).to_have_count(0)
    await page.reload()
    await expect(mine.locator("img")).to_have_count(1)
    decoded = "image => image.decode().then(() => image.naturalWidth)"
    assert await mine.locator("img").evaluate(decoded) == 320
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
