"""Request bodies: JSON read into a declared shape, and text made safe to keep."""

import hashlib
from typing import TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ai_worker.api.problems import Invalid, Malformed
from ai_worker.foundation.text import clean

Body = TypeVar("Body", bound=msgspec.Struct)


async def read_json(request: Request, shape: type[Body]) -> Body:
    """Return the request's body as a `shape`. Unknown members are passed over.

    Raises:
        Malformed: It is not JSON in UTF-8, or nested without end.
        Invalid: It is JSON of another shape.
    """
    try:
        return msgspec.json.decode(await request.body(), type=shape)
    except msgspec.ValidationError as error:
        raise Invalid(_say(str(error))) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Malformed("The body is not JSON in UTF-8") from None


def digest(*parts: bytes | msgspec.Struct) -> str:
    """Return the SHA-256 of what a request means, by which a repeat is told from a clash."""
    sha = hashlib.sha256()
    for part in parts:
        raw = part if isinstance(part, bytes) else msgspec.json.encode(part)
        sha.update(len(raw).to_bytes(8, "big") + raw)
    return sha.hexdigest()


def plain(value: str, name: str) -> str:
    """Return an id or a name as it stands, if nothing in it would have to be cleaned away.

    Raises:
        Invalid: It holds control characters, or spaces at an end, or nothing.
    """
    if not value or clean(value) != value or not value.isprintable():
        raise Invalid(f"`{name}` must be plain text without control characters or spaces around it")
    return value


def words(value: str, name: str) -> str:
    """Return what somebody says, cleaned of what no keyboard types.

    Raises:
        Invalid: It holds a NUL or a lone surrogate, or nothing is left of it.
    """
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise Invalid(f"`{name}` holds a NUL or half a character")
    if not (text := clean(value)):
        raise Invalid(f"`{name}` must not be empty")
    return text


def answer(body: object, status: int = 200) -> Response:
    """Return a JSON response."""
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _say(message: str) -> str:
    """Return msgspec's words without the sender's: a wrong enum value is the one thing it repeats."""
    if message.startswith("Invalid enum value"):
        return "Invalid enum value" + message[message.rfind(" - at ") :]
    return message
