"""The highest value of each hour, for a day."""

from datetime import datetime, timedelta

from ai_worker.foundation.clock import Clock

HOURS = 24


class HourlyPeak:
    """Remembers the highest value noted in each of the last 24 hours. In memory: it starts empty."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._hours: dict[datetime, int] = {}

    def note(self, value: int) -> None:
        """Take `value` into account for the running hour."""
        hour = _hour(self._clock.now())
        if hour not in self._hours:
            self._forget_before(hour - timedelta(hours=HOURS - 1))
        self._hours[hour] = max(value, self._hours.get(hour, 0))

    def peak(self) -> int | None:
        """Return the highest value of the last 24 hours; `None` when nothing was noted."""
        self._forget_before(_hour(self._clock.now()) - timedelta(hours=HOURS - 1))
        return max(self._hours.values(), default=None)

    def hours(self) -> list[int]:
        """Return the peaks of the hours that were noted, oldest first."""
        return [self._hours[hour] for hour in sorted(self._hours)]

    def _forget_before(self, first: datetime) -> None:
        self._hours = {hour: value for hour, value in self._hours.items() if hour >= first}


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)
