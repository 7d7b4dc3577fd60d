"""What an administrator says about a database: the `[options]` of a connector.toml of the kind `sql`."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from ai_worker.connectors.auth_settings import Strict
from ai_worker.connectors.kind import Options
from ai_worker.connectors.settings import Pattern
from ai_worker.foundation.secret import Secret, SecretField

ParameterType = Literal["string", "integer", "number", "boolean", "date", "datetime"]

QueryName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,47}$")]
ParameterName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,47}$")]


def _an_address(secret: Secret) -> Secret:
    if "://" not in secret.reveal():
        raise ValueError("an address such as postgresql://reader:password@db.example.com/sales")
    return secret


class ParameterSettings(Strict):
    """One value that a query is asked with."""

    type: ParameterType = "string"
    title: str = ""
    """What it is, for the model: `订单号`."""

    pattern: Pattern = ""
    """Regular expression that the whole text must match; empty: any text."""

    enum: tuple[str | int, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    max_length: int = Field(default=200, ge=1, le=10_000)
    required: bool = True
    default: str | int | float | bool | None = None
    """Where it is not given; `None`: the query gets NULL."""


class QuerySettings(Strict):
    """One question that the database answers: an operation of its own."""

    sql: str = Field(min_length=1, max_length=20_000)
    """One SELECT with `:names` for its parameters."""

    title: str
    description: str = ""
    parameters: Mapping[ParameterName, ParameterSettings] = Field(default_factory=dict)
    one: bool = False
    """It answers with one thing: the first row itself, and a refusal where there is none."""

    max_rows: int | None = Field(default=None, ge=1, le=10_000)
    """Left out: as for the connection."""


class SqlOptions(Options):
    """A database."""

    url: Annotated[SecretField, AfterValidator(_an_address)]
    """`postgresql://…`, `mysql://…`, `sqlite:////absolute/path.db`, `oracle://…`, `mssql://…`.
    Use a role that may only read."""

    queries: Mapping[QueryName, QuerySettings] = Field(default_factory=dict)
    """Named queries; each becomes an operation. The recommended way."""

    query: bool = False
    """Whether the model may write a SELECT of its own over the allowed tables. It knows no rights of single rows."""

    schemas: tuple[str, ...] = ()
    """That `connectors refresh` describes; empty: the default one."""

    tables: tuple[str, ...] = ()
    """That a free query may read: `orders`, `sales.orders`; empty: every one of the schemas."""

    connections: int = Field(default=5, ge=1, le=50)
    """Open at a time, each busy with one query."""

    max_rows: int = Field(default=200, ge=1, le=10_000)
    max_bytes: int = Field(default=1_000_000, ge=1_000, le=50_000_000)
    """Of all rows of an answer; reading ends there."""

    asker_setting: str = Field(default="", pattern=r"^([a-z_]+\.[a-z_]+)?$")
    """Of PostgreSQL: the setting that tells the database's own row policies for whom is asked
    (`app.asker`): the login in the system, or the contact's id where there is none."""

    connect_arguments: Mapping[str, Any] = Field(default_factory=dict)
    """Handed to the database's driver as they are."""
