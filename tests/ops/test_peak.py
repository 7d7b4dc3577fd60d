from datetime import timedelta

from ai_worker.foundation.clock import FixedClock
from ai_worker.ops.peak import HourlyPeak


def test_the_highest_value_of_the_day_is_remembered() -> None:
    clock = FixedClock()
    peaks = HourlyPeak(clock=clock)
    for value in (3, 44, 7):
        peaks.note(value)
        clock.advance(timedelta(hours=1))

    assert peaks.peak() == 44
    assert peaks.hours() == [3, 44, 7]


def test_yesterdays_peak_is_forgotten() -> None:
    clock = FixedClock()
    peaks = HourlyPeak(clock=clock)
    peaks.note(44)
    clock.advance(timedelta(hours=24))

    assert peaks.peak() is None
    peaks.note(5)
    assert peaks.hours() == [5]


def test_nothing_noted_is_no_peak() -> None:
    assert HourlyPeak(clock=FixedClock()).peak() is None
