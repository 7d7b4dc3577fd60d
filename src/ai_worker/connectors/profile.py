"""What an administrator says about one connection: values, without the network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class RefusalSign:
    """How a system that answers 200 says no: `{"success": false}`, `{"errcode": 40003}`."""

    field: str
    """Where it stands; names with dots between. A result without it is none."""

    good: tuple[Any, ...] = ()
    """Every other value is a refusal. Empty: `bad` says which are."""

    bad: tuple[Any, ...] = ()
    expired: tuple[Any, ...] = ()
    """Values that say that the token has run out: it is got anew once, and the call repeated."""

    message: str = ""
    """The field with the system's words."""


@dataclass(frozen=True, slots=True)
class Paging:
    """How a system cuts a long list into pages."""

    kind: Literal["none", "link", "cursor", "page", "offset"] = "none"
    argument: str = ""
    """The argument that the next page is asked with: `cursor`, `page`, `offset`."""

    cursor: str = ""
    """Of `cursor`: the field of the result that holds the next one; an address there is followed as one."""

    items: str = ""
    """The field that holds the list; empty: the result is the list."""

    size_argument: str = ""
    """Of `page` and `offset`: the argument with the number of items a page, if the system takes one."""

    size: int = 50
    first: int = 1
    """Of `page`: the first page's number."""

    max_pages: int = 10
    max_items: int = 1_000


@dataclass(frozen=True, slots=True)
class Profile:
    """One connection to one business system."""

    base_url: str
    """Without the operations' paths."""

    hosts: tuple[str, ...] = ()
    """Further hosts that may be called, such as the one that gives tokens; the base address's is among them."""

    networks: tuple[str, ...] = ()
    """Private networks that the system may stand in: `10.2.0.0/16`."""

    timeout_s: float = 15.0
    """One attempt."""

    deadline_s: float = 45.0
    """One call with all its attempts and waits."""

    max_connections: int = 20
    per_second: float = 10.0
    """Calls, on average."""

    burst: int = 20
    """Calls at once, before the average counts."""

    attempts: int = 3
    """Of a call that may be repeated."""

    max_wait_s: float = 20.0
    """The longest `Retry-After` that is waited for."""

    failures_to_open: int = 5
    """Failures in a row after which the system is left alone."""

    rest_s: float = 30.0
    """For so long, before one call tries again."""

    max_bytes: int = 8 * 1024 * 1024
    """Of an answer that is read at all."""

    max_characters: int = 100_000
    """Of a result, as JSON; a longer list is cut and says so."""

    idempotency_header: str = ""
    """The header in which the system takes an idempotency key; empty: it takes none."""

    headers: Mapping[str, str] = field(default_factory=dict)
    """Sent with every call."""

    query: Mapping[str, str] = field(default_factory=dict)
    """Sent with every call, in its address."""

    refusals: tuple[RefusalSign, ...] = ()
    masked: frozenset[str] = frozenset()
    """Fields whose values nobody gets to see: a name at any depth, or names with dots from the top."""

    paging: Paging = field(default_factory=Paging)
