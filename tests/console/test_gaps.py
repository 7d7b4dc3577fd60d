"""The page of gaps: what nothing answered well, answering it, and what would get worse by that."""

import csv
import io
import re
from urllib.parse import parse_qs, urlsplit

import httpx

from ai_worker.conversation.evaluation import GoldenQuestion
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Contact, InboundMessage, Reply
from ai_worker.conversation.turn import TurnResult
from tests.console.reading import attribute, csrf_of, page_of, texts, words
from tests.console.sample import OWNER
from tests.console.world import World


async def unanswered(site: World, *questions: str) -> None:
    now = site.clock.now()
    for text in questions:
        message = InboundMessage("service-desk", f"gap/{text}", f"asks/{text}", Contact("u-gap"), text, now)
        await site.stores.pipeline.accept(message)
        for claim in await site.stores.pipeline.claim(owner=OWNER, limit=99, now=now):
            unknown = TurnResult("handoff", Reply("已转人工。"), reason=Reason.UNKNOWN)
            await site.stores.pipeline.finish(claim, unknown, [], now=now, response_ms=5.0)


async def post(reader: httpx.AsyncClient, path: str, **data: object) -> httpx.Response:
    return await reader.post(path, data={"csrf": await csrf_of(reader), **data})


async def test_gaps_stand_in_groups_and_a_form_brings_all_their_wordings(
    new_site: World, new_reader: httpx.AsyncClient
) -> None:
    await unanswered(new_site, "食堂几点开饭", "食堂什么时候开饭", "有班车吗")

    page = page_of(await new_reader.get("/gaps"))
    first, other = texts(page, ".asked-so b")
    asked = {"食堂几点开饭", "食堂什么时候开饭"}
    assert (first in asked, other) == (True, "有班车吗")
    assert words(page.css_first(".asked-so small")) == f"还有 1 种问法：{min(asked - {first})}"

    form = page_of(await new_reader.get(attribute(page, "a.button.primary", "href")))
    assert {attribute(form, "#gap-question", "value"), words(form.css_first("#gap-aliases"))} == asked


async def test_what_is_written_is_published_and_the_gap_is_closed(
    new_site: World, new_reader: httpx.AsyncClient
) -> None:
    await unanswered(new_site, "食堂几点开饭")
    (gap,) = await new_site.stores.gaps.open_gaps(9)

    written = {"n": gap.number, "question": gap.question, "aliases": "食堂什么时候开\n\n食堂什么时候开", "base": "人事"}
    empty = await post(new_reader, "/gaps/answer", **written, answer=" ")
    assert (empty.status_code, words(page_of(empty).css_first(".refused"))) == (422, "还没有写答案。")
    done = await post(new_reader, "/gaps/answer", **written, answer="11:30 开饭。")

    assert done.status_code == 303
    after = page_of(await new_reader.get(done.headers["location"]))
    assert words(after.css_first(".said-so")) == "已发布：“食堂几点开饭”。再这样问就会得到这个答案。"
    assert words(after.css_first(".settled b")) == "食堂几点开饭"
    (change,) = await new_site.stores.knowledge.changes(0, 9)
    assert change.passage is not None
    assert (change.base, change.passage.aliases, change.passage.text) == ("人事", ("食堂什么时候开",), "11:30 开饭。")


async def test_a_dismissed_gap_can_be_put_back_at_once(new_site: World, new_reader: httpx.AsyncClient) -> None:
    await unanswered(new_site, "今晚吃什么")
    (gap,) = await new_site.stores.gaps.open_gaps(9)

    gone = await post(new_reader, "/gaps/dismiss", n=gap.number)
    assert await new_site.stores.gaps.open_gaps(9) == []
    undo = parse_qs(urlsplit(gone.headers["location"]).query)["undo"]
    assert words(page_of(await new_reader.get(gone.headers["location"])).css_first(".said-so button")) == "撤销"

    await post(new_reader, "/gaps/reopen", n=undo[0])
    assert [one.number for one in await new_site.stores.gaps.open_gaps(9)] == [gap.number]


async def test_what_a_new_entry_would_make_worse_is_shown_before_it_is_published(
    new_site: World, new_reader: httpx.AsyncClient
) -> None:
    await unanswered(new_site, "食堂几点开饭", "年会在哪开")
    canteen, party = sorted(await new_site.stores.gaps.open_gaps(9), key=lambda gap: "年会" in gap.question)
    await post(new_reader, "/gaps/answer", n=canteen.number, question="食堂几点开饭", answer="11:30 开饭。")
    golden = GoldenQuestion("q1", "食堂几点开饭", (f"gap-{canteen.number}",))
    await new_site.stores.evaluation.put_golden([golden], at=new_site.clock.now())

    clumsy = {"n": party.number, "question": "食堂几点开饭", "answer": "年会在食堂开。"}
    warned = page_of(await post(new_reader, "/gaps/answer", **clumsy))
    assert words(warned.css_first(".warned .worse b")) == "食堂几点开饭"
    assert [one.number for one in await new_site.stores.gaps.open_gaps(9)] == [party.number], "not published"

    assert (await post(new_reader, "/gaps/answer", **clumsy, anyway=1)).status_code == 303
    assert await new_site.stores.gaps.open_gaps(9) == []


async def test_golden_questions_are_asked_from_the_page(new_site: World, new_reader: httpx.AsyncClient) -> None:
    assert "ai-worker eval add" in words(page_of(await new_reader.get("/gaps")).css_first("#golden"))
    await new_site.stores.evaluation.put_golden([GoldenQuestion("q1", "火星几点下班", ())], at=new_site.clock.now())

    assert (await post(new_reader, "/gaps/evaluate")).headers["location"] == "/gaps#golden"

    page = page_of(await new_reader.get("/gaps"))
    told = dict(zip(texts(page, ".verdicts dt"), texts(page, ".verdicts dd"), strict=True))
    assert told["没有答案也没乱答"] == "1"


async def test_no_gaps_is_said_as_the_good_thing_it_is(new_reader: httpx.AsyncClient) -> None:
    page = page_of(await new_reader.get("/gaps"))

    assert words(page.css_first(".card.centre b")) == "没有缺口。"


async def test_a_gap_that_is_gone_is_said_in_words(new_reader: httpx.AsyncClient) -> None:
    gone = await new_reader.get("/gaps/answer?n=77")

    assert gone.status_code == 404
    assert "gap.unknown" in gone.text


async def test_the_gaps_can_be_taken_away_as_a_table_without_formulas(
    new_site: World, new_reader: httpx.AsyncClient
) -> None:
    await unanswered(
        new_site, "食堂几点开饭", "食堂什么时候开饭", '=HYPERLINK("http://evil.example","点我")', "@SUM(A1)"
    )
    link = attribute(page_of(await new_reader.get("/gaps")), ".lead a", "href")

    answer = await new_reader.get(link)

    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="gaps-\d{4}-\d\d-\d\d\.csv"', answer.headers["content-disposition"])
    assert answer.content.startswith(b"\xef\xbb\xbf")
    head, *rows = csv.reader(io.StringIO(answer.content.decode("utf-8-sig")))
    assert head[:4] == ["组", "问题", "问过几次", "怎么了"]
    asked = {row[1]: row for row in rows}
    assert len(asked) == 4
    assert asked["食堂几点开饭"][0] == asked["食堂什么时候开饭"][0]
    assert "'@SUM(A1)" in asked
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert asked["食堂几点开饭"][2:4] == ["1", "没有答案"]
    assert (await new_site.client().get(link)).status_code != 200
