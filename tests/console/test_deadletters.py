"""The page of dead letters, and what a thread says of them."""

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from ai_worker.pipeline.deadletter import DeadLetter
from ai_worker.pipeline.facts import ConversationChanged, MessageResubmitted
from tests.console.reading import attribute, csrf_of, number_of, page_of, texts, words
from tests.console.sample import OWNER, Spoken, answer, say
from tests.console.world import World, world

HTMX = {"HX-Request": "true"}


async def bury(site: World, who: str, text: str, *, error: str = "ValueError: 读不懂") -> str:
    """Let somebody say something that is given up; return its turn."""
    await say(site.stores, Spoken(0, "service-desk", who, text), now=site.clock.now())
    (claim,) = await site.stores.pipeline.claim(owner=OWNER, limit=1, now=site.clock.now())
    await site.stores.pipeline.bury(claim, error=error, now=site.clock.now())
    site.clock.advance(timedelta(minutes=1))
    return claim.turn_id


async def only(site: World) -> DeadLetter:
    (letter,) = await site.stores.dead_letters.dead_letters()
    return letter


async def post(reader: httpx.AsyncClient, path: str, **data: str) -> httpx.Response:
    return await reader.post(path, headers={**HTMX, "X-CSRF-Token": await csrf_of(reader)}, data=data)


async def test_a_dead_letter_says_who_what_why_how_often_and_since_when(site: World, reader: httpx.AsyncClient) -> None:
    turn = await bury(site, "何静", "送错货了", error="ToolBroken: ERP 没有回应")

    page = page_of(await reader.get("/deadletters"))

    message, reply = page.css("#letter-rows tr")
    assert message.attributes["id"] == f"letter-{turn}"
    assert [words(cell) for cell in message.css("th, td")[:5]] == [
        "微何静企业微信",
        "对方的消息送错货了",
        "没有处理成ToolBroken: ERP 没有回应",
        "1 次",
        "14:24",
    ]
    assert words(reply.css_first("th b")) == "陈思"
    assert words(reply.css_first(".why")) == "没有送达errcode 60020：访问 IP 不在可信名单里"
    assert words(page.css_first("#letters-count")) == "2 封死信等你决定。它们不会自己重试，也不会丢失。"
    assert words(page.css_first("#letters-badge")) == "22 封死信"
    assert attribute(page, f"#letter-{turn} .text a", "href") == f"/conversations/{await number_of(reader, '何静')}"


async def test_no_dead_letters_is_said_as_the_good_thing_it_is(new_reader: httpx.AsyncClient) -> None:
    page = page_of(await new_reader.get("/deadletters"))

    assert words(page.css_first("#letters-none")) == "没有死信。收到的消息都处理了，回复也都送出去了。"
    assert not page.css("#letter-rows tr")
    assert attribute(page, "nav.side a[aria-current]", "href") == "/deadletters"
    assert page.css("#letters-badge[hidden]")


async def test_a_message_that_is_retried_waits_again(site: World, reader: httpx.AsyncClient) -> None:
    turn = await bury(site, "何静", "送错货了")
    heard: list[object] = []
    site.events.subscribe(MessageResubmitted, heard.append)
    site.events.subscribe(ConversationChanged, heard.append)

    part = page_of(await post(reader, f"/deadletters/{turn}/retry"))

    assert [node.attributes["id"] for node in part.css("#letter-rows tr")] == [f"letter-{(await only(site)).id}"]
    assert words(part.css_first("#letters-said")) == "何静的这一封已放回，几秒内重试。"
    assert words(part.css_first("#letters-badge")) == "11 封死信"
    number = await number_of(reader, "何静")
    assert heard == [MessageResubmitted("service-desk", number, turn), ConversationChanged(number)]
    (claim,) = await site.stores.pipeline.claim(owner=OWNER, limit=9, now=site.clock.now())
    assert (claim.turn_id, claim.attempt) == (turn, 1)


async def test_a_reply_that_is_retried_is_sent_again_at_once(site: World, reader: httpx.AsyncClient) -> None:
    letter = await only(site)

    await post(reader, f"/deadletters/{letter.id}/retry")

    assert len(site.woken) == 1
    due = await site.stores.pipeline.claim_outbound(owner=OWNER, limit=9, now=site.clock.now())
    assert letter.id in [message.id for message in due]
    assert await site.stores.dead_letters.count() == 0


async def test_dropping_asks_in_place_and_can_be_left(site: World, reader: httpx.AsyncClient) -> None:
    letter = await only(site)
    row = f"#letter-{letter.id}"
    page = page_of(await reader.get("/deadletters"))
    asking = page_of(await reader.get(attribute(page, f"{row} a.button", "href")))

    assert words(asking.css_first(f"{row} .acts p")) == "放弃后不能再重试，内容仍在对话里。"
    assert not asking.css(f'{row} form[action$="/retry"]')
    assert attribute(asking, "#asked input", "value") == letter.id, "a refresh goes on asking"
    refreshed = page_of(await reader.get("/parts/deadletters", params={"drop": letter.id}))
    assert refreshed.css(f'{row} form[action$="/drop"]')
    left = page_of(await reader.get(attribute(asking, f"{row} a.button", "href")))
    assert left.css(f'{row} form[action$="/retry"]')
    assert await site.stores.dead_letters.count() == 1


async def test_a_dropped_reply_is_gone_from_the_page_and_its_end_stays_in_the_thread(
    site: World, reader: httpx.AsyncClient
) -> None:
    letter = await only(site)

    part = page_of(await post(reader, f"/deadletters/{letter.id}/drop"))

    assert words(part.css_first("#letters-none b")) == "没有死信。"
    assert words(part.css_first("#letters-said")) == "陈思的这一封已放弃，内容仍在对话里。"
    thread = page_of(await reader.get(f"/conversations/{letter.conversation_id}"))
    assert texts(thread, ".undelivered") == ["没有送达：errcode 60020：访问 IP 不在可信名单里 · 已放弃"]
    assert not thread.css("form.retry")


async def test_both_acts_work_without_a_script(site: World, reader: httpx.AsyncClient) -> None:
    turn = await bury(site, "何静", "送错货了")
    letter = (await site.stores.dead_letters.dead_letters())[-1]
    token = await csrf_of(reader)

    retried = await reader.post(f"/deadletters/{turn}/retry", data={"csrf": token})
    dropped = await reader.post(f"/deadletters/{letter.id}/drop", data={"csrf": token})

    assert [(one.status_code, one.headers["location"]) for one in (retried, dropped)] == [(303, "/deadletters")] * 2
    assert await site.stores.dead_letters.count() == 0


@pytest.mark.parametrize("act", ["retry", "drop"])
async def test_a_colleague_who_was_quicker_is_respected_in_clear_words(
    site: World, reader: httpx.AsyncClient, act: str
) -> None:
    letter = await only(site)
    await site.stores.dead_letters.drop(letter.id)

    response = await post(reader, f"/deadletters/{letter.id}/{act}")

    assert response.status_code == 404
    assert "可能刚被同事重试或放弃" in response.text
    assert "deadletters.not_found" in response.text


@pytest.mark.parametrize("path", ["/deadletters/x/retry", "/deadletters/x/drop", "/conversations/1/retry"])
async def test_an_act_that_was_not_meant_is_refused(reader: httpx.AsyncClient, path: str) -> None:
    assert (await reader.post(path)).status_code == 403


async def test_a_failed_reply_can_be_retried_in_its_thread(site: World, reader: httpx.AsyncClient) -> None:
    letter, number = await only(site), await number_of(reader, "陈思")
    page = page_of(await reader.get(f"/conversations/{number}"))
    assert attribute(page, "form.retry input[name=letter]", "value") == letter.id

    part = page_of(await post(reader, f"/conversations/{number}/retry", letter=letter.id))

    assert "待发送" in texts(part, "#log header")[-1]
    assert not part.css(".undelivered")
    assert words(part.css_first("#letters-badge")) == "00 封死信"
    assert len(site.woken) == 1


async def test_a_given_up_message_says_so_in_its_thread_and_can_be_retried_there(
    site: World, reader: httpx.AsyncClient
) -> None:
    turn = await bury(site, "何静", "送错货了", error="ValueError: 读不懂")
    number = await number_of(reader, "何静")

    page = page_of(await reader.get(f"/conversations/{number}"))

    assert texts(page, ".undelivered") == ["没有处理成：ValueError: 读不懂"]
    assert attribute(page, "form.retry input[name=letter]", "value") == turn
    await post(reader, f"/conversations/{number}/retry", letter=turn)
    assert not page_of(await reader.get(f"/conversations/{number}")).css(".undelivered, form.retry")


async def test_an_unsure_send_is_said_to_be_unknown_and_not_guessed(site: World, reader: httpx.AsyncClient) -> None:
    spoken = Spoken(0, "service-desk", "何静", "到货了吗", "到了。", delivery="unknown", error="wecom: no answer")
    number = await say(site.stores, spoken, now=site.clock.now())

    page = page_of(await reader.get(f"/conversations/{number}"))

    assert texts(page, ".undelivered") == ["结果未知，平台没有回应：wecom: no answer"]


async def test_an_expired_reply_says_that_it_was_not_sent(site: World, reader: httpx.AsyncClient) -> None:
    spoken = Spoken(0, "service-desk", "何静", "到货了吗")
    number = await say(site.stores, spoken, now=site.clock.now())
    await answer(site.stores, Spoken(0, "service-desk", "何静", "", "到了。", delivery="expired"), at=site.clock.now())

    thread = page_of(await reader.get(f"/conversations/{number}"))
    letters = page_of(await reader.get("/deadletters"))

    assert texts(thread, ".undelivered") == ["超过可回复的时限，没有送达"]
    assert texts(letters, ".why")[0] == "超过可回复的时限，没有送达"


async def test_what_contacts_and_platforms_wrote_is_shown_as_text(site: World, reader: httpx.AsyncClient) -> None:
    await bury(site, "<b>何静</b>", "<script>alert(1)</script>", error="<img src=x>")

    response = await reader.get("/deadletters")

    assert "<script>alert" not in response.text
    assert "<img" not in response.text
    assert texts(page_of(response), ".text a")[0] == "<script>alert(1)</script>"


async def test_the_page_speaks_english_too(tmp_path: Path) -> None:
    async with world(tmp_path, language="en") as site:
        client = await site.signed_in()
        page = page_of(await client.get("/deadletters"))
        await client.aclose()

    assert words(page.css_first("h1")) == "Dead letters"
    assert texts(page, "thead th") == ["Contact", "Text", "Why", "Tried", "Since", "Actions"]
