"""Values of Tryton as they travel in its JSON-RPC, and as plain JSON.

What JSON lacks is an object with `__class__`: dates, times, decimals, bytes. Times are in UTC.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from ai_worker.connectors.rpc.snapshot import FieldType

MAX_DEPTH = 12


def sent(type: FieldType, value: Any) -> Any:
    """Return a value as Tryton takes it; raise ValueError or ArithmeticError if it is none."""
    if value is None:
        return None
    match type:
        case "decimal":
            number = Decimal(str(value))
            if not number.is_finite():
                raise ValueError("no number")
            return {"__class__": "Decimal", "decimal": str(number)}
        case "date":
            day = date.fromisoformat(value)
            return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}
        case "datetime":
            moment = datetime.fromisoformat(value).astimezone(UTC)
            days = {"year": moment.year, "month": moment.month, "day": moment.day}
            return {"__class__": "datetime", **days, **_clock(moment.time())}
        case "time":
            return {"__class__": "time", **_clock(time.fromisoformat(value))}
        case "duration":
            return {"__class__": "timedelta", "seconds": float(value)}
        case "links":
            return [["add", list(value)]]
    return value


def _clock(moment: time) -> dict[str, int]:
    return {
        "hour": moment.hour,
        "minute": moment.minute,
        "second": moment.second,
        "microsecond": moment.microsecond,
    }


def plain(value: Any, *, depth: int = 0) -> Any:
    """Return a value as plain JSON: a decimal as its text, a time in ISO 8601, of a file only its size."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [plain(item, depth=depth + 1) for item in value]
    if not isinstance(value, Mapping):
        return value
    try:
        return _object(value, depth)
    except (KeyError, TypeError, ValueError):
        # Not what it says it is: it is shown as it came.
        return dict(value)


def _object(value: Mapping[str, Any], depth: int) -> Any:
    match value.get("__class__"):
        case "Decimal":
            return str(value["decimal"])
        case "date":
            return date(value["year"], value["month"], value["day"]).isoformat()
        case "datetime":
            return f"{datetime(*(value[part] for part in _PARTS)).isoformat()}Z"  # noqa: DTZ001  (UTC by the protocol)
        case "time":
            return time(value["hour"], value["minute"], value["second"]).isoformat()
        case "timedelta":
            return value["seconds"]
        case "bytes":
            return {"file": "application/octet-stream", "bytes": len(value["base64"]) * 3 // 4}
    return record(value, depth=depth)


_PARTS = ("year", "month", "day", "hour", "minute", "second")


def record(value: Mapping[str, Any], *, depth: int = 0) -> dict[str, Any]:
    """Return a record: what Tryton puts under `party.` beside the number under `party` stands under `party`."""
    result = {key: plain(item, depth=depth + 1) for key, item in value.items() if not key.endswith(".")}
    nested = {key[:-1]: plain(item, depth=depth + 1) for key, item in value.items() if key.endswith(".")}
    return {**result, **nested}
