"""What a database says about itself: its tables, their columns and comments, as a file beside the connector's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, inspect
from sqlalchemy.engine.reflection import ObjectKind

from ai_worker.connectors.operation import ContractRefused, ContractTooLarge

MAX_TABLES = 2_000
MAX_COLUMNS = 500
MAX_COMMENT = 200
MAX_BYTES = 10 * 1024 * 1024


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """One column."""

    name: str
    type: str
    comment: str = ""
    nullable: bool = True


class Table(msgspec.Struct, frozen=True, omit_defaults=True):
    """One table or view."""

    name: str
    columns: tuple[Column, ...]
    schema: str = ""
    comment: str = ""
    key: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    """`customer_id → sales.customers(id)`."""


class Snapshot(msgspec.Struct, frozen=True):
    """All that is known of a database."""

    dialect: str
    default_schema: str
    tables: tuple[Table, ...]


@dataclass(frozen=True, slots=True)
class Reflect:
    """Reads what a database says about itself."""

    schemas: tuple[str, ...]

    def __call__(self, connection: Connection) -> Snapshot:
        """Return it."""
        inspector = inspect(connection)
        default = inspector.default_schema_name or ""
        if connection.dialect.name == "sqlite":
            default = ""
        tables: list[Table] = []
        for schema in self.schemas or (None,):
            tables += _tables(inspector, schema, default)
        return Snapshot(connection.dialect.name, default, tuple(tables[:MAX_TABLES]))


def _tables(inspector: Any, schema: str | None, default: str) -> list[Table]:
    columns = inspector.get_multi_columns(schema=schema, kind=ObjectKind.ANY)
    keys = inspector.get_multi_pk_constraint(schema=schema, kind=ObjectKind.TABLE)
    references = inspector.get_multi_foreign_keys(schema=schema, kind=ObjectKind.TABLE)
    try:
        comments = inspector.get_multi_table_comment(schema=schema, kind=ObjectKind.ANY)
    except NotImplementedError:
        comments = {}
    return [
        Table(
            name=place[1],
            schema=place[0] or default,
            comment=str((comments.get(place) or {}).get("text") or "")[:MAX_COMMENT],
            columns=tuple(_column(one) for one in found[:MAX_COLUMNS]),
            key=tuple((keys.get(place) or {}).get("constrained_columns") or ()),
            references=tuple(_reference(one) for one in references.get(place) or ()),
        )
        for place, found in sorted(columns.items(), key=lambda item: item[0][1])
    ]


def _column(one: Any) -> Column:
    kind = str(one["type"]).split(" COLLATE ")[0] if str(one["type"]) != "NULL" else "unknown"
    return Column(str(one["name"]), kind, str(one.get("comment") or "")[:MAX_COMMENT], bool(one.get("nullable", True)))


def _reference(one: Any) -> str:
    table = f"{one['referred_schema']}.{one['referred_table']}" if one.get("referred_schema") else one["referred_table"]
    return f"{', '.join(one['constrained_columns'])} → {table}({', '.join(one['referred_columns'])})"


def written(snapshot: Snapshot) -> bytes:
    """Return a snapshot as the file that `read` reads."""
    return msgspec.json.format(msgspec.json.encode(snapshot), indent=1)


def read(path: Path) -> tuple[Snapshot, bytes]:
    """Return the snapshot in a file, and the file's bytes.

    Raises:
        ContractTooLarge: It is larger than any that we write.
        ContractRefused: It cannot be read, or is none.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ContractTooLarge(f"{path.name}: larger than {MAX_BYTES // 1024 // 1024} MB")
        data = path.read_bytes()
        return msgspec.json.decode(data, type=Snapshot), data
    except FileNotFoundError:
        raise ContractRefused(f"{path.name} is not there; `ai-worker connectors refresh ID` writes it") from None
    except (OSError, msgspec.DecodeError) as error:
        raise ContractRefused(f"{path.name}: no description of a database: {error}") from None


def allowed(snapshot: Snapshot, wanted: Sequence[str]) -> list[Table]:
    """Return the tables that a free query may read.

    Args:
        snapshot: Of the database.
        wanted: `orders` (of the default schema) and `sales.orders`; empty: every one.

    Raises:
        ContractRefused: There is no such table.
    """
    if not wanted:
        return list(snapshot.tables)
    by_name: dict[str, Table] = {}
    for table in snapshot.tables:
        by_name[f"{table.schema}.{table.name}"] = table
        if table.schema == snapshot.default_schema:
            by_name[table.name] = table
    if unknown := [name for name in wanted if name not in by_name]:
        raise ContractRefused(f"options.tables: the database has no table {unknown[0]!r}")
    return list(dict.fromkeys(by_name[name] for name in wanted))
