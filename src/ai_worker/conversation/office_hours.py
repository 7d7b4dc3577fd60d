"""Office hours: when people are there, in their own time zone, holidays and make-up workdays included.

Plain functions of aware datetimes; nothing here reads a clock.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from itertools import pairwise

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CHINESE_WEEKDAYS = "一二三四五六日"

LOOK_AHEAD = timedelta(days=400)
"""How far an opening is looked for: longer than any row of holidays."""

_DAY = rf"(?:{'|'.join(WEEKDAYS)})[a-z]*|(?:周|星期|礼拜)[{CHINESE_WEEKDAYS}天]"
_DAYS = re.compile(rf"(?P<first>{_DAY})(?:\s*(?:-|–|~|至|到)\s*(?P<last>{_DAY}))?(?:\s*[,，、]\s*)?")
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*(?:-|–|~|至|到)\s*(\d{1,2}):(\d{2})")


class BadHours(ValueError):
    """A line of office hours that cannot be read; it says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a working day, in minutes since its midnight; past 24:00 it reaches into the next day."""

    start: int
    end: int


Week = tuple[tuple[Span, ...], ...]
"""The spans of each weekday, Monday first."""


def parse_week(lines: Sequence[str]) -> Week | None:
    """Return the week that lines such as `Mon-Fri 09:00-12:00 13:30-18:00` describe; `None` for no line at all.

    Days may be named in English or Chinese (`周一至周五`). A span whose end is not later than its start
    ends on the following day.

    Raises:
        BadHours: A line cannot be read, or a day is spoken of twice.
    """
    if not lines:
        return None
    days: dict[int, tuple[Span, ...]] = {}
    for line in lines:
        named, spans = _line(line)
        for day in named:
            if day in days:
                raise BadHours(f"{line!r} names a day that another line has named already")
            days[day] = spans
    return tuple(days.get(day, ()) for day in range(7))


def _line(line: str) -> tuple[list[int], tuple[Span, ...]]:
    rest, days = line.strip().lower(), list[int]()
    while named := _DAYS.match(rest):
        first = _weekday(named["first"])
        last = _weekday(named["last"]) if named["last"] else first
        days += [(first + step) % 7 for step in range((last - first) % 7 + 1)]
        rest = rest[named.end() :].lstrip()
    spans = tuple(_span(found) for found in _SPAN.finditer(rest))
    if not days or not spans or _SPAN.sub("", rest).strip(" ,，、;；"):
        raise BadHours(f"{line!r} is not like 'Mon-Fri 09:00-18:00'")
    if any(later.start < earlier.end for earlier, later in pairwise(spans)):
        raise BadHours(f"{line!r} has spans that overlap or are out of order")
    return days, spans


def _weekday(word: str) -> int:
    if word[:3] in WEEKDAYS:
        return WEEKDAYS.index(word[:3])
    return CHINESE_WEEKDAYS.index(word[-1].replace("天", "日"))


def _span(found: re.Match[str]) -> Span:
    start_hour, start_minute, end_hour, end_minute = (int(part) for part in found.groups())
    start, end = start_hour * 60 + start_minute, end_hour * 60 + end_minute
    if start >= 1440 or end > 1440 or start_minute > 59 or end_minute > 59:
        raise BadHours(f"{found[0]!r} is not a time of day")
    return Span(start, end if end > start else end + 1440)


@dataclass(frozen=True, slots=True)
class OfficeHours:
    """When somebody is there."""

    week: Week | None
    """`None`: always."""

    zone: tzinfo
    holidays: frozenset[date] = frozenset()
    """Days off, whatever weekday they are."""

    workdays: frozenset[date] = frozenset()
    """Days on which people work although the week, or `holidays`, says otherwise: the hours are those of
    that weekday or, where it has none, of the first weekday that has some."""

    @property
    def always(self) -> bool:
        """Whether there is no closing time at all."""
        return self.week is None

    def open_at(self, moment: datetime) -> bool:
        """Return whether somebody is there."""
        if self.always:
            return True
        here = moment.astimezone(self.zone).date()
        return any(start <= moment < end for day in (here - _DAY_LONG, here) for start, end in self._spans(day))

    def works_on(self, day: date) -> bool:
        """Return whether anybody comes on a day at all."""
        return self.always or bool(self._of(day))

    def next_opening(self, moment: datetime) -> datetime | None:
        """Return when somebody is there again, in the hours' own zone; `moment` itself if somebody is there now.

        `None` if nobody comes within `LOOK_AHEAD`.
        """
        if self.open_at(moment):
            return moment.astimezone(self.zone)
        starts = (start for start, _ in self._openings(moment, moment + LOOK_AHEAD) if start > moment)
        first = next(starts, None)
        return None if first is None else first.astimezone(self.zone)

    def closes_at(self, moment: datetime) -> datetime | None:
        """Return when whoever is there at `moment` leaves; `None` if nobody is there, or nobody ever leaves."""
        if self.always or not self.open_at(moment):
            return None
        end = moment
        for start, until in self._openings(moment, moment + LOOK_AHEAD):
            if start <= end < until:
                end = until
            elif start > end:
                break
        return end.astimezone(self.zone)

    def open_between(self, start: datetime, end: datetime) -> timedelta:
        """Return how much of the time between two moments somebody was there."""
        if end <= start:
            return timedelta(0)
        if self.always:
            return end - start
        shares = (min(until, end) - max(since, start) for since, until in self._openings(start, end))
        return sum((share for share in shares if share > timedelta(0)), timedelta(0))

    def _openings(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the stretches, in order, that touch the time between two moments; and some before and after."""
        day = start.astimezone(self.zone).date() - _DAY_LONG
        last = end.astimezone(self.zone).date()
        while day <= last:
            yield from self._spans(day)
            day += _DAY_LONG

    def _spans(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        for span in self._of(day):
            yield self._moment(day, span.start), self._moment(day, span.end)

    def _of(self, day: date) -> tuple[Span, ...]:
        assert self.week is not None
        if day in self.workdays:
            return self.week[day.weekday()] or next((spans for spans in self.week if spans), ())
        return () if day in self.holidays else self.week[day.weekday()]

    def _moment(self, day: date, minutes: int) -> datetime:
        """Return a time of day as the clock on the wall shows it, in UTC: comparable across a change of the clocks."""
        days, minutes = divmod(minutes, 1440)
        wall = datetime.combine(day + days * _DAY_LONG, time(minutes // 60, minutes % 60), self.zone)
        return wall.astimezone(UTC)


_DAY_LONG = timedelta(days=1)
