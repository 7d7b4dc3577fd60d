"""The page of approvals: what waits, giving one's word for it, and words that come too late or for something else."""

from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from ai_worker.conversation.duty import Duty, Person
from ai_worker.conversation.handoff_store import Colleague
from ai_worker.conversation.office_hours import OfficeHours
from ai_worker.skills.approval import LASTS, Approval, digest_of
from ai_worker.skills.tool import ApprovedBy, Asker
from tests.console.reading import attribute, csrf_of, page_of, texts, words
from tests.console.world import World, world

LIN = Asker("service-desk", "lin", "林晓燕", "销售部")


def approval(site: World, *, by: ApprovedBy = "colleague", id: str = "apr-1", asker: Asker = LIN) -> Approval:
    arguments, now = {"order_id": "ORD12345", "amount": "120.00"}, site.clock.now()
    return Approval(
        *(id, digest_of(asker, "erp.refund", arguments), "erp.refund", arguments, asker, asker.id, "t-1", by),
        *("退款", "给订单 ORD12345 退款 120.00 元", now, now + LASTS),
        risk="money",
    )


async def test_nothing_waits_is_said(new_site: World, new_reader: httpx.AsyncClient) -> None:
    page = page_of(await new_reader.get("/approvals"))
    assert words(page.css_first(".card b")) == "没有等您批准的事。"


@pytest.mark.parametrize(("word", "state"), [("approve", "approved"), ("refuse", "refused")])
async def test_a_word_is_taken_for_what_the_page_showed(
    new_site: World, new_reader: httpx.AsyncClient, word: str, state: str
) -> None:
    asked = await new_site.stores.approvals.ask(approval(new_site))
    page = page_of(await new_reader.get("/approvals"))
    assert words(page.css_first(".does")) == "给订单 ORD12345 退款 120.00 元"
    assert words(page.css_first(".risk")) == "涉及钱"
    form = {"csrf": await csrf_of(new_reader), "digest": attribute(page, "input[name=digest]", "value"), "word": word}
    done = await new_reader.post(f"/approvals/{asked.id}", data=form)

    after = page_of(await new_reader.get(done.headers["location"]))
    assert "“退款”" in words(after.css_first(".said-so"))
    kept = await new_site.stores.approvals.get(asked.id, new_site.clock.now())
    assert kept is not None
    assert kept.state == state
    assert kept.decided_by
    late = await new_reader.post(
        f"/approvals/{asked.id}", data=form | {"word": "approve" if word == "refuse" else "refuse"}
    )
    assert "没有采纳" in words(page_of(await new_reader.get(late.headers["location"])).css_first(".said-so"))


@pytest.mark.parametrize("name", ["林晓燕", "林姐"], ids=["as-the-messenger-says", "as-the-roster-says"])
async def test_nobody_approves_what_they_asked_for_themselves(tmp_path: Path, name: str) -> None:
    hours = OfficeHours(None, ZoneInfo("Asia/Shanghai"))
    roster = [Person(Colleague("林姐", LIN.channel, LIN.id), hours)]
    duty = Duty(roster, hours=hours, remind_after=timedelta(minutes=1))
    async with world(tmp_path, filled=False, duty=duty) as site:
        asked = await site.stores.approvals.ask(approval(site))
        async with aclosing(await site.signed_in()) as client:
            form = {"csrf": await csrf_of(client), "digest": asked.digest, "word": "approve"}
            await client.post("/name", data=form | {"name": name})
            told = await client.post(f"/approvals/{asked.id}", data=form)
            assert "另一位同事" in words(page_of(await client.get(told.headers["location"])).css_first(".said-so"))
            await client.post("/name", data=form | {"name": "李娜"})
            await client.post(f"/approvals/{asked.id}", data=form)
        kept = await site.stores.approvals.get(asked.id, site.clock.now())
    assert kept is not None
    assert (kept.state, kept.decided_by) == ("approved", "李娜")


async def test_a_word_for_something_else_and_one_that_is_the_askers_are_not_taken(
    new_site: World, new_reader: httpx.AsyncClient
) -> None:
    theirs = await new_site.stores.approvals.ask(approval(new_site, by="asker"))
    mine = await new_site.stores.approvals.ask(approval(new_site, id="apr-2", asker=replace(LIN, id="zhao")))
    csrf = await csrf_of(new_reader)
    for id, digest in ((theirs.id, theirs.digest), (mine.id, "0" * 64), ("apr-9", "0" * 64)):
        told = await new_reader.post(f"/approvals/{id}", data={"csrf": csrf, "digest": digest, "word": "approve"})
        assert "内容对不上" in words(page_of(await new_reader.get(told.headers["location"])).css_first(".said-so"))
    now = new_site.clock.now()
    assert [one.state for one in await new_site.stores.approvals.latest(now, limit=9)] == ["waiting", "waiting"]
    page = page_of(await new_reader.get("/parts/approvals"))
    assert len(texts(page, ".approval")) == 1
    assert len(texts(page, ".settled li")) == 1
