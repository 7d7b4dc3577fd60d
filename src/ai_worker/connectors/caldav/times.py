"""Times as they are asked with and told: in the zone of the calendars."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from ai_worker.connectors.caldav.events import Event
from ai_worker.connectors.contract import ArgumentsRefused


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, aware."""

    start: datetime
    end: datetime


class Times:
    """Reads and writes times."""

    def __init__(self, zone: ZoneInfo, max_days: int) -> None:
        self._zone, self._max_days = zone, max_days

    def span(self, name: str, arguments: Mapping[str, Any]) -> Span:
        """Return the span that is asked for.

        Args:
            name: The operation's.
            arguments: With `start` and `end`.

        Raises:
            ArgumentsRefused: They are no times, or the wrong way round, or too far apart.
        """
        start, end = (self._moment(name, one, arguments[one]) for one in ("start", "end"))
        if end <= start:
            raise ArgumentsRefused(f"{name}: `end` is not after `start`")
        if end - start > timedelta(days=self._max_days):
            raise ArgumentsRefused(f"{name}: more than {self._max_days} days")
        return Span(start, end)

    def _moment(self, name: str, argument: str, value: str) -> datetime:
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise ArgumentsRefused(f"{name}: {argument}: not a time such as 2026-03-01T09:00") from None
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=self._zone)

    def told(self, event: Event) -> dict[str, Any]:
        """Return an event for the reader."""
        told: dict[str, Any] = {"start": self._shown(event.start), "end": self._shown(event.end)}
        if event.title:
            told["title"] = event.title
        if event.organizer:
            told["organizer"] = event.organizer
        told |= {name: True for name in ("whole_days", "repeats") if getattr(event, name)}
        if not event.busy:
            told["busy"] = False
        if event.booked_for:
            told["event"] = event.uid
        return told

    def spans(self, spans: list[tuple[datetime, datetime]]) -> list[dict[str, str]]:
        """Return spans for the reader."""
        return [{"start": self._shown(start), "end": self._shown(end)} for start, end in spans]

    def _shown(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).isoformat(timespec="minutes")
