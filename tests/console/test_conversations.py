import httpx
import pytest

from ai_worker.conversation.conversation import State
from ai_worker.conversation.message import Reply
from ai_worker.pipeline.board import PersonSaid
from ai_worker.pipeline.facts import ConversationChanged
from tests.console.reading import attribute, csrf_of, number_of, page_of, texts, words
from tests.console.world import World

HTMX = {"HX-Request": "true"}


async def test_who_waits_for_a_person_comes_first_and_longest(reader: httpx.AsyncClient) -> None:
    names = texts(page_of(await reader.get("/conversations")), "#rows b")

    assert names[:2] == ["林晓燕", "周建国"]
    assert set(names[2:]) == {"采购组 · 郑凯", "陈思", "Marco Rossi", "吴敏", "刘洋", "赵倩"}


async def test_filters_carry_their_counts_and_narrow_the_list(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get("/conversations?state=waiting"))

    assert texts(page, "#chips a") == ["全部 8", "等人工 2", "人工中 1", "自动 5"]
    assert attribute(page, "#chip-waiting", "aria-current") == "true"
    assert texts(page, "#rows b") == ["林晓燕", "周建国"]
    assert attribute(page, "#rows a", "href").endswith("?state=waiting")


async def test_an_unknown_filter_means_all(reader: httpx.AsyncClient) -> None:
    assert len(page_of(await reader.get("/conversations?state=<b>")).css("#rows a")) == 8


async def test_nobody_waiting_is_said_as_the_good_thing_it_is(new_reader: httpx.AsyncClient) -> None:
    assert words(page_of(await new_reader.get("/conversations?state=waiting")).css_first("#rows")) == "没有人在等。"


async def test_a_thread_shows_what_was_said_and_what_it_rests_on(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get(f"/conversations/{await number_of(reader, '林晓燕')}"))

    assert attribute(page, "#log", "role") == "log"
    assert attribute(page, "#log", "aria-live") == "polite"
    headers = texts(page, "#log header")
    assert headers[0] == "林晓燕 · 14:15"
    assert headers[1] == "小智 · 14:15 · 1.38 秒 · 已送达"
    assert "依据 售后政策 §3.2" in texts(page, "#log .basis")
    assert '工具 erp.get_refund(order="ORD12345")' in texts(page, "#log .basis")
    assert texts(page, "#log .notice") == ["已转人工：投诉 14:17"]
    assert attribute(page, "#log time", "datetime") == "2026-11-22T06:15:00+00:00"


async def test_the_context_follows_the_chosen_conversation(reader: httpx.AsyncClient) -> None:
    one, other = await number_of(reader, "林晓燕"), await number_of(reader, "吴敏")

    first = page_of(await reader.get(f"/conversations/{one}"))
    second = page_of(await reader.get(f"/conversations/{other}", headers=HTMX))

    assert words(first.css_first("#context-contact dd")) == "林晓燕"
    assert words(second.css_first("#context-contact dd")) == "吴敏"
    assert "投诉" in words(first.css_first("#context-conversation"))
    assert "退款自签收之日起" in words(first.css_first("#context-sources"))
    assert texts(first, ".steps b")[-1] == "0.6 毫秒"


async def test_choosing_marks_the_row_and_unmarks_the_others(reader: httpx.AsyncClient) -> None:
    number = await number_of(reader, "吴敏")

    part = page_of(await reader.get(f"/conversations/{number}", headers=HTMX))

    assert [node.attributes["id"] for node in part.css("#rows a[aria-current]")] == [f"row-{number}"]
    assert attribute(part, "#rows", "hx-swap-oob") == "keyed"
    assert "吴敏" in words(part.css_first("title"))


async def test_going_back_in_the_browser_gives_the_whole_page(reader: httpx.AsyncClient) -> None:
    response = await reader.get("/conversations", headers={**HTMX, "HX-History-Restore-Request": "true"})

    assert page_of(response).css_first("nav.side") is not None


async def test_an_undelivered_reply_says_so_in_the_vendors_words(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get(f"/conversations/{await number_of(reader, '陈思')}"))

    assert texts(page, ".undelivered") == ["没有送达：errcode 60020：访问 IP 不在可信名单里"]


async def test_files_are_named_and_not_opened(reader: httpx.AsyncClient) -> None:
    page = page_of(await reader.get(f"/conversations/{await number_of(reader, '采购组')}"))

    assert texts(page, ".part") == ["到货清单 11-22.xlsx"]
    assert not page.css("#log a, #log img")


async def test_taking_over_answering_and_handing_back(site: World, reader: httpx.AsyncClient) -> None:
    number, token = await number_of(reader, "林晓燕"), await csrf_of(reader)
    heard: list[ConversationChanged] = []
    site.events.subscribe(ConversationChanged, heard.append)
    headers = {**HTMX, "X-CSRF-Token": token}

    with site.board.conversation(number) as listener:
        taken = page_of(await reader.post(f"/conversations/{number}/take-over", headers=headers))
        said = page_of(
            await reader.post(
                f"/conversations/{number}/say", headers=headers, data={"text": "您好林女士，我是王芳，马上为您核实。"}
            )
        )
        note = await listener.next()
    back = page_of(await reader.post(f"/conversations/{number}/hand-back", headers=headers))

    assert words(taken.css_first("#head-state")) == "人工处理中"
    assert taken.css_first("textarea[data-focus]") is not None
    assert texts(taken, "#chips a") == ["全部 8", "等人工 1", "人工中 2", "自动 5"]
    assert words(taken.css_first("#badge")) == "11 个会话在等人工"
    assert texts(said, ".human .said") == ["您好林女士，我是王芳，马上为您核实。"]
    assert note == PersonSaid(number, Reply("您好林女士，我是王芳，马上为您核实。"), "值班员")
    assert len(site.woken) == 1
    assert texts(back, "#log .notice")[-2:] == [
        "值班员接手了会话，数字员工暂停回复 14:24",
        "值班员把会话交还给了数字员工 14:24",
    ]
    assert words(back.css_first("#composer")) == "数字员工在处理。接手后，它会停止自动回复。"
    assert heard == [ConversationChanged(number)] * 3


async def test_taking_over_works_without_a_script(site: World, reader: httpx.AsyncClient) -> None:
    number = await number_of(reader, "周建国")
    page = page_of(await reader.get(f"/conversations/{number}?state=waiting"))
    form = {str(node.attributes["name"]): node.attributes["value"] for node in page.css("#head-act input")}

    response = await reader.post(attribute(page, "#head-act", "action"), data=form)

    assert (response.status_code, response.headers["location"]) == (303, f"/conversations/{number}?state=waiting")
    assert (await site.stores.conversations.conversation(number)).state is State.HUMAN


async def test_a_colleague_who_was_quicker_is_respected_in_clear_words(site: World, reader: httpx.AsyncClient) -> None:
    number, token = await number_of(reader, "林晓燕"), await csrf_of(reader)
    await site.stores.conversations.take_over(number, "王芳", site.clock.now())

    response = await reader.post(f"/conversations/{number}/take-over", headers={**HTMX, "X-CSRF-Token": token})

    assert response.status_code == 409
    assert response.headers["hx-retarget"] == "#flash"
    assert "这个会话已由另一位同事接手" in response.text
    assert "conversation.already_taken" in response.text
    assert words(page_of(await reader.get(f"/conversations/{number}")).css_first("#composer")) == (
        "王芳 正在处理这个会话。"
    )


@pytest.mark.parametrize(("text", "code"), [("  \n ", "console.empty_reply"), ("长" * 4_001, "console.long_reply")])
async def test_a_reply_that_cannot_be_sent_is_not_stored(
    site: World, reader: httpx.AsyncClient, text: str, code: str
) -> None:
    number, headers = await number_of(reader, "林晓燕"), {**HTMX, "X-CSRF-Token": await csrf_of(reader)}
    await reader.post(f"/conversations/{number}/take-over", headers=headers)

    response = await reader.post(f"/conversations/{number}/say", headers=headers, data={"text": text})

    assert response.status_code == 422
    assert code in response.text
    assert not page_of(await reader.get(f"/conversations/{number}")).css(".human")
    assert not site.woken


async def test_a_refresh_keeps_the_box_in_which_somebody_writes(reader: httpx.AsyncClient) -> None:
    number, headers = await number_of(reader, "林晓燕"), {**HTMX, "X-CSRF-Token": await csrf_of(reader)}
    await reader.post(f"/conversations/{number}/take-over", headers=headers)

    same = page_of(await reader.get(f"/parts/conversations/{number}?composer=mine"))
    other = page_of(await reader.get(f"/parts/conversations/{number}?composer=blocked"))

    assert same.css_first("#log") is not None
    assert same.css_first("#composer") is None
    assert other.css_first("#composer") is not None


@pytest.mark.parametrize("path", ["/conversations/99999", "/parts/conversations/99999"])
async def test_an_unknown_conversation_is_a_page_that_says_so(reader: httpx.AsyncClient, path: str) -> None:
    response = await reader.get(path)

    assert response.status_code == 404
    assert "没有这个会话" in response.text


async def test_a_name_is_what_contacts_and_colleagues_see(reader: httpx.AsyncClient) -> None:
    response = await reader.post(
        "/name", data={"csrf": await csrf_of(reader), "name": " 王芳 ", "back": "/conversations"}
    )
    assert (response.status_code, response.headers["location"]) == (303, "/conversations")

    number, headers = await number_of(reader, "周建国"), {**HTMX, "X-CSRF-Token": await csrf_of(reader)}
    taken = page_of(await reader.post(f"/conversations/{number}/take-over", headers=headers))

    assert "王芳接手了会话" in texts(taken, "#log .notice")[-1]
    assert "以“王芳”的名义回复" in attribute(taken, "#reply", "placeholder")
