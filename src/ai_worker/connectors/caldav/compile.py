"""The operations of a calendar server: the same for all, over the calendars that an administrator names."""

import hashlib
from typing import Any

import msgspec

from ai_worker.connectors.caldav.options import CalDavOptions
from ai_worker.connectors.operation import Contract, Operation
from ai_worker.skills.tool import Risk


def compile_caldav(options: CalDavOptions) -> Contract:
    """Return a calendar server's operations."""
    calendar = {"type": "string", "enum": list(options.calendars)}
    moment = {"type": "string", "description": f"2026-03-01T09:00, {options.timezone}", "maxLength": 40}
    span: dict[str, Any] = {"calendar": calendar, "start": moment, "end": moment}
    title = {"type": "string", "minLength": 1, "maxLength": 200}
    booking = span | {"title": title, "note": {"type": "string", "maxLength": 2_000}}
    event = {"calendar": calendar, "event": {"type": "string", "pattern": r"^[0-9a-f]{32}@ai-worker$"}}
    operations = (
        _operation("list_calendars", "PROPFIND", "日历和会议室", "The calendars and meeting rooms.", {}),
        _operation("list_events", "REPORT", "查日程", "What is on in a calendar, between two times.", span),
        _operation(
            "free_busy", "REPORT", "查空闲", "When a calendar or room is taken and free, between two times.", span
        ),
        _operation(
            "book",
            "PUT",
            "预订",
            "Book a room or enter an event; refused where something is on already.",
            booking,
            optional=("note",),
            risk="write-reversible",
        ),
        _operation("get_booking", "GET", "查预订", "A booking that the worker made.", event),
        _operation(
            "cancel",
            "DELETE",
            "取消预订",
            "Cancel a booking that the worker made for the same person.",
            event,
            risk="write-irreversible",
        ),
    )
    digest = hashlib.sha256(msgspec.json.encode(options.model_dump()))
    return Contract("caldav", "CalDAV", "", digest.hexdigest(), operations)


def _operation(
    name: str,
    method: str,
    title: str,
    description: str,
    properties: dict[str, Any],
    *,
    optional: tuple[str, ...] = (),
    risk: Risk = "read",
) -> Operation:
    return Operation(
        name=name,
        method=method,
        path=name,
        title=title,
        description=description,
        input_schema={
            "type": "object",
            "properties": properties,
            "required": [key for key in properties if key not in optional],
            "additionalProperties": False,
        },
        risk=risk,
        transport="dav",
    )
