"""Write the body of a request: JSON, forms, multipart with files, binary, text."""

import binascii
import re
import secrets
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from ai_worker.connectors.contract import ArgumentsRefused
from ai_worker.connectors.http.values import json_text, pairs, text
from ai_worker.connectors.operation import Body, Media, Operation

_DATA_ADDRESS = re.compile(r"^data:[^,]{0,200};base64,")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_URL_SAFE = str.maketrans("-_", "+/")

A_FEW_WORDS = 40
"""Characters; no file that was cut off is as short."""

MAX_BODY_BYTES = 32 * 1024 * 1024
"""A larger body is refused; with files as base64 among the arguments it would fill the memory."""

FORM = "application/x-www-form-urlencoded"

CONCRETE: Mapping[str, str] = {
    "": "application/json",
    "*/*": "application/json",
    "application/*": "application/json",
    "text/*": "text/plain",
    "image/*": "image/png",
    "audio/*": "audio/mpeg",
    "video/*": "video/mp4",
    "multipart/*": "multipart/form-data",
}
"""What is said to be sent where the contract names a range of types."""


def body_of(operation: Operation, body: Body, arguments: Mapping[str, Any]) -> tuple[bytes | None, str]:
    """Return a body's bytes and its type of content; `None`: there is none to send.

    Raises:
        ArgumentsRefused: A file is not base64, or the body is too large.
    """
    present, value = _value(body, arguments)
    if not present and not body.required:
        return None, ""
    media = body.media
    binary = "" in media.binary
    kind = CONCRETE.get(media.type, media.type)
    if binary and media.type in ("", "*/*", "application/*"):
        kind = "application/octet-stream"
    content, kind = _content(operation, media, kind, value, binary=binary)
    if len(content) > MAX_BODY_BYTES:
        raise ArgumentsRefused(f"{operation.name}: the body is larger than {MAX_BODY_BYTES // 1024**2} MB")
    return content, kind


def _value(body: Body, arguments: Mapping[str, Any]) -> tuple[bool, Any]:
    """Return whether anything was given, and the body's value."""
    if body.properties is None:
        given = body.whole in arguments
        value = arguments.get(body.whole)
    else:
        value = {field: arguments[key] for key, field in body.properties.items() if key in arguments}
        given = bool(value)
    if body.fixed is not None:
        return True, _merged(body.fixed, value) if given else body.fixed
    return given, value


def _merged(below: Any, above: Any) -> Any:
    if not (isinstance(below, Mapping) and isinstance(above, Mapping)):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}


def _content(operation: Operation, media: Media, kind: str, value: Any, *, binary: bool) -> tuple[bytes, str]:
    if binary:
        return _file(operation, "body", value), kind
    if kind == FORM:
        return _form(media, value if isinstance(value, Mapping) else {}).encode(), kind
    if kind.startswith("multipart/"):
        boundary = f"ai-worker-{secrets.token_hex(12)}"
        parts = value if isinstance(value, Mapping) else {}
        content = b"".join(_parts(operation, media, parts, boundary)) + f"--{boundary}--\r\n".encode()
        return content, f"{kind}; boundary={boundary}"
    if "json" in kind or not isinstance(value, str):
        return msgspec.json.encode(value), kind
    return value.encode(), kind if "charset" in kind or not kind.startswith("text/") else f"{kind}; charset=utf-8"


def _form(media: Media, fields: Mapping[str, Any]) -> str:
    items: list[str] = []
    for name, value in fields.items():
        style, explode = media.styles.get(name, ("form", True))
        items += pairs(name, value, style, explode)
    return "&".join(items)


def _parts(operation: Operation, media: Media, fields: Mapping[str, Any], boundary: str) -> Iterator[bytes]:
    for name, value in fields.items():
        for one in value if isinstance(value, list) and not _nested(value) else [value]:
            if one is None:
                continue
            kind = media.part_types.get(name, "").partition(",")[0].strip()
            quoted = name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")  # WHATWG form-data encoding
            heading = f'--{boundary}\r\nContent-Disposition: form-data; name="{quoted}"'
            if name in media.binary:
                content = _file(operation, name, one)
                heading += f'; filename="{quoted}"'
                kind = CONCRETE.get(kind, kind) if kind else "application/octet-stream"
            elif isinstance(one, list | dict):
                content, kind = json_text(one).encode(), kind or "application/json"
            else:
                content = text(one).encode()
            yield heading.encode() + (f"\r\nContent-Type: {kind}" if kind else "").encode() + b"\r\n\r\n"
            yield content + b"\r\n"


def _nested(items: list[Any]) -> bool:
    return any(isinstance(item, list | dict) for item in items)


def _file(operation: Operation, name: str, value: Any) -> bytes:
    """Return a file's bytes from base64, also URL-safe, unpadded or as a `data:` address.

    What cannot be base64 at all, or is a word or two, is a text file in its own words. What could be and is broken is
    refused: it was cut off on its way, and half a file is worse than none.
    """
    given = value if isinstance(value, str) else json_text(value)
    packed = "".join(_DATA_ADDRESS.sub("", given).split())
    if _BASE64.fullmatch(packed) is None:
        return given.encode()
    bare = packed.rstrip("=").translate(_URL_SAFE)
    try:
        return b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except binascii.Error:
        if len(given) <= A_FEW_WORDS:
            return given.encode()
        raise ArgumentsRefused(f"{operation.name}: {name!r} is a file, and its base64 is incomplete") from None
