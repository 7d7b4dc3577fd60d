"""Office hours: open, closed, and when next; in the zone of those who work."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_worker.conversation.office_hours import BadHours, OfficeHours, parse_week

SHANGHAI = ZoneInfo("Asia/Shanghai")
WEEK = parse_week(["Mon-Fri 09:00-12:00 13:30-18:00"])
USUAL = OfficeHours(WEEK, SHANGHAI)
# The National Day week of 2026: off until the 7th, and the Saturday after it is worked.
GOLDEN_WEEK = OfficeHours(
    parse_week(["周一至周五 9:00-18:00"]),
    SHANGHAI,
    holidays=frozenset(date(2026, 10, day) for day in range(1, 8)),
    workdays=frozenset({date(2026, 10, 10)}),
)


MINUTE = timedelta(minutes=1)
MOMENTS = st.integers(0, 366 * 24 * 60).map(lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + minutes * MINUTE)


def at(day: str, clock: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "open_", "opens"),
    [
        (at("2026-11-23", "08:59"), False, "11-23 09:00"),
        (at("2026-11-23", "09:00"), True, "11-23 09:00"),
        (at("2026-11-23", "12:00"), False, "11-23 13:30"),
        (at("2026-11-23", "17:59"), True, "11-23 17:59"),
        (at("2026-11-23", "18:00"), False, "11-24 09:00"),
        (at("2026-11-27", "20:00"), False, "11-30 09:00"),
    ],
    ids=["before", "opening", "lunch", "last-minute", "evening", "weekend"],
)
def test_a_usual_week(moment: datetime, open_: bool, opens: str) -> None:
    opening = USUAL.next_opening(moment)

    assert USUAL.open_at(moment) is open_
    assert opening is not None
    assert f"{opening:%m-%d %H:%M}" == opens


def test_holidays_are_closed_and_make_up_workdays_have_the_usual_hours() -> None:
    first = GOLDEN_WEEK.next_opening(at("2026-09-30", "18:00"))
    saturday = GOLDEN_WEEK.next_opening(at("2026-10-09", "19:00"))

    assert first is not None
    assert first.isoformat() == "2026-10-08T09:00:00+08:00"
    assert saturday is not None
    assert saturday.isoformat() == "2026-10-10T09:00:00+08:00"
    assert GOLDEN_WEEK.closes_at(at("2026-10-10", "10:00")) == at("2026-10-10", "18:00")
    assert not GOLDEN_WEEK.open_at(at("2026-10-11", "10:00"))
    assert GOLDEN_WEEK.works_on(date(2026, 10, 10))
    assert not GOLDEN_WEEK.works_on(date(2026, 10, 1))


def test_a_night_shift_ends_on_the_next_morning() -> None:
    night = OfficeHours(parse_week(["Mon,Wed 22:00-06:00"]), SHANGHAI)

    assert night.open_at(at("2026-11-24", "05:59"))
    assert not night.open_at(at("2026-11-24", "06:00"))
    assert night.closes_at(at("2026-11-23", "23:00")) == at("2026-11-24", "06:00")


def test_a_day_without_an_end_runs_on_into_the_next() -> None:
    round_the_clock = OfficeHours(parse_week(["Mon-Tue 00:00-24:00"]), SHANGHAI)

    assert round_the_clock.closes_at(at("2026-11-23", "12:00")) == at("2026-11-25", "00:00")


def test_a_change_of_the_clocks_moves_the_opening_with_the_wall() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    hours = OfficeHours(parse_week(["Mon-Sun 09:00-17:00"]), berlin)

    before, after = (
        hours.next_opening(at("2026-03-28", "03:00", berlin)),
        hours.next_opening(at("2026-03-29", "03:30", berlin)),
    )

    assert before is not None
    assert after is not None
    assert (before.astimezone(UTC).hour, after.astimezone(UTC).hour) == (8, 7)
    assert hours.open_between(at("2026-03-28", "00:00", berlin), at("2026-03-30", "00:00", berlin)) == timedelta(
        hours=16
    )


def test_without_hours_somebody_is_always_there() -> None:
    always = OfficeHours(parse_week([]), SHANGHAI)
    moment = at("2026-11-22", "03:00")

    assert always.open_at(moment)
    assert always.next_opening(moment) == moment
    assert always.closes_at(moment) is None
    assert always.open_between(moment, moment + timedelta(days=3)) == timedelta(days=3)


def test_who_never_works_never_opens() -> None:
    off = OfficeHours(WEEK, SHANGHAI, holidays=frozenset(date(2026, 1, 1) + timedelta(days=n) for n in range(800)))

    assert off.next_opening(at("2026-11-23", "10:00")) is None


@pytest.mark.parametrize(
    "line",
    ["", "09:00-18:00", "Mon-Fri", "Mon-Fri 9-18", "Mon 25:00-26:00", "Mon 09:60-18:00", "Funday 09:00-18:00",
     "Mon 13:00-18:00 09:00-12:00", "Mon 09:00-18:00 sharp"],
)  # fmt: skip
def test_hours_that_cannot_be_read_are_refused(line: str) -> None:
    with pytest.raises(BadHours):
        parse_week([line])


def test_a_day_that_is_named_twice_is_refused() -> None:
    with pytest.raises(BadHours, match="another line"):
        parse_week(["Mon-Fri 09:00-18:00", "Fri 09:00-16:00"])


@given(
    MOMENTS,
    st.timedeltas(timedelta(0), timedelta(days=20)),
    st.timedeltas(timedelta(0), timedelta(days=20)),
)
def test_time_that_is_open_adds_up_and_an_opening_is_open(start: datetime, one: timedelta, two: timedelta) -> None:
    middle, end = start + one, start + one + two
    opening = GOLDEN_WEEK.next_opening(start)

    assert opening is not None
    assert opening >= start
    assert GOLDEN_WEEK.open_at(opening)
    assert GOLDEN_WEEK.open_between(start, opening) == timedelta(0)
    assert GOLDEN_WEEK.open_between(start, middle) + GOLDEN_WEEK.open_between(middle, end) == (
        GOLDEN_WEEK.open_between(start, end)
    )
