"""Events of a calendar: read from iCalendar (RFC 5545) and written as it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar
from icalendar import Event as Component

OURS = "X-AI-WORKER-FOR"
"""Of a booking that we made: for whom, as `channel/id`."""

MAX_TEXT = 200

BROKEN = (ValueError, KeyError, IndexError, TypeError, AttributeError, OverflowError)
"""What the library raises on what is no iCalendar."""


@dataclass(frozen=True, slots=True)
class Event:
    """One occurrence of one event."""

    uid: str
    title: str
    """Empty where nobody is to know."""

    start: datetime
    end: datetime
    """Aware, both."""

    whole_days: bool = False
    busy: bool = True
    repeats: bool = False
    """The server did not say which occurrence it is: it stands somewhere in the span."""

    organizer: str = ""
    booked_for: str = ""
    """Of ours: for whom."""


def events_of(data: str, zone: ZoneInfo, *, titles: bool = True) -> list[Event]:
    """Return the events in a calendar's text, those that have a time.

    Raises:
        ValueError: It is no iCalendar.
    """
    try:
        calendar = Calendar.from_ical(data)
        found = [_event(component, zone, titles=titles) for component in calendar.walk("VEVENT")]
    except BROKEN as error:
        raise ValueError(f"no iCalendar ({type(error).__name__})") from None
    return [event for event in found if event is not None]


def _event(component: Any, zone: ZoneInfo, *, titles: bool) -> Event | None:
    if "DTSTART" not in component:
        return None
    begins = component.decoded("DTSTART")
    whole_days = not isinstance(begins, datetime)
    start = _moment(begins, zone)
    private = _text(component, "CLASS").upper() in ("PRIVATE", "CONFIDENTIAL")
    return Event(
        uid=_text(component, "UID"),
        title=_text(component, "SUMMARY") if titles and not private else "",
        start=start,
        end=max(_end(component, start, zone, whole_days=whole_days), start),
        whole_days=whole_days,
        busy=_text(component, "STATUS").upper() != "CANCELLED" and _text(component, "TRANSP").upper() != "TRANSPARENT",
        repeats="RRULE" in component or "RDATE" in component,
        organizer=str(getattr(component.get("ORGANIZER"), "params", {}).get("CN", ""))[:MAX_TEXT],
        booked_for=_text(component, OURS),
    )


def _end(component: Any, start: datetime, zone: ZoneInfo, *, whole_days: bool) -> datetime:
    if "DTEND" in component:
        return _moment(component.decoded("DTEND"), zone)
    if "DURATION" in component:
        length: timedelta = component.decoded("DURATION")
        return start + length
    # RFC 5545 §3.6.1: a day where it is a day, a moment where it is a moment.
    return start + (timedelta(days=1) if whole_days else timedelta())


def _moment(value: date | datetime, zone: ZoneInfo) -> datetime:
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day, tzinfo=zone)
    return value if value.tzinfo is not None else value.replace(tzinfo=zone)


def _text(component: Any, name: str) -> str:
    value = component.get(name, "")
    return " ".join(str(value[0] if isinstance(value, list) else value).split())[:MAX_TEXT]


def written(event: Event, *, now: datetime, note: str = "") -> bytes:
    """Return the text of a calendar with one new event.

    Args:
        event: What is booked.
        now: When.
        note: Further words.
    """
    calendar, component = Calendar(), Component()
    calendar.add("PRODID", "-//ai-worker//CalDAV//ZH")
    calendar.add("VERSION", "2.0")
    component.add("UID", event.uid)
    component.add("DTSTAMP", now.astimezone(UTC))
    component.add("DTSTART", event.start.astimezone(UTC))
    component.add("DTEND", event.end.astimezone(UTC))
    component.add("SUMMARY", event.title)
    if note:
        component.add("DESCRIPTION", note)
    component.add(OURS, event.booked_for)
    calendar.add_component(component)
    return bytes(calendar.to_ical())


def busy_times(events: Sequence[Event], start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Return when something is on, in order and without overlaps. What repeats unknown takes the whole span."""
    spans = sorted(
        (start, end) if event.repeats else (max(event.start, start), min(event.end, end))
        for event in events
        if event.busy
    )
    merged: list[tuple[datetime, datetime]] = []
    for begins, ends in spans:
        if ends <= begins:
            continue
        if merged and begins <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], ends))
        else:
            merged.append((begins, ends))
    return merged


def free_times(
    busy: Sequence[tuple[datetime, datetime]], start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """Return the times between busy ones."""
    free, since = [], start
    for begins, ends in busy:
        if begins > since:
            free.append((since, begins))
        since = ends
    return [*free, (since, end)] if end > since else free
