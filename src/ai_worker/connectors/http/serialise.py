"""Write an operation's arguments as a request: OpenAPI 3.1 §4.8.12 and RFC 6570, without the network."""

import gzip
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ai_worker.connectors.contract import ArgumentsRefused
from ai_worker.connectors.http.bodies import body_of
from ai_worker.connectors.http.values import BetweenItems, content_text, pairs, text
from ai_worker.connectors.operation import Operation, Parameter

_PLACEHOLDER = re.compile(r"{([^{}]*)}")
_CONTROL = re.compile(r"%(?:[01][0-9A-F]|7F)")

OURS = frozenset(
    [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "upgrade",
        "te",
        "trailer",
        "keep-alive",
        "expect",
        "proxy-authorization",
        "proxy-connection",
    ]
)
"""Headers that say where a request ends and whom it is for: no argument sets them."""


@dataclass(frozen=True, slots=True)
class Request:
    """What goes out, without the proof of who calls. Credentials are never part of it: it may be shown."""

    method: str
    path: str
    """Percent-encoded; appended to the base address."""

    query: tuple[str, ...] = ()
    """`name=value`, percent-encoded."""

    headers: Mapping[str, str] | None = None
    cookies: tuple[str, ...] = ()
    """`name=value`, percent-encoded."""

    content: bytes | None = None
    content_type: str = ""
    untyped: bool = False
    """Goes out without its type of content: see `guessed`."""

    def target(self, base: str, *more: str) -> str:
        """Return the whole address, with further query items."""
        query = "&".join((*self.query, *more))
        return f"{base.rstrip('/')}{self.path}" + (f"?{query}" if query else "")


def request_of(operation: Operation, arguments: Mapping[str, Any]) -> Request:
    """Return the request that carries out an operation with arguments that were checked.

    Raises:
        ArgumentsRefused: A value cannot stand where it has to; nothing was sent.
    """
    try:
        return _written(operation, arguments)
    except UnicodeEncodeError:
        raise ArgumentsRefused(f"{operation.name}: an argument holds half a character") from None


def _written(operation: Operation, arguments: Mapping[str, Any]) -> Request:
    path, _, asked = operation.path.partition("#")[0].partition("?")
    query = [item for item in asked.split("&") if item and "{" not in item]
    headers: dict[str, str] = {"Accept": _accept(operation)}
    cookies: list[str] = []
    parts: dict[str, str] = {}
    for parameter in operation.parameters:
        value = arguments.get(parameter.argument) if parameter.fixed is None else parameter.fixed
        if value is None:
            continue
        match parameter.place:
            case "path":
                parts[parameter.name] = _in_path(operation, parameter, value)
            case "query":
                query += _in_query(parameter, value)
            case "header":
                _put_header(operation, headers, parameter, value)
            case "cookie":
                cookies += _in_query(parameter, value)
    content, content_type = (None, "") if operation.body is None else body_of(operation, operation.body, arguments)
    if content is not None and any(key.lower() == "content-encoding" and headers[key] == "gzip" for key in headers):
        content = gzip.compress(content, mtime=0)  # what is said to be packed is packed
    return Request(
        operation.method, _filled(operation, path, parts), tuple(query), headers, tuple(cookies), content, content_type
    )


def _filled(operation: Operation, path: str, parts: Mapping[str, str]) -> str:
    def part(match: re.Match[str]) -> str:
        if match[1] not in parts:
            raise ArgumentsRefused(f"{operation.name}: nothing fills {{{match[1]}}} of its path")
        return parts[match[1]]

    whole = _PLACEHOLDER.sub(part, path)
    if any(segment in (".", "..") for segment in whole.split("/")):
        raise ArgumentsRefused(f"{operation.name}: an argument would lead to another path")
    return quote(whole if whole.startswith("/") else f"/{whole}", safe="/%:@!$&'()*+,;=~")


def _in_path(operation: Operation, parameter: Parameter, value: Any) -> str:
    if parameter.media_type:
        written = quote(content_text(parameter.media_type, value), safe="")
    else:
        safe = "/:@!$&'()*+,;=" if parameter.allow_reserved else ""
        written = _path_style(parameter, value, lambda item: quote(text(item), safe=safe))
    # The only values that percent-encoding leaves able to change the path; no path has line ends and the like.
    if written in ("", ".", "..") or _CONTROL.search(written):
        raise ArgumentsRefused(f"{operation.name}: the argument {parameter.argument!r} cannot stand in a path")
    return written


def _path_style(parameter: Parameter, value: Any, encode: BetweenItems) -> str:
    style, explode, name = parameter.style, parameter.explode, quote(parameter.name, safe="")
    if style == "matrix":
        if explode and isinstance(value, list):
            return "".join(f";{name}={encode(item)}" for item in value)
        if explode and isinstance(value, Mapping):
            return "".join(f";{quote(key, safe='')}={encode(item)}" for key, item in value.items())
        return f";{name}={_joined(value, ',', False, encode)}"
    if style == "label":
        return "." + _joined(value, "." if explode else ",", explode, encode)
    return _joined(value, ",", explode, encode)


def _joined(value: Any, between: str, explode: bool, encode: BetweenItems) -> str:
    if isinstance(value, Mapping):
        inner = "=" if explode else between
        return between.join(f"{encode(key)}{inner}{encode(item)}" for key, item in value.items() if item is not None)
    if isinstance(value, list):
        return between.join(encode(item) for item in value if item is not None)
    return encode(value)


def _in_query(parameter: Parameter, value: Any) -> list[str]:
    # `&`, `=`, `+` and `#` mean something in a query even where reserved characters go out as they are.
    safe = ":/?@!$'()*,;" if parameter.allow_reserved else ""
    if parameter.media_type:
        name = quote(parameter.name, safe="$")
        return [f"{name}={quote(content_text(parameter.media_type, value), safe=safe)}"]
    written = pairs(parameter.name, value, parameter.style, parameter.explode, safe=safe)
    if not written and parameter.required:
        return [f"{quote(parameter.name, safe='$')}="]
    return written


def _put_header(operation: Operation, headers: dict[str, str], parameter: Parameter, value: Any) -> None:
    name = parameter.name
    if name.lower() in OURS or re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) is None:
        return
    if parameter.media_type:
        written = content_text(parameter.media_type, value)
    else:
        written = _joined(value, ",", parameter.explode, text)
    written = written.strip()  # contracts carry line ends in their defaults
    if any(ord(character) < 32 or ord(character) == 127 for character in written):
        raise ArgumentsRefused(f"{operation.name}: the argument {parameter.argument!r} cannot stand in a header")
    # Headers are ASCII (RFC 9110 §5.5); what is not goes out the way a query would carry it.
    ascii_only = written if written.isascii() else quote(written, safe=" !\"#$&'()*+,/:;<=>?@[]^`{|}~")
    for key in [key for key in headers if key.lower() == name.lower()]:
        del headers[key]
    headers[name] = ascii_only


def _accept(operation: Operation) -> str:
    types = [kind for kind in operation.accepts if "json" in kind] or list(operation.accepts[:4])
    return ", ".join([*(types[:4] or ["application/json"]), "*/*;q=0.1"])
