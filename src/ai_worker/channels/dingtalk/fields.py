"""Reading JSON of the platform without trusting its shape."""

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

Fields = dict[str, Any]

_MILLISECONDS = re.compile(r"[0-9]{1,14}")
_decode = msgspec.json.Decoder(Fields).decode


class NotJson(ValueError):
    """It is not one JSON object in UTF-8."""


def fields(raw: bytes | str) -> Fields:
    """Return a JSON object.

    Raises:
        NotJson: It is something else, broken, or nested too deeply.
    """
    try:
        return _decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise NotJson from None


def text_of(found: Fields, name: str) -> str:
    """Return a field as text: a number as its digits, anything else as nothing."""
    value = found.get(name)
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def object_of(found: Fields, name: str) -> Fields:
    """Return a field that is an object; an empty one if it is not."""
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def moment_of(found: Fields, name: str) -> datetime | None:
    """Return a field that holds milliseconds since 1970, UTC."""
    milliseconds = text_of(found, name)
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC) if _MILLISECONDS.fullmatch(milliseconds) else None
