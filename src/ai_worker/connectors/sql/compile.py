"""Make operations of named queries and of what a database says about itself."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from ai_worker.connectors.operation import Contract, ContractRefused, Operation
from ai_worker.connectors.plain import cut
from ai_worker.connectors.sql.arguments import schema_of
from ai_worker.connectors.sql.dialects import parsed_url
from ai_worker.connectors.sql.options import QuerySettings, SqlOptions
from ai_worker.connectors.sql.snapshot import Snapshot, Table, allowed, read
from ai_worker.connectors.sql.statements import StatementRefused, check_parameters, parsed

QUERY, TABLES, CHECK = "query", "describe_tables", "check"
MAX_NAMED = 40
"""Tables whose names stand in a description."""


def compile_sql(path: Path, options: SqlOptions) -> Contract:
    """Compile a database's contract.

    Args:
        path: The snapshot's file; a folder where there is none.
        options: The administrator's.

    Raises:
        ContractRefused: A query does more than read, or there is no snapshot where one is needed.
    """
    try:
        _, dialect = parsed_url(options.url.reveal())
    except ValueError as error:
        raise ContractRefused(str(error)) from None
    if clash := options.queries.keys() & {QUERY, TABLES, CHECK}:
        raise ContractRefused(f"options.queries: {min(clash)!r} is the name of an operation of its own")
    snapshot, data = (None, b"") if path.is_dir() else read(path)
    operations = [_named(name, query, dialect.sql) for name, query in options.queries.items()]
    if options.query:
        operations += _free(snapshot, options)
    digest = hashlib.sha256(data + msgspec.json.encode([query.model_dump() for query in options.queries.values()]))
    return Contract(
        kind="sql",
        title=dialect.name,
        version="",
        sha256=digest.hexdigest(),
        operations=(*operations, _operation(CHECK, "连接与权限", "", {}, what=CHECK, internal=True)),
    )


def _named(name: str, query: QuerySettings, dialect: str) -> Operation:
    try:
        check_parameters(query.sql, parsed(query.sql, dialect), set(query.parameters))
    except StatementRefused as error:
        raise ContractRefused(f"options.queries.{name}.sql: {error}") from None
    schema = schema_of(query)
    return _operation(name, query.title, query.description or query.title, schema, what="named")


def _free(snapshot: Snapshot | None, options: SqlOptions) -> list[Operation]:
    if snapshot is None:
        raise ContractRefused(
            'options.query needs `contract = "tables.json"`, which `ai-worker connectors refresh ID` writes'
        )
    tables = allowed(snapshot, options.tables)
    names = ", ".join(_known(table, snapshot) for table in tables[:MAX_NAMED])
    return [
        _operation(
            TABLES,
            "查看数据表",
            f"Columns and comments of tables. Tables: {names}{' …' if len(tables) > MAX_NAMED else ''}",
            _schema({"tables": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 10}}),
            what=TABLES,
            tables=msgspec.to_builtins(tables),
            default_schema=snapshot.default_schema,
        ),
        _operation(
            QUERY,
            "查询数据库",
            f"Run one SELECT in {snapshot.dialect} SQL over the tables that {TABLES} shows; no parameters, "
            f"at most {options.max_rows} rows; a row of more than {options.max_bytes} bytes is left out.",
            _schema({"sql": {"type": "string", "minLength": 8, "maxLength": 4_000}}),
            what=QUERY,
        ),
    ]


def _schema(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _known(table: Table, snapshot: Snapshot) -> str:
    name = table.name if table.schema == snapshot.default_schema else f"{table.schema}.{table.name}"
    return f"{name}（{cut(table.comment, 40)}）" if table.comment else name


def _operation(
    name: str,
    title: str,
    description: str,
    schema: dict[str, Any],
    *,
    what: str,
    internal: bool = False,
    **extra: Any,
) -> Operation:
    return Operation(
        name=name,
        method="SELECT",
        path=name,
        title=cut(title, 80),
        description=cut(description, 1_500),
        input_schema=schema or _schema({}),
        risk="read",
        transport="sql",
        extra={"what": what, **extra},
        internal=internal,
    )


def described(tables: Sequence[Table], wanted: Sequence[str], default_schema: str) -> list[dict[str, Any]]:
    """Return what is known of some tables, for the model; those that are not allowed are left out."""
    found: list[dict[str, Any]] = []
    for table in tables:
        full = f"{table.schema}.{table.name}"
        if full in wanted or (table.name in wanted and table.schema == default_schema):
            columns = [
                {"name": one.name, "type": one.type} | ({"comment": cut(one.comment, 120)} if one.comment else {})
                for one in table.columns
            ]
            told: dict[str, Any] = {"table": table.name if table.schema == default_schema else full, "columns": columns}
            told |= {"comment": cut(table.comment, 200)} if table.comment else {}
            told |= {"key": list(table.key)} if table.key else {}
            told |= {"references": list(table.references)} if table.references else {}
            found.append(told)
    return found
