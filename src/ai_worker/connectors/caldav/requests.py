"""What is asked of a CalDAV server: the bodies of PROPFIND and REPORT (RFC 4918 §9.1, RFC 4791 §7.8)."""

from datetime import UTC, datetime

PROPERTIES = b"""<?xml version="1.0" encoding="utf-8"?>
<d:propfind xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop>
<d:resourcetype/><d:displayname/><c:calendar-description/></d:prop></d:propfind>"""


def between(start: datetime, end: datetime) -> bytes:
    """Return the question for the events of a span, with repeating ones as their single occurrences."""
    span = f'start="{stamp(start)}" end="{stamp(end)}"'
    return f"""<?xml version="1.0" encoding="utf-8"?>
<c:calendar-query xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:getetag/>
<c:calendar-data><c:expand {span}/></c:calendar-data></d:prop><c:filter><c:comp-filter name="VCALENDAR">
<c:comp-filter name="VEVENT"><c:time-range {span}/></c:comp-filter></c:comp-filter></c:filter>
</c:calendar-query>""".encode()


def stamp(moment: datetime) -> str:
    """Return a moment as iCalendar writes it: `20260301T010000Z`."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
