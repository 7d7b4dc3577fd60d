"""What every store of approvals promises."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ai_worker.pipeline.store import RETENTION
from ai_worker.skills.approval import (
    LASTS,
    MOST_IN_CONVERSATION,
    MOST_OF_CONTACT,
    Approval,
    ApprovalRefused,
    TooManyAsked,
    digest_of,
)
from ai_worker.skills.tool import ApprovedBy, Asker
from tests.contract.material import Stores

WANG = Asker("service-desk", "wang-fang", "王芳", "销售部")


def approval(
    stores: Stores, id: str = "a-1", *, by: ApprovedBy = "asker", asker: Asker = WANG, **arguments: Any
) -> Approval:
    now = stores.clock.now()
    return Approval(
        id,
        digest_of(asker, "erp.move", arguments),
        "erp.move",
        arguments,
        asker,
        asker.id,
        f"t-{id}",
        by,
        "改地址",
        "把订单改到武汉",
        now,
        now + LASTS,
        address={"to": asker.id},
    )


async def test_what_was_asked_comes_back_and_a_repeat_changes_nothing(stores: Stores) -> None:
    asked = approval(stores, address="武汉\0市", lines=[1, 2.5, None])
    assert await stores.approvals.ask(asked) == asked
    stores.clock.advance(timedelta(seconds=5))
    assert await stores.approvals.ask(approval(stores, address="别处")) == asked
    assert await stores.approvals.get("a-1", stores.clock.now()) == asked
    assert await stores.approvals.get("a-2", stores.clock.now()) is None
    assert await stores.approvals.waiting(stores.clock.now(), limit=9) == [asked]


async def test_asking_for_something_else_replaces_what_the_same_contact_left_open(stores: Stores) -> None:
    other = approval(stores, "a-0", asker=replace(WANG, id="li-na"))
    first, second = approval(stores, "a-1", x=1), approval(stores, "a-2", x=2)
    for one in (other, first, second):
        await stores.approvals.ask(one)

    assert await stores.approvals.waiting(stores.clock.now(), limit=9) == [other, second]
    with pytest.raises(ApprovalRefused, match="replaced"):
        await stores.approvals.decide("a-1", digest=first.digest, by="x", yes=True, now=stores.clock.now())


async def test_who_asks_for_one_thing_after_the_other_is_asked_five_times_in_ten_minutes(stores: Stores) -> None:
    for n in range(MOST_OF_CONTACT):
        await stores.approvals.ask(approval(stores, f"a-{n}", n=n))
    with pytest.raises(TooManyAsked):
        await stores.approvals.ask(approval(stores, "a-9", n=9))
    now = stores.clock.now()
    assert [one.id for one in await stores.approvals.waiting(now, limit=9)] == ["a-4"], "the latest still waits"
    assert (await stores.approvals.ask(approval(stores, "a-4", n=4))).id == "a-4", "a repeat is no new one"
    await stores.approvals.ask(approval(stores, "a-8", asker=replace(WANG, id="li-na")))

    stores.clock.advance(LASTS)
    assert (await stores.approvals.ask(approval(stores, "a-9", n=9))).id == "a-9"


async def test_who_asks_for_many_things_at_once_is_not_asked_more_often(stores: Stores) -> None:
    at_once = (
        replace(approval(stores, f"a-{n}", n=n), conversation_key=f"group:g-{n}") for n in range(3 * MOST_OF_CONTACT)
    )
    outcomes = await asyncio.gather(*map(stores.approvals.ask, at_once), return_exceptions=True)

    assert sum(isinstance(one, Approval) for one in outcomes) == MOST_OF_CONTACT
    assert sum(isinstance(one, TooManyAsked) for one in outcomes) == 2 * MOST_OF_CONTACT


async def test_what_was_answered_leaves_room_for_more(stores: Stores) -> None:
    for n in range(3 * MOST_OF_CONTACT):
        one = await stores.approvals.ask(approval(stores, f"a-{n}", n=n))
        await stores.approvals.decide(one.id, digest=one.code, by="x", yes=False, now=stores.clock.now())


async def test_a_group_has_its_own_limit_whoever_asks(stores: Stores) -> None:
    for n in range(MOST_IN_CONVERSATION):
        one = approval(stores, f"a-{n}", asker=replace(WANG, id=f"member-{n}"))
        await stores.approvals.ask(replace(one, conversation_key="group:g-1"))
    with pytest.raises(TooManyAsked):
        await stores.approvals.ask(replace(approval(stores, "a-99"), conversation_key="group:g-1"))
    await stores.approvals.ask(approval(stores, "a-99"))


async def test_a_word_counts_once_and_for_what_it_was_given_for(stores: Stores) -> None:
    asked, now = await stores.approvals.ask(approval(stores, x=1)), stores.clock.now()
    with pytest.raises(ApprovalRefused, match="something else"):
        await stores.approvals.decide("a-1", digest=digest_of(WANG, "erp.move", {"x": 2}), by="x", yes=True, now=now)
    with pytest.raises(ApprovalRefused, match="something else"):
        await stores.approvals.decide("a-1", digest=asked.digest[:5], by="x", yes=True, now=now)
    said = await stores.approvals.decide("a-1", digest=asked.code, by="x", yes=True, now=now)

    assert (said.state, said.decided_by, said.decided_at) == ("approved", "x", now)
    assert await stores.approvals.decide("a-1", digest=asked.digest, by="x", yes=True, now=now) == said
    for by, yes in (("y", True), ("x", False)):
        with pytest.raises(ApprovalRefused, match="approved"):
            await stores.approvals.decide("a-1", digest=asked.digest, by=by, yes=yes, now=now)
    with pytest.raises(ApprovalRefused, match="no such"):
        await stores.approvals.decide("a-9", digest=asked.digest, by="x", yes=True, now=now)


async def test_it_is_carried_out_by_one_turn_alone(stores: Stores) -> None:
    asked, now = await stores.approvals.ask(approval(stores, x=1)), stores.clock.now()
    with pytest.raises(ApprovalRefused, match="waiting"):
        await stores.approvals.use("a-1", turn_id="t-7", now=now)
    await stores.approvals.decide("a-1", digest=asked.digest, by="x", yes=True, now=now)

    used = await stores.approvals.use("a-1", turn_id="t-7", now=now)
    assert (used.state, used.used_by) == ("used", "t-7")
    stores.clock.advance(LASTS)
    assert await stores.approvals.use("a-1", turn_id="t-7", now=stores.clock.now()) == used
    with pytest.raises(ApprovalRefused, match="used"):
        await stores.approvals.use("a-1", turn_id="t-8", now=stores.clock.now())


async def test_ten_minutes_without_a_word_are_an_end_too(stores: Stores) -> None:
    asked = await stores.approvals.ask(approval(stores, by="colleague", x=1))
    stores.clock.advance(LASTS)
    now = stores.clock.now()

    assert await stores.approvals.waiting(now, limit=9) == []
    with pytest.raises(ApprovalRefused, match="expired"):
        await stores.approvals.decide("a-1", digest=asked.digest, by="x", yes=True, now=now)
    assert [one.state for one in await stores.approvals.open(now, limit=9)] == ["expired"]
    assert (await stores.approvals.tell("a-1", turn_id="t-7", now=now)).state == "expired"
    assert await stores.approvals.open(now, limit=9) == []
    with pytest.raises(ApprovalRefused):
        await stores.approvals.tell("a-1", turn_id="t-8", now=now)


async def test_a_word_that_nobody_acted_on_lapses(stores: Stores) -> None:
    asked = await stores.approvals.ask(approval(stores, x=1))
    await stores.approvals.decide("a-1", digest=asked.digest, by="x", yes=True, now=stores.clock.now())
    stores.clock.advance(LASTS)
    with pytest.raises(ApprovalRefused, match="expired"):
        await stores.approvals.use("a-1", turn_id="t-7", now=stores.clock.now())


async def test_those_for_a_colleague_are_open_until_their_end_was_told(stores: Stores) -> None:
    now = stores.clock.now()
    mine, theirs = approval(stores, "a-1", x=1), approval(stores, "a-2", by="colleague", asker=replace(WANG, id="li"))
    for one in (mine, theirs):
        await stores.approvals.ask(one)
    assert await stores.approvals.open(now, limit=9) == [theirs]
    with pytest.raises(ApprovalRefused, match="waiting"):
        await stores.approvals.tell("a-2", turn_id="t-7", now=now)
    await stores.approvals.decide("a-2", digest=theirs.digest, by="x", yes=False, now=now)
    assert [one.state for one in await stores.approvals.open(now, limit=9)] == ["refused"]
    await stores.approvals.tell("a-2", turn_id="t-7", now=now)
    assert await stores.approvals.open(now, limit=9) == []
    assert [one.id for one in await stores.approvals.latest(now, limit=9)] == ["a-2", "a-1"]


async def test_approvals_are_forgotten_in_time(stores: Stores) -> None:
    await stores.approvals.ask(approval(stores, x=1))
    stores.clock.advance(RETENTION + timedelta(days=1))
    await stores.forget()
    assert await stores.approvals.latest(stores.clock.now(), limit=9) == []


async def test_the_same_wish_asked_again_has_another_code(stores: Stores) -> None:
    first, again = approval(stores, "a-1", x=1), approval(stores, "a-2", x=1)
    assert first.digest == again.digest
    assert first.code != again.code
