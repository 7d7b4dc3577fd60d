"""What is searched for (RFC 4511 §4.5.1.7). Values are bytes of their own length: nothing in them can be syntax."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ai_worker.connectors.ldap import ber


@dataclass(frozen=True, slots=True)
class Equals:
    """An attribute has this value."""

    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class Contains:
    """An attribute's value has this part."""

    attribute: str
    value: str


@dataclass(frozen=True, slots=True)
class Present:
    """There is such an attribute."""

    attribute: str


@dataclass(frozen=True, slots=True)
class Every:
    """All of these."""

    filters: tuple["Filter", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of these."""

    filters: tuple["Filter", ...]


Filter: TypeAlias = Equals | Contains | Present | Every | Some


def encoded(one: Filter) -> bytes:
    """Return a filter as it is sent."""
    match one:
        case Equals(attribute, value):
            return ber.encoded(0xA3, ber.octets(attribute), ber.octets(value))
        case Contains(attribute, value):
            return ber.encoded(0xA4, ber.octets(attribute), ber.encoded(ber.SEQUENCE, ber.octets(value, 0x81)))
        case Present(attribute):
            return ber.octets(attribute, 0x87)
        case Every(filters):
            return ber.encoded(0xA0, *map(encoded, filters))
        case Some(filters):
            return ber.encoded(0xA1, *map(encoded, filters))


def shown(one: Filter) -> str:
    """Return a filter for people, as RFC 4515 writes it."""
    match one:
        case Equals(attribute, value):
            return f"({attribute}={_escaped(value)})"
        case Contains(attribute, value):
            return f"({attribute}=*{_escaped(value)}*)"
        case Present(attribute):
            return f"({attribute}=*)"
        case Every(filters):
            return f"(&{''.join(map(shown, filters))})"
        case Some(filters):
            return f"(|{''.join(map(shown, filters))})"


def any_of(attributes: Sequence[str], value: str, *, part: bool = False) -> Filter:
    """Return the filter for a value in any of some attributes."""
    kind = Contains if part else Equals
    return Some(tuple(kind(attribute, value) for attribute in attributes))


def _escaped(value: str) -> str:
    return "".join(f"\\{ord(one):02x}" if one in "*()\\\x00" else one for one in value)
