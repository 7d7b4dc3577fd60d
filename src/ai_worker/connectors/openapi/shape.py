"""What both dialects of OpenAPI are read into, before it becomes an operation."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ai_worker.connectors.operation import Place, Scheme, Style


@dataclass(frozen=True, slots=True)
class Asked:
    """A parameter as the contract has it."""

    name: str
    place: Place
    required: bool
    schema: Mapping[str, Any]
    """With the parameter's own description, which stands in it where it has none."""

    style: Style
    explode: bool
    media_type: str = ""
    allow_reserved: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """One type of content that an operation takes."""

    type: str
    """Without parameters, in small letters."""

    schema: Any
    styles: Mapping[str, tuple[Style, bool]] = field(default_factory=dict)
    part_types: Mapping[str, str] = field(default_factory=dict)
    assumed: bool = False
    """The contract names no type at all."""


@dataclass(frozen=True, slots=True)
class Content:
    """A body as the contract has it."""

    required: bool
    offers: tuple[Offer, ...]
    description: str = ""


class Dialect(Protocol):
    """One version of OpenAPI."""

    kind: str
    """`openapi-3.0`"""

    def request(
        self, item: Mapping[str, Any], node: Mapping[str, Any]
    ) -> tuple[Mapping[tuple[str, str], Asked], Content | None]:
        """Return the parameters of an operation, by name and place, and its body."""
        ...

    def answers(self, node: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the types of content that an operation answers with."""
        ...

    def servers(self, node: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the base addresses that the document, or one operation, names itself."""
        ...

    def schemes(self) -> Mapping[str, Scheme]:
        """Return the ways to prove who calls."""
        ...


def listed(value: Any) -> list[Any]:
    """Return `value` if it is a list, and an empty one if it is not."""
    return value if isinstance(value, list) else []


def mapped(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is an object, and an empty one if it is not."""
    return value if isinstance(value, Mapping) else {}


def text(value: Any, limit: int = 2_000) -> str:
    """Return `value` as text if it is a plain one, and nothing if it is not.

    Never `str` of what a contract holds: a few aliases of YAML can stand for more than memory has.
    """
    if isinstance(value, str):
        return value[:limit]
    return str(value)[:limit] if isinstance(value, int | float) and abs(value) < 1e15 else ""


def media_type(value: Any) -> str:
    """Return a type of content without its parameters."""
    return text(value, 200).split(";", 1)[0].strip().lower()


def unique(values: list[str]) -> tuple[str, ...]:
    """Return each once, in the order in which they came."""
    return tuple(dict.fromkeys(values))
