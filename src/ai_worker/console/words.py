"""The console's words in each language, from the catalogues; and numbers and times as people write them."""

import re
import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from ai_worker.foundation.wording import Told, tell

LANGUAGES = ("zh-CN", "en")
FALLBACK = "zh-CN"
MISSING = "—"
"""Stands where there is no number: nothing was measured yet."""

THIN_SPACE = "\u202f"


@cache
def catalog(language: str) -> Mapping[str, str]:
    """Return all words of a language by dotted key."""
    text = files(__package__).joinpath("catalog", f"{language}.toml").read_text(encoding="utf-8")
    return dict(_flatten(tomllib.loads(text)))


def choose_language(wanted: str | None, default: str) -> str:
    """Return `wanted` if there are words for it, else `default`, else Chinese."""
    return next((language for language in (wanted, default) if language in LANGUAGES), FALLBACK)


_FOUND = re.compile(r"(\d+) passages, best ([\d.]+)")


class Words:
    """Says things in one language, with times in one zone."""

    def __init__(self, language: str, zone: ZoneInfo) -> None:
        self.language = language
        self.zone = zone
        self._words = catalog(language)
        self._fallback = catalog(FALLBACK)

    def __call__(self, key: str, **values: object) -> str:
        """Return the words for `key`; another language's where this one has none.

        Raises:
            KeyError: No catalogue has the key.
        """
        text = self._words.get(key) or self._fallback[key]
        return text.format_map(values) if values else text

    def has(self, key: str) -> bool:
        """Return whether any catalogue has words for `key`."""
        return key in self._words or key in self._fallback

    def error(self, code: str, detail: str) -> Told:
        """Return what an error is told in, of which its code and its English words are known."""
        return tell(code, detail, self.language)

    def number(self, value: float | None, digits: int = 0) -> str:
        """Return a number with its thousands apart; a dash for `None`."""
        if value is None:
            return MISSING
        grouped = f"{value:,.{digits}f}"
        return grouped if self.language == "en" else grouped.replace(",", THIN_SPACE)

    def file_size(self, count: int) -> str:
        """Return how large a file of so many bytes is."""
        if count < 1_048_576:
            return f"{self.number(max(1, round(count / 1024)))} KB"
        return f"{self.number(count / 1_048_576, 1)} MB"

    def seconds(self, milliseconds: float | None) -> str:
        """Return milliseconds as seconds with two digits, without the unit; what is less says so."""
        if milliseconds is not None and 0 < milliseconds < 5:
            return "< 0.01"
        return self.number(None if milliseconds is None else milliseconds / 1_000, 2)

    def step_detail(self, detail: str) -> str:
        """Return a turn step's short phrase in the reader's language, where it is one that we know."""
        if found := _FOUND.fullmatch(detail):
            return self("detail.found", n=found[1], best=found[2])
        return self(f"detail.{detail}") if self.has(f"detail.{detail}") else detail

    def size(self, size: int) -> str:
        """Return bytes as GB, one digit below 100."""
        gigabytes = size / 1024**3
        return self.number(gigabytes, 1 if gigabytes < 100 else 0)

    def duration(self, span: timedelta) -> str:
        """Return a span in its two largest units: `3 分 41 秒`, `18 天 4 小时`."""
        parts = _units(span)
        return " ".join(self(f"unit.{unit}", n=count) for unit, count in parts[:2])

    def brief_duration(self, span: timedelta) -> str:
        """Return a span in its largest unit alone: `3 分`."""
        unit, count = _units(span)[0]
        return self(f"unit.{unit}", n=count)

    def ago(self, moment: datetime, now: datetime) -> str:
        """Return how long ago it was if that is less than a day, else its local date."""
        span = now - moment
        if span < timedelta(minutes=1):
            return self("time.just_now")
        return self("time.ago", span=self.brief_duration(span)) if span < timedelta(days=1) else self.date(moment)

    def clock(self, moment: datetime) -> str:
        """Return the local time of day: `14:24`."""
        return moment.astimezone(self.zone).strftime("%H:%M")

    def date(self, moment: datetime) -> str:
        """Return the local date without its year."""
        local = moment.astimezone(self.zone)
        return self("time.date", month=local.month, month_name=self(f"month.{local.month}"), day=local.day)

    def moment(self, moment: datetime, now: datetime) -> str:
        """Return the local time of day, with the date unless it is today's."""
        same_day = moment.astimezone(self.zone).date() == now.astimezone(self.zone).date()
        return self.clock(moment) if same_day else f"{self.date(moment)} {self.clock(moment)}"

    def instant(self, moment: datetime, now: datetime) -> str:
        """Return the local time of day to the second, with the date unless it is today's."""
        local = moment.astimezone(self.zone)
        time = local.strftime("%H:%M:%S")
        return time if local.date() == now.astimezone(self.zone).date() else f"{self.date(moment)} {time}"

    @property
    def zone_name(self) -> str:
        """The zone as people call it: its city."""
        key = f"zone.{self.zone.key}"
        return self(key) if self.has(key) else self.zone.key.rpartition("/")[2].replace("_", " ")


def _units(span: timedelta) -> list[tuple[str, int]]:
    """Return the span's units that are not zero, largest first; `0 seconds` for none."""
    rest = max(int(span.total_seconds()), 0)
    parts = []
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, rest = divmod(rest, length)
        if count:
            parts.append((unit, count))
    return parts or [("second", 0)]


def _flatten(tree: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    flat: list[tuple[str, str]] = []
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat += _flatten(value, f"{prefix}{name}.")
        else:
            flat.append((f"{prefix}{name}", str(value)))
    return flat
