"""The messages of LDAP that reading takes: bind, search, StartTLS and unbind (RFC 4511 §4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ai_worker.connectors.ldap import ber, filters
from ai_worker.connectors.ldap.ber import Malformed, Value

BIND_ANSWER, ENTRY, DONE, REFERENCE, EXTENDED_ANSWER = 0x61, 0x64, 0x65, 0x73, 0x78
START_TLS = "1.3.6.1.4.1.1466.20037"
MAX_VALUES = 100
"""Of one attribute: a photograph or a group of ten thousand is not for reading."""


@dataclass(frozen=True, slots=True)
class Result:
    """How an operation ended."""

    code: int
    words: str
    """The directory's own."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the directory."""

    dn: str
    attributes: Mapping[str, list[Any]]


def bind(dn: str, password: str) -> bytes:
    """Return the request to be somebody."""
    return ber.encoded(0x60, ber.number(3), ber.octets(dn), ber.octets(password, 0x80))


def unbind() -> bytes:
    """Return the farewell; nothing answers it."""
    return ber.encoded(0x42)


def start_tls() -> bytes:
    """Return the request to encrypt from now on."""
    return ber.encoded(0x77, ber.octets(START_TLS, 0x80))


def search(
    base: str,
    scope: Literal["base", "below"],
    wanted: filters.Filter,
    attributes: Sequence[str],
    *,
    entries: int,
    seconds: int,
) -> bytes:
    """Return the request for entries.

    Args:
        base: Where.
        scope: The entry itself, or all below as well.
        wanted: Which.
        attributes: That are told.
        entries: At most so many.
        seconds: The directory gives up after these.
    """
    return ber.encoded(
        0x63,
        ber.octets(base),
        ber.number(0 if scope == "base" else 2, ber.ENUMERATED),
        ber.number(0, ber.ENUMERATED),  # aliases are not followed
        ber.number(entries),
        ber.number(seconds),
        ber.encoded(ber.BOOLEAN, b"\x00"),  # values as well
        filters.encoded(wanted),
        ber.encoded(ber.SEQUENCE, *(ber.octets(one) for one in attributes)),
    )


def message(number: int, request: bytes) -> bytes:
    """Return a request with its number, as it goes out."""
    return ber.encoded(ber.SEQUENCE, ber.number(number), request)


def opened(data: bytes) -> tuple[int, Value]:
    """Return the number and the content of a message.

    Raises:
        Malformed: It is none.
    """
    outer = ber.decoded(data)
    parts = outer.parts()
    if outer.tag != ber.SEQUENCE or len(parts) < 2:
        raise Malformed("no message")
    return parts[0].number(), parts[1]


def result_of(content: Value) -> Result:
    """Return how an operation ended.

    Raises:
        Malformed: It does not say.
    """
    parts = content.parts()
    if len(parts) < 3:
        raise Malformed("no result")
    return Result(parts[0].number(), parts[2].text())


def entry_of(content: Value) -> Entry:
    """Return an entry.

    Raises:
        Malformed: It is none.
    """
    parts = content.parts()
    if len(parts) < 2:
        raise Malformed("no entry")
    attributes: dict[str, list[Any]] = {}
    for attribute in parts[1].parts():
        named = attribute.parts()
        if len(named) < 2:
            raise Malformed("no attribute")
        attributes[named[0].text()] = [_value(one.content) for one in named[1].parts()[:MAX_VALUES]]
    return Entry(parts[0].text(), attributes)


def _value(content: bytes) -> Any:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"bytes": len(content)}
