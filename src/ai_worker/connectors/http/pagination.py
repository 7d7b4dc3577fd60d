"""Follow a long list from page to page, the way that a connection's profile says, and not for ever."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from multidict import CIMultiDict

from ai_worker.connectors.answers import at
from ai_worker.connectors.contract import Answer
from ai_worker.connectors.http.caller import HttpCaller
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.profile import Paging


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list."""

    items: list[Any]
    answer: Answer
    more: Mapping[str, Any] | None
    """The arguments that ask for the next page, beside the first ones; `None`: this was the last."""


async def pages(
    caller: HttpCaller, operation: Operation, arguments: Mapping[str, Any], paging: Paging
) -> AsyncIterator[Page]:
    """Yield the pages of an operation that only reads, until the last, or until there are enough.

    The last page that is yielded has `more` when the system has more than `paging` allows to ask for.

    Raises:
        ToolFailed: As `HttpCaller.call`.
    """
    asked = {**_first(paging), **arguments}
    seen = [asked]
    count = 0
    for _ in range(max(paging.max_pages, 1)):
        answer = await caller.call(operation, asked)
        items = _items(answer.data, paging)
        more = _more(operation, answer, asked, items, paging)
        # A system that names a page which we have had would be asked for ever.
        if more is not None and {**asked, **more} in seen:
            more = None
        count += len(items)
        yield Page(items, answer, more)
        if more is None or count >= paging.max_items:
            return
        asked = {**asked, **more}
        seen.append(asked)


def _first(paging: Paging) -> dict[str, Any]:
    size = {paging.size_argument: paging.size} if paging.size_argument else {}
    match paging.kind:
        case "page":
            return {paging.argument: paging.first, **size}
        case "offset":
            return {paging.argument: 0, **size}
    return size


def _items(data: Any, paging: Paging) -> list[Any]:
    found = at(data, paging.items)
    if isinstance(found, list):
        return found
    return [] if found is None else [found]


def _more(
    operation: Operation, answer: Answer, asked: Mapping[str, Any], items: list[Any], paging: Paging
) -> dict[str, Any] | None:
    match paging.kind:
        case "link":
            return _from_address(operation, next_link(answer.headers.get("link", "")))
        case "cursor":
            cursor = at(answer.data, paging.cursor)
            if cursor in (None, "", False, "null"):
                return None
            if isinstance(cursor, str) and cursor.startswith(("http://", "https://", "/")):
                return _from_address(operation, cursor)
            return {paging.argument: cursor}
        case "page" if items and not _short(items, asked, paging):
            return {paging.argument: int(asked[paging.argument]) + 1}
        case "offset" if items and not _short(items, asked, paging):
            return {paging.argument: int(asked[paging.argument]) + len(items)}
    return None


def _short(items: list[Any], asked: Mapping[str, Any], paging: Paging) -> bool:
    """Return whether a page is not full, and so the last."""
    size = asked.get(paging.size_argument, paging.size)
    return isinstance(size, int) and len(items) < size


def next_link(header: str) -> str:
    """Return the address of the next page in a `Link` header (RFC 8288); empty: there is none."""
    for piece in header.split("<")[1:]:
        address, _, parameters = piece.partition(">")
        for parameter in parameters.replace(",", ";").split(";"):
            name, _, value = parameter.strip().partition("=")
            if name.lower() == "rel" and "next" in value.strip('" ').lower().split():
                return address
    return ""


def _from_address(operation: Operation, address: str) -> dict[str, Any] | None:
    """Return the arguments that an address stands for.

    Only its query is read: what the operation knows is asked for as arguments again, so that a next page can lead
    to no other host and no other operation.
    """
    if not address:
        return None
    query = CIMultiDict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
    kinds = operation.input_schema.get("properties", {})
    found = {
        parameter.argument: _typed(query[parameter.name], kinds.get(parameter.argument, {}))
        for parameter in operation.parameters
        if parameter.place == "query" and parameter.fixed is None and parameter.name in query
    }
    return found or None


def _typed(value: str, schema: Any) -> Any:
    kinds = schema.get("type") if isinstance(schema, Mapping) else None
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if "integer" in kinds and value.lstrip("-").isdigit():
        return int(value)
    if "boolean" in kinds and value in ("true", "false"):
        return value == "true"
    return [value] if "array" in kinds else value
