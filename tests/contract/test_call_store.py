"""What every store of calls and checks of business systems promises."""

from dataclasses import replace
from datetime import datetime, timedelta

from ai_worker.skills.calls import CALLS_KEPT, CallSums, Checked, Standing
from ai_worker.skills.tool import Called
from tests.contract.material import Stores

A_DAY = timedelta(days=1)


def called(at: datetime, code: str = "ok", *, ms: float = 10.0, connector: str = "erp") -> Called:
    return Called(connector, f"{connector}.get_order", code, ms, at)


async def test_the_latest_calls_come_first_for_one_connector_or_for_all(stores: Stores) -> None:
    now = stores.clock.now()
    calls = [called(now, ms=1.5), called(now, "tool.failed", connector="crm"), called(now, ms=3.0)]
    await stores.calls.add(calls[:2])
    await stores.calls.add(calls[2:])

    assert await stores.calls.latest(limit=2) == [calls[2], calls[1]]
    assert await stores.calls.latest("erp", limit=9) == [calls[2], calls[0]]
    assert await stores.calls.latest("hr", limit=9) == []


async def test_a_call_says_for_whom_and_in_which_turn_it_was_made(stores: Stores) -> None:
    now = stores.clock.now()
    by_turn = replace(called(now), asker="wecom/zhang\0san", turn_id="t-7")
    by_hand = replace(called(now), asker="cli/root")
    await stores.calls.add([by_turn, by_hand])

    assert await stores.calls.latest(limit=9) == [by_hand, replace(by_turn, asker="wecom/zhangsan")]


async def test_calls_are_summed_up_and_a_refusal_is_no_failure(stores: Stores) -> None:
    now = stores.clock.now()
    slow = [called(now, ms=float(n)) for n in range(1, 101)]
    said_no = [called(now, code, ms=0.5, connector="crm") for code in ("tool.refused", "tool.bad_arguments")]
    broken = [called(now, code, ms=9.0, connector="crm") for code in ("tool.failed", "tool.unsure")]
    await stores.calls.add([*slow, *said_no, *broken, called(now - A_DAY, "tool.failed", ms=500.0)])

    sums = await stores.calls.sums(now)

    assert sums == {"erp": CallSums(100, 0, 95.0), "crm": CallSums(4, 2, 9.0)}
    assert sums["crm"].failed_percent == 50.0
    assert (await stores.calls.sums(now - A_DAY))["erp"].failed == 1


async def test_a_check_keeps_when_it_was_last_well_and_what_was_wrong_last(stores: Stores) -> None:
    now = stores.clock.now()
    good = Checked("erp", now, "ok", "GET /orders: 3 items", ms=8.0, drift=True)
    bad = Checked("erp", now + A_DAY, "tool.failed", "连不上", "看看地址")
    again = replace(good, at=now + 2 * A_DAY, drift=None)
    await stores.calls.note(good)
    assert await stores.calls.standings() == {"erp": Standing(good, now, None)}

    await stores.calls.note(bad)
    assert await stores.calls.standings() == {"erp": Standing(replace(bad, drift=True), now, bad)}

    await stores.calls.note(again)
    assert await stores.calls.standings() == {"erp": Standing(replace(again, drift=True), again.at, bad)}


async def test_old_calls_and_checks_are_forgotten(stores: Stores) -> None:
    now = stores.clock.now()
    await stores.calls.add([called(now), called(now + A_DAY)])
    await stores.calls.note(Checked("gone", now, "ok"))
    await stores.calls.note(Checked("erp", now + A_DAY, "ok"))

    stores.clock.advance(CALLS_KEPT + A_DAY / 2)
    await stores.forget()

    assert await stores.calls.latest(limit=9) == [called(now + A_DAY)]
    assert list(await stores.calls.standings()) == ["erp"]
