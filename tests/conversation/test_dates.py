"""Days that people speak of, on a Sunday in November and where the year ends."""

from datetime import UTC, date, datetime

import pytest

from ai_worker.conversation.context.dates import dates_in, today_in
from ai_worker.conversation.steps.verbs import slot_value
from ai_worker.skills.tool import Slot

SUNDAY = date(2026, 11, 22)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("今天能到吗", "2026-11-22"),
        ("明天下午三点", "2026-11-23"),
        ("大后天呢", "2026-11-25"),
        ("前天下的单", "2026-11-20"),
        ("下周三", "2026-11-25"),
        ("这周五", "2026-11-20"),
        ("上个星期一", "2026-11-09"),
        ("周末", "2026-11-21"),
        ("月底之前", "2026-11-30"),
        ("下个月5号", "2026-12-05"),
        ("25号", "2026-11-25"),
        ("3号", "2026-12-03"),
        ("12 月 1 日", "2026-12-01"),
        ("1月2号", "2027-01-02"),
        ("2026年12月3日", "2026-12-03"),
        ("2026-12-03", "2026-12-03"),
        ("３天后", "2026-11-25"),
        ("两周后", "2026-12-06"),
        ("十二天之内", "2026-12-04"),
        ("年底", "2026-12-31"),
        ("tomorrow", "2026-11-23"),
        ("next Friday", "2026-11-27"),
        ("on Tuesday", "2026-11-24"),
        ("in 2 weeks", "2026-12-06"),
    ],
)
def test_a_day_is_understood(text: str, day: str) -> None:
    assert [said.day.isoformat() for said in dates_in(text, SUNDAY)] == [day]


@pytest.mark.parametrize("text", ["5号楼", "21号线", "2月30日", "13月1日", "订单 20261203", "三天打鱼", "周到的服务"])
def test_what_only_looks_like_a_day_is_none(text: str) -> None:
    assert dates_in(text, SUNDAY) == []


def test_several_days_come_in_their_order() -> None:
    assert [said.day.day for said in dates_in("后天或者下周五，不行就明天", SUNDAY)] == [24, 27, 23]


def test_the_months_end_is_counted_over_the_years_end() -> None:
    assert [said.day.isoformat() for said in dates_in("下个月底", date(2026, 12, 31))] == ["2027-01-31"]


def test_today_is_the_day_where_the_worker_works() -> None:
    late = datetime(2026, 11, 22, 17, 30, tzinfo=UTC)
    assert (today_in(late, "Asia/Shanghai").day, today_in(late, "Europe/Berlin").day) == (23, 22)


def test_a_slot_for_a_day_takes_it_as_people_say_it() -> None:
    slot = Slot("day", r"\d{4}-\d{2}-\d{2}", "请问哪一天？")
    assert slot_value(slot, "下周三可以吗", SUNDAY) == "2026-11-25"
    assert slot_value(slot, "2026-12-01", SUNDAY) == "2026-12-01"
    assert slot_value(slot, "随便", SUNDAY) == ""
    assert slot_value(Slot("order", r"ORD\d{5}", ""), "明天", SUNDAY) == ""
