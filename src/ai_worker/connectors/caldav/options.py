"""What an administrator says about a calendar server: the `[options]` of the kind `caldav`."""

from collections.abc import Mapping
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from ai_worker.connectors.kind import Options


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError("a time zone such as Asia/Shanghai") from None
    return name


CalendarPath = Annotated[str, Field(pattern=r"^/[^\s?#]*$")]


class CalDavOptions(Options):
    """A calendar server."""

    calendars: Mapping[str, CalendarPath] = Field(min_length=1)
    """What people call them, and where they are on the server: `"三楼会议室" = "/dav/rooms/3f/"`; no others
    are used."""

    timezone: Annotated[str, AfterValidator(_known_zone)] = "Asia/Shanghai"
    """Of times without one: those that are asked with, all-day events, and what is answered."""

    titles: bool = True
    """Whether what an event is about is told; of private and confidential ones it never is."""

    max_days: int = Field(default=31, ge=1, le=366)
    """The longest span that is looked at."""

    max_events: int = Field(default=200, ge=1, le=2_000)
    max_minutes: int = Field(default=480, ge=5, le=100_000)
    """The longest booking."""
