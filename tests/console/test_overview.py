from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx

from ai_worker.channels.contract import ChannelHealth
from ai_worker.knowledge.store import Document
from tests.console.reading import attribute, page_of, texts, words
from tests.console.sample import Spoken, say
from tests.console.world import CALM, FULL_DISK, World, world


async def test_every_figure_says_unit_window_target_and_whether_it_is_met(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get("/"))

    assert texts(page, ".figure h2") == ["消息处理成功率", "平均响应时间", "当前并发", "自主解决率"]
    for figure in page.css(".figure"):
        assert words(figure.css_first(".value b")) != "—"
        assert words(figure.css_first(".value span"))
        assert "24 小时" in words(figure)
    response = page.css_first("#figure-response")
    assert words(response.css_first(".target") if response else None) == "目标 ≤ 2 秒，已达标"
    assert "P95" in words(response)
    assert "P99" in words(response)
    concurrency = page.css_first("#figure-concurrency")
    assert words(concurrency.css_first(".value") if concurrency else None) == "37 / 50"
    assert "24 小时峰值 44" in words(concurrency)


async def test_a_missed_target_is_said_in_words_and_tops_the_status_line(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get("/"))

    # One reply of some ninety was not delivered.
    assert words(page.css_first("#figure-success .target")) == "目标 ≥ 99.9 %，未达标"
    assert "警告：成功率 98." in words(page.css_first("#status-line"))


async def test_the_worst_comes_first(site: World, reader: httpx.AsyncClient) -> None:
    site.machine.now = FULL_DISK
    site.channels["website"].state = ChannelHealth("down", last_error="端口 443 的证书已过期")

    page = page_of(await reader.get("/"))

    assert words(page.css_first("#status-line b")) == "错误：网页对话已断开"
    assert "端口 443 的证书已过期" in words(page.css_first("#status-line"))
    alerts = texts(page, "#alert-list li")
    assert alerts[0].startswith("错误")
    assert any("磁盘使用率 82 %" in alert and "超过 80 % 阈值" in alert for alert in alerts)
    assert "还有 2 项" in words(page.css_first("#status-line a"))


async def test_what_is_close_to_its_threshold_is_told_before_it_is_crossed(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get("/"))

    assert any("磁盘使用率 78 %" in alert and "接近 80 % 阈值" in alert for alert in texts(page, "#alert-list li"))


async def test_without_a_threshold_crossed_the_alerts_say_so(site: World, reader: httpx.AsyncClient) -> None:
    site.machine.now = replace(CALM, cpu_percent=3)

    assert "磁盘" not in words(page_of(await reader.get("/")).css_first("#alert-list"))


async def test_resources_are_meters_with_their_thresholds(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get("/"))

    assert [meter.attributes["aria-valuenow"] for meter in page.css('[role="meter"]')] == ["41", "62", "78"]
    assert [meter.attributes["aria-valuetext"] for meter in page.css('[role="meter"]')] == [
        "41 %，告警阈值 85 %",
        "62 %，告警阈值 90 %",
        "78 %，告警阈值 80 %",
    ]
    assert len(page.css('[role="meter"] .tick')) == 3


async def test_the_longest_wait_is_one_click_away(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get("/"))

    assert words(page.css_first("#task-list li")) == "2 个会话在等人工接手最久已等 6 分 11 秒去接手"
    opened = page_of(await reader.get(attribute(page, "#task-waiting", "href")))
    assert words(opened.css_first("#thread-head h2")) == "林晓燕"


async def test_unanswered_questions_are_counted_with_the_most_frequent_one(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get("/"))

    tasks = texts(page, "#task-list li")
    assert "个问题在知识库里没有答案" in tasks[2]
    assert "出现最多：“" in tasks[2]
    assert attribute(page, "#task-gaps", "href") == "/gaps"


async def test_dead_letters_are_one_click_away(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get("/"))

    assert texts(page, "#task-list li")[1] == "1 封死信等你决定最近一封：陈思，没有送达去看看"
    assert attribute(page, "#task-letters", "href") == "/deadletters"


async def test_channels_show_their_live_state(site: World, reader: httpx.AsyncClient) -> None:
    site.channels["procurement"].state = ChannelHealth("degraded", "发送频率接近上限")

    rows = texts(page_of(await reader.get("/")), "#channel-list li")

    assert rows[0].startswith("微 企业微信 · service-desk正常 · 回调正常 · 刚刚收到")
    assert "受限 · 发送频率接近上限" in rows[1]
    assert rows[2].startswith("网 网页对话正常 · 3 人在线 · 1 分前收到")


async def test_the_chart_has_a_sentence_and_a_table_behind_it(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get("/"))

    sentence = attribute(page, "svg.day", "aria-label")
    assert sentence.startswith("过去 24 小时共 ")
    assert "平均响应最慢的是" in sentence
    assert len(page.css("svg.day .volume")) == 24
    rows = page.css("#hours tr")
    assert len(rows) == 24
    assert words(rows[-1].css_first("th")) == "14:00"
    assert words(page.css_first("details.data summary")) == "看数据"


async def test_an_installation_without_messages_says_what_to_do_and_invents_nothing(
    new_reader: httpx.AsyncClient,
) -> None:
    page = page_of(await new_reader.get("/"))

    assert words(page.css_first("#welcome h2")) == "还没有消息"
    assert len(page.css("#welcome li")) == 3
    assert not page.css(".figure")
    assert "没有要处理的事" in words(page.css_first("#tasks"))
    assert "还没有接渠道" in words(page.css_first("#channels"))
    assert attribute(page, "svg.day", "aria-label") == "过去 24 小时没有消息。"
    assert words(page.css_first("#status-line")) == "已就绪 等待第一条消息。"


async def test_a_step_that_is_done_ticks_itself(new_site: World, new_reader: httpx.AsyncClient) -> None:
    assert not page_of(await new_reader.get("/")).css("#welcome .done")

    handbook = Document("员工手册.docx", "default", "员工手册", "ready", 86, new_site.clock.now())
    await new_site.stores.knowledge.put_document(handbook, [])
    new_site.clock.advance(timedelta(seconds=5))
    page = page_of(await new_reader.get("/"))

    assert texts(page, "#welcome .done b") == ["传资料"]


async def test_where_nothing_was_measured_stands_a_dash(new_site: World, new_reader: httpx.AsyncClient) -> None:
    await say(new_site.stores, Spoken(1, "service-desk", "林晓燕", "请问几点上班"), now=new_site.clock.now())

    page = page_of(await new_reader.get("/"))

    assert texts(page, ".figure .value b") == ["—", "—", "0", "—"]
    assert [node for node in page.css(".figure .met, .figure .missed") if "并发" not in words(node)] == [
        page.css_first("#figure-concurrency .target")
    ]
    assert "排队 1" in words(page.css_first("#figure-concurrency"))


async def test_a_refresh_brings_every_section_and_no_frame(reader: httpx.AsyncClient) -> None:
    part = page_of(await reader.get("/parts/overview"))

    swapped = {node.attributes["id"] for node in part.css("[hx-swap-oob]")}
    assert swapped == {
        "status", "figures", "chart", "hours", "tasks", "channels", "resources", "alerts", "clock", "badge",
        "letters-badge",
    }  # fmt: skip
    assert not part.css("nav")


async def test_a_console_alone_shows_the_turns_of_the_other_processes_and_no_limit(tmp_path: Path) -> None:
    async with world(tmp_path, filled=False, alone=True) as site:
        now, reader = site.clock.now(), await site.signed_in()
        for number, name in enumerate(("林晓燕", "陈建国")):
            await say(site.stores, Spoken(number, "service-desk", name, "请问几点上班"), now=now)
        await site.stores.pipeline.claim(owner="runner-of-another-process", limit=1, now=now)

        concurrency = page_of(await reader.get("/")).css_first("#figure-concurrency")
        await reader.aclose()

    assert words(concurrency.css_first(".value") if concurrency else None) == "1"
    assert "排队 1" in words(concurrency)
