"""Journeys in a real browser, over a real socket, against a real database."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Route, async_playwright, expect

from ai_worker.api.server import make_server
from ai_worker.channels.contract import ChannelHealth
from ai_worker.conversation.contacts import ContactKey
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Contact
from ai_worker.pipeline.facts import ConversationChanged, MessageReceived, TurnGivenUp
from tests.console.meeting import LIN_ON_FEISHU, LIN_ON_WECOM, meet, write
from tests.console.sample import OWNER, Spoken, answer, say
from tests.console.world import DeskChannel, World, world

pytestmark = pytest.mark.browser


@dataclass
class Desk:
    """A browser window on a console."""

    page: Page
    base: str
    site: World
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    async def open(self, path: str) -> None:
        await self.page.goto(self.base + path)


@pytest.fixture
async def browser(chromium_path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium_path)
        yield launched
        await launched.close()


@asynccontextmanager
async def desk_at(
    site: World, browser: Browser, *, width: int = 1440, height: int = 900, **how: str
) -> AsyncIterator[Desk]:
    """Yield a window that is signed in through a one-time link."""
    server = make_server(site.console, host="127.0.0.1", port=0)
    base = f"http://127.0.0.1:{server.bind()}"
    serving = asyncio.create_task(server.serve())
    await server.accepting()
    context = await browser.new_context(viewport={"width": width, "height": height}, locale="zh-CN", **how)  # type: ignore[arg-type]
    page = await context.new_page()
    desk = Desk(page, base, site)
    page.on("request", lambda request: desk.requests.append(request.url))
    page.on("console", lambda message: desk.complaints.append(message.text) if _complains(message) else None)
    page.on("pageerror", lambda error: desk.complaints.append(str(error)))
    try:
        await desk.open(await site.link())
        yield desk
    finally:
        await context.close()
        site.console.close_streams()
        server.drain()
        await serving


def _complains(message: ConsoleMessage) -> bool:
    """Return whether a line of the browser's console tells of something wrong.

    A refresh that is given up for what a person has pressed meanwhile is told by these two, and by nothing
    else; of one that failed there is a third line.
    """
    given_up = message.text.startswith(("htmx:afterRequest", "htmx:sendAbort", "htmx:abort"))
    return message.type != "log" and not given_up


@pytest.fixture
async def desk(site: World, browser: Browser) -> AsyncIterator[Desk]:
    async with desk_at(site, browser) as made:
        yield made


async def test_a_one_time_link_leads_to_the_overview(desk: Desk) -> None:
    await expect(desk.page).to_have_url(f"{desk.base}/")
    await expect(desk.page.locator("h1")).to_have_text("概览")
    assert await desk.page.evaluate("document.cookie") == ""
    assert desk.complaints == []


async def test_a_new_complaint_shows_by_itself(desk: Desk) -> None:
    await desk.open("/conversations")
    await expect(desk.page.locator("#rows a")).to_have_count(8)
    await desk.page.locator("#rows a", has_text="吴敏").click()
    await expect(desk.page.locator("#thread-head h2")).to_have_text("吴敏")

    site = desk.site
    angry = Spoken(
        0, "website", "何静", "送错货了，我要投诉", "已请同事接手，约 5 分钟内回复你。", "handoff", Reason.COMPLAINT
    )
    number = await say(site.stores, replace(angry, reply=None), now=site.clock.now())
    site.events.publish(MessageReceived("website", number, "t-1", site.clock.now()))
    await expect(desk.page.locator("#rows a", has_text="何静")).to_contain_text("1 条未读")

    await answer(site.stores, angry, at=site.clock.now())
    site.events.publish(ConversationChanged(number))
    await expect(desk.page.locator("#rows a", has_text="何静")).to_contain_text("等人工")
    await expect(desk.page.locator("#badge")).to_contain_text("3 个会话在等人工")
    await expect(desk.page.locator("#rows a[aria-current]")).to_contain_text("吴敏")
    await expect(desk.page.locator("#chip-all")).to_have_text("全部 9")


async def test_an_open_thread_grows_without_losing_what_is_being_written(desk: Desk) -> None:
    site, page = desk.site, desk.page
    await desk.open("/conversations")
    await page.locator("#rows a", has_text="林晓燕").click()
    await page.keyboard.press("t")
    await page.locator("#reply").fill("您好林女士，")
    first = await page.locator("#log article").first.element_handle()

    number = await say(site.stores, Spoken(0, "service-desk", "林晓燕", "你们到底管不管"), now=site.clock.now())
    site.events.publish(MessageReceived("service-desk", number, "t-2", site.clock.now()))

    await expect(page.locator("#log article").last).to_contain_text("你们到底管不管")
    await expect(page.locator("#reply")).to_have_value("您好林女士，")
    await expect(page.locator("#reply")).to_be_focused()
    assert first is not None
    assert await first.evaluate("line => line.isConnected"), "what was there stays, or it is read out again"


async def test_taking_over_answering_and_handing_back_by_keyboard(desk: Desk) -> None:
    page = desk.page
    await desk.open("/conversations?state=waiting")
    await expect(page.locator("#badge")).to_contain_text("2 个会话在等人工")

    await page.keyboard.press("j")
    await expect(page.locator("#thread-head h2")).to_have_text("周建国")
    await expect(page).to_have_url(re.compile(r"/conversations/\d+\?state=waiting$"))
    await page.keyboard.press("k")
    await expect(page.locator("#thread-head h2")).to_have_text("林晓燕")
    await expect(page.locator("#context-contact dd").first).to_have_text("林晓燕")

    await page.keyboard.press("t")
    await expect(page.locator("#head-state")).to_have_text("人工处理中")
    await expect(page.locator("#chip-waiting")).to_have_text("等人工 1")
    await expect(page.locator("#reply")).to_be_focused()
    await page.keyboard.type("您好林女士，我是王芳，")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("马上为您核实。")
    await page.keyboard.press("Enter")
    await expect(page.locator(".line.human .said")).to_have_text("您好林女士，我是王芳，\n马上为您核实。")
    await expect(page.locator("#reply")).to_have_value("")
    await expect(page.locator("#reply")).to_be_focused()

    await page.keyboard.press("Escape")
    await page.keyboard.press("t")
    await expect(page.locator("#head-state")).to_have_text("数字员工")
    await expect(page.locator("#log .notice").last).to_contain_text("交还给了数字员工")
    assert len(desk.site.woken) == 1
    assert desk.complaints == []


async def test_enter_while_composing_chinese_does_not_send(desk: Desk) -> None:
    page = desk.page
    await desk.open("/conversations")
    await page.keyboard.press("t")
    await page.locator("#reply").fill("ni hao")

    await page.locator("#reply").dispatch_event("keydown", {"key": "Enter", "isComposing": True, "bubbles": True})

    await expect(page.locator("#reply")).to_have_value("ni hao")
    await expect(page.locator(".line.human")).to_have_count(0)


async def test_a_colleague_who_was_quicker_is_told_in_place(desk: Desk) -> None:
    page, site = desk.page, desk.site
    await desk.open("/conversations")
    await expect(page.locator("#head-act button")).to_be_visible()
    number = int(await page.locator("#shown [name=selected]").input_value())
    await site.stores.conversations.take_over(number, "王芳", site.clock.now())

    await page.locator("#head-act button").click()

    await expect(page.locator("#flash")).to_contain_text("已由另一位同事接手")
    site.events.publish(ConversationChanged(number))
    await expect(page.locator("#composer")).to_contain_text("王芳 正在处理")


async def test_the_back_button_returns_to_the_conversation_before(desk: Desk) -> None:
    page = desk.page
    await desk.open("/conversations")
    await page.locator("#rows a", has_text="吴敏").click()
    await expect(page.locator("#thread-head h2")).to_have_text("吴敏")
    await page.locator("#rows a", has_text="刘洋").click()
    await expect(page.locator("#thread-head h2")).to_have_text("刘洋")

    await page.go_back()

    await expect(page.locator("#thread-head h2")).to_have_text("吴敏")
    assert "成都" not in await page.evaluate("JSON.stringify([sessionStorage, localStorage])"), "nothing said is kept"


async def test_the_overview_refreshes_and_keeps_what_is_open(desk: Desk) -> None:
    page, site = desk.page, desk.site
    await page.locator("details.data summary").click()
    await expect(page.locator("#hours tr")).to_have_count(24)

    await say(site.stores, Spoken(0.1, "service-desk", "何静", "发票丢了怎么办"), now=site.clock.now())
    await answer(site.stores, Spoken(0.1, "service-desk", "何静", "发票丢了怎么办", "可以补开。"), at=site.clock.now())
    site.concurrency[0] = 50
    site.events.publish(MessageReceived("service-desk", 1, "t-3", site.clock.now()))

    await expect(page.locator("#figure-concurrency .value")).to_have_text("50 / 50")
    await expect(page.locator("#alert-list")).to_contain_text("并发 50 / 50，已满")
    await expect(page.locator("#hours tr").last).to_be_visible()


async def test_a_lost_stream_says_since_when_and_comes_back(desk: Desk) -> None:
    page, site = desk.page, desk.site
    await page.route("**/events", lambda route: route.abort())
    await page.reload()
    await expect(page.locator("#stale")).to_have_text("数据停在 14:24，正在重连", timeout=10_000)

    site.concurrency[0] = 12
    await page.unroute("**/events")

    await expect(page.locator("#stale")).to_be_hidden(timeout=10_000)
    await expect(page.locator("#figure-concurrency .value")).to_have_text("12 / 50", timeout=15_000)


async def test_a_hidden_tab_hangs_up(desk: Desk) -> None:
    page = desk.page
    hide = "hidden => {Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    hide += "document.dispatchEvent(new Event('visibilitychange'))}"

    async with page.expect_event("requestfailed", lambda request: request.url.endswith("/events")):
        await page.evaluate(hide, True)
    async with page.expect_request("**/events"):
        await page.evaluate(hide, False)


@pytest.mark.parametrize(
    "path", ["/", "/conversations", "/deadletters", "/channels", "/channels/add/wecom-app?name=service-desk"]
)
async def test_a_page_is_small_and_asks_nobody_else(desk: Desk, path: str) -> None:
    page = desk.page
    await page.wait_for_load_state("load")
    desk.requests.clear()
    sizes: list[int] = []

    async def weigh(request: object) -> None:
        sizes.append((await request.sizes())["responseBodySize"])  # type: ignore[attr-defined]

    waiting: list[asyncio.Task[None]] = []
    page.on("requestfinished", lambda request: waiting.append(asyncio.ensure_future(weigh(request))))
    await desk.open(path)
    await page.wait_for_timeout(500)
    await asyncio.gather(*waiting)

    assert all(url.startswith(desk.base) for url in desk.requests), desk.requests
    assert len(desk.requests) <= 10
    assert sum(sizes) <= 60_000, sizes
    assert desk.complaints == []


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/conversations", "/conversations/{id}", "/deadletters", "/deadletters?drop={letter}", "/nowhere"),
        *("/channels", "/channels/add", "/channels/add/wecom-app?name=service-desk", "/channels/add/web"),
    ],
)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_on_a_phone_nothing_runs_off_the_side(site: World, browser: Browser, path: str, scheme: str) -> None:
    async with desk_at(site, browser, width=390, height=844, color_scheme=scheme) as desk:
        number = (await site.stores.conversations.conversations(limit=1))[0].id
        letter = (await site.stores.dead_letters.dead_letters())[0].id
        await desk.open(path.format(id=number, letter=letter))

        assert await desk.page.evaluate("document.documentElement.scrollWidth") == 390
        await expect(desk.page.locator("nav.side a[href='/conversations']")).to_be_in_viewport()


async def test_on_a_phone_every_page_is_two_touches_away_in_english_too(tmp_path: Path, browser: Browser) -> None:
    async with world(tmp_path, language="en") as english, desk_at(english, browser, width=390, height=844) as desk:
        page = desk.page
        await desk.open("/skills")
        assert await page.evaluate("document.querySelector('nav.side').scrollWidth") <= 390
        await expect(page.locator("nav.side li:visible")).to_have_text(
            ["Overview", re.compile("Conv"), "Approvals", "Knowledge"]
        )

        await page.get_by_role("link", name="More").click()
        await expect(page.locator("nav.side li:visible")).to_have_count(9)
        assert await page.evaluate("document.querySelector('nav.side').scrollWidth") <= 390
        await page.get_by_role("link", name="Less").click()
        await expect(page.locator("nav.side li:visible")).to_have_count(4)
        await page.get_by_role("link", name="More").click()
        await page.get_by_role("link", name="Channels").click()
        await expect(page.locator("h1")).to_have_text("Channels")
        await expect(page.locator("nav.side li:visible")).to_have_count(4)


async def test_on_a_phone_the_list_leads_to_the_thread_and_back(site: World, browser: Browser) -> None:
    async with desk_at(site, browser, width=390, height=844) as desk:
        page = desk.page
        await desk.open("/conversations")
        await expect(page.locator(".pane")).to_be_hidden()

        await page.locator("#rows a", has_text="林晓燕").click()
        await expect(page.locator("#thread-head h2")).to_have_text("林晓燕")
        await expect(page.locator("#rows")).to_be_hidden()
        await page.locator("#head-facts").click()
        await expect(page.locator("#context")).to_be_in_viewport()
        await page.locator("#context-close").click()
        await expect(page.locator("#context")).to_be_hidden()

        await page.locator("#head-back").click()
        await expect(page.locator("#rows")).to_be_visible()


async def test_dark_follows_the_system_until_somebody_chooses(site: World, browser: Browser) -> None:
    async with desk_at(site, browser, color_scheme="dark") as desk:
        page = desk.page
        ground = "getComputedStyle(document.body).backgroundColor"
        assert await page.evaluate(ground) == "rgb(18, 20, 19)"

        await page.locator("details.menu summary").click()
        await page.get_by_role("button", name="浅色").click()
        await page.wait_for_load_state("load")
        assert await page.evaluate(ground) == "rgb(246, 246, 243)"


async def test_somebody_can_say_who_they_are(desk: Desk) -> None:
    page = desk.page
    await page.locator("details.menu summary").click()
    await page.get_by_label("你的名字").fill("王芳")
    await page.get_by_role("button", name="改名").click()

    await expect(page.locator(".avatar")).to_have_text("王")


async def test_at_twice_the_size_everything_is_still_there(site: World, browser: Browser) -> None:
    async with desk_at(site, browser, width=720, height=450) as desk:
        assert await desk.page.evaluate("document.documentElement.scrollWidth") == 720
        await desk.open("/conversations")
        assert await desk.page.evaluate("document.documentElement.scrollWidth") == 720
        await expect(desk.page.locator("#head-act button")).to_be_in_viewport()


async def test_a_dead_letter_shows_by_itself_and_is_retried_dropped_and_gone(desk: Desk) -> None:
    page, site = desk.page, desk.site
    await desk.open("/deadletters")
    await expect(page.locator("#letter-rows tr")).to_have_count(1)

    await say(site.stores, Spoken(0, "service-desk", "何静", "送错货了"), now=site.clock.now())
    (claim,) = await site.stores.pipeline.claim(owner=OWNER, limit=1, now=site.clock.now())
    await site.stores.pipeline.bury(claim, error="ValueError: 读不懂", now=site.clock.now())
    site.events.publish(TurnGivenUp("service-desk", claim.conversation_id, claim.turn_id, "ValueError: 读不懂"))
    row = page.locator(f"#letter-{claim.turn_id}")
    await expect(row).to_contain_text("送错货了")
    await expect(page.locator("#letters-badge")).to_contain_text("2 封死信")

    await row.get_by_role("button", name="重试").click()
    await expect(row).to_have_count(0)
    await expect(page.locator("#letters-said")).to_contain_text("何静的这一封已放回")
    assert [one.turn_id for one in await site.stores.pipeline.claim(owner=OWNER, limit=9, now=site.clock.now())] == [
        claim.turn_id
    ]

    await page.get_by_role("link", name="放弃陈思的这一封").press("Enter")
    await expect(page.locator("#letter-rows")).to_contain_text("放弃后不能再重试")
    site.events.publish(ConversationChanged(1))  # a refresh does not answer for the person
    await expect(page.locator("#asked input")).to_have_count(1)
    await page.get_by_role("link", name="先留着").click()
    await expect(page.get_by_role("button", name="重试")).to_have_count(1)
    await page.get_by_role("link", name="放弃陈思的这一封").click()
    await page.get_by_role("button", name="放弃这一封").click()
    await expect(page.locator("#letters-none")).to_contain_text("没有死信")
    await expect(page.locator("#letters-badge")).to_be_hidden()
    assert desk.complaints == []


async def test_a_refresh_that_was_under_way_does_not_take_a_question_away(desk: Desk) -> None:
    page, site = desk.page, desk.site
    await desk.open("/deadletters")
    held, late = asyncio.Event(), asyncio.Event()

    async def slowly(route: Route) -> None:
        if "drop=" not in route.request.url:
            held.set()
            await late.wait()
        await route.continue_()

    await page.route("**/parts/deadletters*", slowly)
    site.events.publish(ConversationChanged(1))
    await asyncio.wait_for(held.wait(), 10)
    await page.get_by_role("link", name="放弃陈思的这一封").click()
    await expect(page.locator("#asked input")).to_have_count(1)
    late.set()

    async with page.expect_response("**/parts/deadletters*"):  # what comes now was asked for after the question
        site.events.publish(ConversationChanged(1))
    await expect(page.get_by_role("button", name="放弃这一封")).to_have_count(1)
    assert desk.complaints == []


async def link_lin(page: Page) -> None:
    """Link 林晓燕 with the contact of the same name on Feishu, by keyboard and mouse."""
    await page.locator("#link-begin").click()
    await expect(page.locator("#link-q")).to_be_focused()
    await page.locator("#link-q").fill("没有这个人")
    await expect(page.locator("#link-found")).to_contain_text("没有找到别的联系人")
    await page.locator("#link-q").fill("ou_7D8A")
    await page.locator("#link-found a", has_text="林晓燕").click()
    await expect(page.locator("#link-sheet")).to_contain_text(LIN_ON_FEISHU)
    await page.get_by_role("button", name="确认关联").click()
    await expect(page.locator("#link-sheet")).to_have_count(0)


async def test_the_contacts_of_one_person_are_linked_shown_beside_each_other_and_taken_apart(desk: Desk) -> None:
    page, site = desk.page, desk.site
    private, _ = await meet(site)
    (wecom,) = await site.stores.conversations.of_contact(ContactKey("service-desk", LIN_ON_WECOM))
    await desk.open(f"/conversations/{wecom.id}")
    await expect(page.locator("#context-identity")).to_contain_text("没有关联别的渠道")
    await page.keyboard.press("t")
    await page.locator("#reply").fill("林女士，")

    await link_lin(page)

    card = page.locator(".identity")
    await expect(card).to_contain_text("11 月全勤")
    await expect(page.locator("#log")).not_to_contain_text("全勤")
    await expect(page.locator("#reply")).to_have_value("林女士，")
    await card.locator("a.meeting").click()
    await expect(page).to_have_url(f"{desk.base}/conversations/{private}")
    await expect(page.locator("#log")).to_contain_text("11 月全勤")
    await expect(page.locator("#log")).not_to_contain_text("打印机")
    await page.get_by_role("button", name="取消关联企业微信").click()
    await expect(page.locator("#context-identity")).to_contain_text("没有关联别的渠道")
    assert desk.complaints == []


async def test_looking_for_a_contact_survives_refreshes_and_ends_with_the_conversation(desk: Desk) -> None:
    page, site = desk.page, desk.site
    await meet(site)
    (wecom,) = await site.stores.conversations.of_contact(ContactKey("service-desk", LIN_ON_WECOM))
    await desk.open(f"/conversations/{wecom.id}")
    await page.locator("#link-begin").click()
    await expect(page.locator("#link-q")).to_be_focused()
    await page.locator("#link-q").fill("赵")
    await expect(page.locator("#link-found")).to_contain_text("赵倩")
    number = int(page.url.rpartition("/")[2])
    await write(site, "feishu", Contact("ou_sun", "孙悦"), "在吗", reply="在的。")
    site.events.publish(ConversationChanged(number))
    await expect(page.locator("#rows")).to_contain_text("孙悦")
    await expect(page.locator("#link-q")).to_have_value("赵")

    await page.locator("#rows a", has_text="孙悦").click()
    await expect(page.locator("#thread-head h2")).to_have_text("孙悦")
    await expect(page.locator("#link-sheet")).to_have_count(0)
    await page.locator("#link-begin").click()
    await page.locator("#link-close").click()
    await expect(page.locator("#link-sheet")).to_have_count(0)
    assert desk.complaints == []


async def test_on_a_phone_contacts_are_linked_over_the_whole_page(site: World, browser: Browser) -> None:
    await meet(site)
    async with desk_at(site, browser, width=390, height=844) as desk:
        page = desk.page
        await desk.open("/conversations")
        await page.locator("#rows a", has_text="很抱歉").click()
        await page.locator("#head-facts").click()
        await link_lin(page)
        await expect(page.locator(".identity")).to_be_in_viewport()
        assert await page.evaluate("document.documentElement.scrollWidth") == 390


async def test_a_failed_reply_is_retried_where_it_stands(desk: Desk) -> None:
    page = desk.page
    await desk.open("/conversations")
    await page.locator("#rows a", has_text="陈思").click()
    await expect(page.locator(".undelivered")).to_contain_text("没有送达")

    await page.locator("#log").get_by_role("button", name="重试").click()

    await expect(page.locator("#log article header").last).to_contain_text("待发送")
    await expect(page.locator(".undelivered")).to_have_count(0)
    await expect(page.locator("#letters-badge")).to_be_hidden()
    assert desk.complaints == []


async def test_a_channel_that_is_displaced_shows_by_itself_and_is_taken_back(desk: Desk) -> None:
    page, site = desk.page, desk.site
    await desk.open("/channels")
    card = page.locator("#channel-service-desk")
    await card.get_by_role("textbox").fill("zhangsan")
    channel = site.channels["service-desk"]

    channel.state = ChannelHealth("down", "another instance has taken the connection over", displaced=True)
    site.events.publish(MessageReceived("website", 1, "t-1", site.clock.now()))
    await expect(card.locator(".standing")).to_have_text("被别处占用")
    await expect(card.get_by_role("textbox")).to_have_value("zhangsan")

    await card.get_by_role("button", name="重新连接").click()
    await expect(card.locator(".told")).to_have_text("5 秒内会重新连接。")
    assert channel.resumed == 1
    await card.get_by_role("button", name="发送测试消息").click()
    await expect(card.locator(".told")).to_have_text("测试消息在发件箱里，能发时就发出。")
    assert len(site.woken) == 1
    assert desk.complaints == []


async def test_a_guide_leads_to_a_channel_and_ticks_its_steps_off(desk: Desk) -> None:
    page, site = desk.page, desk.site
    await desk.open("/channels")
    await page.get_by_role("link", name="添加渠道").click()
    await page.get_by_role("link", name="企业微信 约 5 分钟").click()
    await page.get_by_label("渠道的名字").fill("hr")
    await page.get_by_label("平台从哪个网址访问本服务").fill("https://ai.huaxing.example")
    await page.get_by_role("button", name="更新地址").click()
    address = "https://ai.huaxing.example/channels/hr/callback"
    await expect(page.locator("#address-callback")).to_have_text(address)

    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await page.locator("#step-callback").get_by_role("button", name="复制").click()
    await expect(page.locator("#step-callback").get_by_role("button", name="已复制")).to_be_visible()
    assert await page.evaluate("navigator.clipboard.readText()") == address

    await expect(page.locator("#step-callback-seen")).to_contain_text("写好设置后")
    now = site.clock.now()
    site.channels["hr"] = DeskChannel("hr", ChannelHealth("ready", proofs={"callback": now}))
    site.events.publish(MessageReceived("website", 1, "t-1", now))
    await expect(page.locator("#step-callback-seen")).to_have_text("收到企业微信的验证请求 14:24:00")
    await page.get_by_role("button", name="检查凭据").click()
    await expect(page.locator(".told")).to_have_text("凭据可用。")
    await expect(page.locator("#step-create-seen")).to_contain_text("凭据可用", timeout=10_000)
    assert desk.complaints == []


async def test_over_plain_http_the_address_is_copied_all_the_same(desk: Desk) -> None:
    page = desk.page
    await desk.open("/channels/add/wecom-app")
    await page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")

    await page.locator("#step-callback").get_by_role("button", name="复制").click()

    await expect(page.locator("#step-callback").get_by_role("button", name="已复制")).to_be_visible()


async def test_a_row_that_waits_is_a_row_and_the_summary_is_where_the_eye_is(site: World, browser: Browser) -> None:
    for width, height, summary in ((1440, 900, "#context-handoff"), (390, 844, "#handoff-card")):
        async with desk_at(site, browser, width=width, height=height) as desk:
            await desk.open("/conversations")
            row = desk.page.locator("#rows a", has_text="林晓燕")
            box = await row.bounding_box()
            await row.click()
            await expect(desk.page.locator(summary)).to_contain_text("上次也是这么说的")
            hidden = "#handoff-card" if summary == "#context-handoff" else "#context-handoff"
            await expect(desk.page.locator(hidden)).to_be_hidden()

        assert box is not None
        assert box["width"] > 250
        assert box["height"] > 40
