"""The operation model: what every kind of contract is compiled to, and what every caller reads.

A compiler (OpenAPI, OData, GraphQL, RPC, SQL …) knows contracts and no network; a caller knows the
network and no contract. Between them stands a `Contract` of plain values, so that a new kind of
contract needs no new caller, and a new way to authenticate needs no new compiler.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ai_worker.foundation.errors import BadInput, TooLarge
from ai_worker.skills.tool import Risk


class ContractRefused(BadInput):
    """The contract cannot be used at all; nothing was compiled."""

    code = "contract.bad"
    hint = (
        "Give the contract itself (for OpenAPI the JSON or YAML file of 2.0, 3.0 or 3.1), not the page that shows it."
    )


class ContractTooLarge(TooLarge):
    """The contract is larger than any that we know."""

    code = "contract.too_large"
    hint = "Split the contract, or leave out the parts that are not needed."


Place = Literal["path", "query", "header", "cookie"]

Style = Literal["simple", "label", "matrix", "form", "spaceDelimited", "pipeDelimited", "tabDelimited", "deepObject"]
"""How a list or an object is written in a request: OpenAPI 3.1 §4.8.12; `tabDelimited` is Swagger 2.0's `tsv`."""

Transport = Literal["http", "sql", "mcp", "ldap", "rpc", "dav"]
"""Which caller carries an operation out. What is spoken over HTTP (OData, GraphQL, RPC) is `http`."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value outside the body."""

    name: str
    """On the wire."""

    argument: str
    """In the tool's schema: unique in its operation, letters, digits, `_`, `.` and `-`."""

    place: Place
    required: bool
    style: Style
    explode: bool
    media_type: str = ""
    """Written as this type of content (`application/json`) instead of in a style; empty: in its style."""

    allow_reserved: bool = False
    """Characters such as `/` and `:` go out as they are."""

    fixed: Any = None
    """Sent always and asked of nobody; the tool's schema does not show it. `None`: it is asked for."""


@dataclass(frozen=True, slots=True)
class Media:
    """One type of content that a body may have."""

    type: str
    """`application/json`, `multipart/form-data` …, without parameters."""

    styles: Mapping[str, tuple[Style, bool]] = field(default_factory=dict)
    """Of a form: how a property that is a list or an object is written, and whether it is exploded."""

    part_types: Mapping[str, str] = field(default_factory=dict)
    """Of a multipart form: a property's own type of content, where the contract names one."""

    binary: frozenset[str] = frozenset()
    """Properties whose values are files: they are given as base64. `""` means the whole body."""

    assumed: bool = False
    """The contract names no type of content: this one is sent because nearly every system takes it."""


@dataclass(frozen=True, slots=True)
class Body:
    """The content that an operation takes."""

    required: bool
    media: Media
    """The one that is sent: JSON where the contract offers it."""

    properties: Mapping[str, str] | None = None
    """By argument, the name of the property that it becomes: the body is an object whose properties
    stand among the tool's arguments. `None`: the argument `whole` is the body."""

    whole: str = "body"
    """The argument that is the whole body where `properties` is `None`."""

    fixed: Any = None
    """Merged below what is asked for: an RPC's envelope, a GraphQL document. `None`: nothing."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """One way to prove who calls, by the contract."""

    name: str
    kind: Literal["apiKey", "basic", "bearer", "oauth2", "openIdConnect", "other"]
    place: Literal["header", "query", "cookie"] = "header"
    """Where an API key goes."""

    key: str = ""
    """What an API key is called there."""

    flows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of OAuth 2: by flow, its addresses and scopes, as the contract has them."""


Requirement = Mapping[str, tuple[str, ...]]
"""Schemes that are needed together, each with its scopes; empty: nothing is needed."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a business system can do."""

    name: str
    """The tool's name without the connector's id: letters, digits, `_` and `-`; unique in its contract."""

    method: str
    """In capitals. Of what is not HTTP: what comes closest (`GET` for what only reads)."""

    path: str
    """With its placeholders: `/orders/{id}`; appended to the base address."""

    title: str
    """One line for lists and for searching."""

    description: str
    """For the model; at most a few hundred characters."""

    input_schema: Mapping[str, Any]
    """JSON Schema (2020-12) of an object, slim and without references outside itself."""

    risk: Risk
    parameters: tuple[Parameter, ...] = ()
    body: Body | None = None
    security: tuple[Requirement, ...] = ()
    """Any one of these suffices; none at all: nothing is needed."""

    servers: tuple[str, ...] = ()
    """Its own base addresses, where the contract gives it others than the rest."""

    accepts: tuple[str, ...] = ()
    """Types of content that it answers with."""

    tags: tuple[str, ...] = ()
    deprecated: bool = False
    transport: Transport = "http"
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What the caller of this transport needs beyond the above, in plain JSON values."""

    internal: bool = False
    """For administrators and their checks: it becomes a tool only where it is named, never by a `*`."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """An operation that became no tool."""

    operation: str
    """`GET /orders/{id}`"""

    reason: str


@dataclass(frozen=True, slots=True)
class Contract:
    """A compiled contract."""

    kind: str
    """`openapi-2.0`, `openapi-3.0`, `openapi-3.1`, `odata-4`, `graphql`, `jsonrpc`, `sql` …"""

    title: str
    version: str
    sha256: str
    """Of the contract's bytes, as they were read."""

    operations: tuple[Operation, ...]
    skipped: tuple[Skipped, ...] = ()
    schemes: Mapping[str, Scheme] = field(default_factory=dict)
    servers: tuple[str, ...] = ()
    """The base addresses that it names; a connection has its own."""

    warnings: tuple[str, ...] = ()
    """What is wrong with the contract and was got over."""

    calling: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What it says of calling besides its operations, in plain JSON values, for the caller of its own kind:
    how a log-in is made, what a refusal looks like. A connection's own settings come first."""
