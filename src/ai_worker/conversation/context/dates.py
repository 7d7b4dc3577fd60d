"""Dates: what `明天`, `下周三` and `月底` are on the calendar of the place where the worker works."""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ai_worker.foundation.text import fold

_DAYS = {
    **dict.fromkeys(("大前天",), -3),
    **dict.fromkeys(("前天", "day before yesterday"), -2),
    **dict.fromkeys(("昨天", "昨日", "昨晚", "yesterday"), -1),
    **dict.fromkeys(("今天", "今日", "今早", "今晚", "当天", "today", "tonight"), 0),
    **dict.fromkeys(("明天", "明日", "明早", "明晚", "tomorrow"), 1),
    **dict.fromkeys(("后天", "day after tomorrow"), 2),
    **dict.fromkeys(("大后天",), 3),
}
_WEEKDAYS = {
    **{name: day for names in ("一二三四五六日", "1234567") for day, name in enumerate(names)},
    **{name: day for day, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))},
    "天": 6,
    "末": 5,
}
_DIGITS = {"一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9}
_NUMBER = r"(\d{1,3}|[一二两三四五六七八九]?十?[一二三四五六七八九]?)"
_DAY = r"(3[01]|[12]\d|[1-9])\s*[号日](?![楼线店院门厅馆码])"
_THIS_OR_NEXT = {"上上": -2, "上": -1, "last": -1, "": 0, "这": 0, "本": 0, "this": 0, "下": 1, "next": 1, "下下": 2}


@dataclass(frozen=True, slots=True)
class Said:
    """A day that a text speaks of."""

    day: date
    start: int
    """Where in the folded text it is said."""

    end: int


def today_in(now: datetime, zone: str) -> date:
    """Return the day that it is at `now`, which is aware, in a time zone."""
    return now.astimezone(ZoneInfo(zone)).date()


def dates_in(text: str, today: date) -> list[Said]:
    """Return the days that `text` speaks of, in its order.

    A weekday without `上` or `下` is this week's, the week beginning on Monday; a day of the month, or
    of the year, that has passed is the next one's.
    """
    folded = fold(text)
    found: list[Said] = []
    for pattern, reckon in _WAYS:
        for match in pattern.finditer(folded):
            if any(match.start() < said.end and said.start < match.end() for said in found):
                continue
            if (day := _reckoned(reckon, match, today)) is not None:
                found.append(Said(day, match.start(), match.end()))
    return sorted(found, key=lambda said: said.start)


def _reckoned(reckon: Callable[[re.Match[str], date], date | None], match: re.Match[str], today: date) -> date | None:
    try:
        return reckon(match, today)
    except (ValueError, OverflowError):  # 2 月 30 日: no such day
        return None


def _iso(match: re.Match[str], today: date) -> date:
    return date(int(match[1]), int(match[2]), int(match[3]))


def _month_and_day(match: re.Match[str], today: date) -> date:
    day = date(today.year, int(match[1]), int(match[2]))
    return day if day >= today else date(today.year + 1, int(match[1]), int(match[2]))


def _named_day(match: re.Match[str], today: date) -> date:
    return today + timedelta(days=_DAYS[match[0]])


def _days_away(match: re.Match[str], today: date) -> date | None:
    number = _number(match[1])
    if number is None:
        return None
    days = number * (7 if match[2] in ("周", "个星期", "星期", "个礼拜", "礼拜") else 1)
    return today + timedelta(days=-days if match[3] in ("前", "之前", "以前") else days)


def _english_days_away(match: re.Match[str], today: date) -> date:
    number, weeks = match[1] or match[3], (match[2] or match[4]).startswith("week")
    days = int(number) * (7 if weeks else 1)
    return today + timedelta(days=days if match[1] else -days)


def _weekday(match: re.Match[str], today: date) -> date:
    monday = today - timedelta(days=today.weekday())
    return monday + timedelta(weeks=_THIS_OR_NEXT[match[1] or ""], days=_WEEKDAYS[match[2][:3]])


def _english_weekday(match: re.Match[str], today: date) -> date:
    """Return the coming weekday; `next` is of the week after this one, `last` of the week before."""
    if match[1] in ("next", "last"):
        return _weekday(match, today)
    return today + timedelta(days=(_WEEKDAYS[match[2][:3]] - today.weekday()) % 7)


def _week(match: re.Match[str], today: date) -> date:
    monday = today - timedelta(days=today.weekday())
    return monday + timedelta(weeks=_THIS_OR_NEXT[match[1]])


def _part_of_month(match: re.Match[str], today: date) -> date:
    year, month = _month(today, _THIS_OR_NEXT[match[1] or ""])
    part = match[2]
    return date(year, month, monthrange(year, month)[1] if part == "底" else 15 if part == "中" else 1)


def _day_of_month(match: re.Match[str], today: date) -> date:
    day = int(match[2])
    if match[1]:
        return date(*_month(today, _THIS_OR_NEXT[match[1]]), day)
    this = date(*_month(today, 0), day)
    return this if this >= today else date(*_month(today, 1), day)


def _year_end(match: re.Match[str], today: date) -> date:
    return date(today.year + (match[1] == "明"), 12, 31)


def _month(today: date, away: int) -> tuple[int, int]:
    months = today.year * 12 + today.month - 1 + away
    return months // 12, months % 12 + 1


def _number(said: str) -> int | None:
    if said.isdecimal():
        return int(said)
    tens, ten, ones = said.partition("十")
    if not said:
        return None
    return (_DIGITS[tens] if tens else 1) * 10 + (_DIGITS[ones] if ones else 0) if ten else _DIGITS.get(said)


_WAYS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str], date], date | None]], ...] = (
    (re.compile(r"(?<!\d)(20\d\d)\s*[-/.年]\s*(1[0-2]|0?[1-9])\s*[-/.月]\s*(3[01]|[12]\d|0?[1-9])(?!\d)[日号]?"), _iso),
    (re.compile(r"(?<!\d)(1[0-2]|0?[1-9])\s*月\s*(3[01]|[12]\d|0?[1-9])\s*[日号]?(?!\d)"), _month_and_day),
    (re.compile("|".join(sorted(_DAYS, key=len, reverse=True))), _named_day),
    (re.compile(_NUMBER + r"\s*(个?星期|个?礼拜|周|天|日)\s*(后|之后|以后|内|之内|前|之前|以前)"), _days_away),
    (re.compile(r"\bin (\d{1,3}) (days?|weeks?)\b|\b(\d{1,3}) (days?|weeks?) ago\b"), _english_days_away),
    (re.compile(r"(上上|下下|上|下|这|本)?个?(?:周|星期|礼拜)\s*([一二三四五六日天末1-7])"), _weekday),
    (re.compile(r"\b(?:(this|next|last|on|by) )?(mon|tues|wednes|thurs|fri|satur|sun)day\b"), _english_weekday),
    (re.compile(r"(上上|下下|上|下|本|这)个?(?:周|星期|礼拜)"), _week),
    (re.compile(r"(上|下|本|这)?个?月(底|末|中|初)"), _part_of_month),
    (re.compile(rf"(上|下|本|这)个?月\s*{_DAY}"), _day_of_month),
    (re.compile(rf"()(?<![\d月]){_DAY}"), _day_of_month),
    (re.compile(r"(今|明)?年底"), _year_end),
)
