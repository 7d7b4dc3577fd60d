"""What somebody who is handed over can be told, read from a real queue."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ai_worker.conversation.foresight import Foresight
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Contact, InboundMessage, Reply
from ai_worker.conversation.office_hours import OfficeHours, parse_week
from ai_worker.conversation.outlook import Outlook
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import FixedClock
from ai_worker.storage.opening import Stores, open_stores

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOURS = OfficeHours(parse_week(["Mon-Fri 09:00-18:00"]), SHANGHAI)


async def _hand_over(stores: Stores, clock: FixedClock, who: str) -> int:
    message = InboundMessage("desk", f"{who}/{clock.now()}", who, Contact(who), "转人工", clock.now())
    await stores.pipeline.accept(message)
    (claim,) = await stores.pipeline.claim(owner="run-1", limit=1, now=clock.now())
    result = TurnResult("handoff", Reply("好的。"), reason=Reason.ASKED)
    await stores.pipeline.finish(claim, result, [], now=clock.now(), response_ms=1.0)
    return claim.conversation_id


@pytest.mark.parametrize(
    ("moment", "opens", "off"),
    [
        (datetime(2026, 11, 23, 11, 0, tzinfo=UTC), "2026-11-24T09:00:00+08:00", False),
        (datetime(2026, 11, 21, 4, 0, tzinfo=UTC), "2026-11-23T09:00:00+08:00", True),
    ],
    ids=["evening", "saturday"],
)
async def test_when_it_is_closed_the_next_opening_is_told(
    tmp_path: Path, moment: datetime, opens: str, off: bool
) -> None:
    clock = FixedClock(moment)
    async with open_stores("sqlite:///store.db", data_dir=tmp_path, clock=clock) as stores:
        message = InboundMessage("desk", "m", "wang", Contact("wang"), "转人工", moment)
        told = await Foresight(HOURS, stores.handoffs, clock=clock).foresee(message, False)

    assert told == Outlook(datetime.fromisoformat(opens), off_today=off)


async def test_when_it_is_open_the_queue_and_what_was_measured_is_told(tmp_path: Path) -> None:
    clock = FixedClock(datetime(2026, 11, 23, 2, 0, tzinfo=UTC))
    async with open_stores("sqlite:///store.db", data_dir=tmp_path, clock=clock) as stores:
        foresight = Foresight(HOURS, stores.handoffs, clock=clock)
        message = InboundMessage("desk", "m", "wang", Contact("wang"), "转人工", clock.now())

        assert await foresight.foresee(message, False) == Outlook()
        for minutes in (3, 4, 5, 6, 7):
            number = await _hand_over(stores, clock, "zhao")
            clock.advance(timedelta(minutes=minutes))
            await stores.conversations.take_over(number, "李娜", clock.now())
            await stores.conversations.hand_back(number, "李娜", clock.now())
        assert await foresight.foresee(message, False) == Outlook(ahead=0, minutes=5)
        await _hand_over(stores, clock, "qian")
        assert await foresight.foresee(message, False) == Outlook(ahead=1), "nobody was measured with one ahead"
        assert await foresight.foresee(message, True) == Outlook(ahead=0, minutes=5)
