"""Compile a GraphQL schema: every field of its query type reads, every field of its mutation type acts."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ai_worker.connectors.graphql.inputs import schema_of
from ai_worker.connectors.graphql.load import load
from ai_worker.connectors.graphql.select import selection
from ai_worker.connectors.names import argument, names
from ai_worker.connectors.operation import Body, Contract, ContractRefused, Media, Operation, Skipped
from ai_worker.connectors.plain import cut
from ai_worker.connectors.risk import risk_of

if TYPE_CHECKING:
    from graphql import GraphQLField, GraphQLSchema

MAX_OPERATIONS = 3_000
FIRST = 20
"""Items that a connection is asked for where nobody says how many: GitHub and Shopify want a number."""


def compile_schema(data: bytes, *, path: str, selections: Mapping[str, str]) -> Contract:
    """Compile a schema.

    Args:
        data: An introspection's answer in JSON, or the schema definition language.
        path: The endpoint's, below the base address.
        selections: By field of the query or mutation type: what is asked for instead of our choice, `id name`.

    Raises:
        ContractTooLarge: It has more than 20 MB.
        ContractRefused: It is no schema, or a selection does not fit it.
    """
    schema = load(data)
    made = list(_operations(schema, path, selections))
    kept, left = made[:MAX_OPERATIONS], made[MAX_OPERATIONS:]
    unique = names([(one.name, one.method, one.extra["graphql"]["document"][:9] + one.name) for one in kept])
    if not kept:
        raise ContractRefused("the schema has neither queries nor mutations")
    return Contract(
        kind="graphql",
        title="GraphQL",
        version="",
        sha256=hashlib.sha256(data).hexdigest(),
        operations=tuple(replace(one, name=name) for one, name in zip(kept, unique, strict=True)),
        skipped=tuple(Skipped(one.name, f"more than {MAX_OPERATIONS} operations") for one in left),
    )


def _operations(schema: "GraphQLSchema", path: str, selections: Mapping[str, str]) -> Iterator[Operation]:
    known: set[str] = set()
    for word, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        for name, field in root.fields.items() if root is not None else ():
            known.add(name)
            yield _operation(schema, word, name, field, path, selections.get(name, ""))
    if unknown := selections.keys() - known:
        raise ContractRefused(f"selections: the schema has no query or mutation {min(unknown)!r}")


def _operation(
    schema: "GraphQLSchema", word: str, name: str, field: "GraphQLField", path: str, chosen: str
) -> Operation:
    from graphql import get_named_type

    kind = get_named_type(field.type)
    document = _document(word, name, field, f"{{ {chosen} }}" if chosen else selection(kind))
    if chosen:
        _check(schema, name, document)
    words = cut(field.description or "", 300) or f"{word} {name}"
    defaults = {"first": FIRST} if _pages(field, kind) else {}
    return Operation(
        name=argument(name),
        method="POST",
        path=path,
        title=cut(words, 100),
        description=words,
        input_schema=schema_of(field),
        risk="read" if word == "query" else risk_of("POST", name=name, path="/", title=words),
        body=Body(True, Media("application/json")),
        accepts=("application/graphql-response+json", "application/json"),
        tags=(word,),
        deprecated=field.deprecation_reason is not None,
        extra={"graphql": {"document": document, "field": name, "defaults": defaults}},
    )


def _document(word: str, name: str, field: "GraphQLField", selected: str) -> str:
    variables = ", ".join(f"${key}: {one.type}" for key, one in field.args.items())
    passed = ", ".join(f"{key}: ${key}" for key in field.args)
    declared, given = (f"({variables})", f"({passed})") if field.args else ("", "")
    return f"{word} {name}{declared} {{ {name}{given} {selected} }}".replace("  ", " ")


def _pages(field: "GraphQLField", kind: Any) -> bool:
    """Return whether a field gives pages by the Relay specification, and wants to be told how long."""
    first = field.args.get("first")
    return (
        first is not None and str(first.type) == "Int" and bool({"edges", "nodes"} & set(getattr(kind, "fields", ())))
    )


def _check(schema: "GraphQLSchema", name: str, document: str) -> None:
    from graphql import GraphQLError, parse, validate

    try:
        parsed = parse(document, max_tokens=20_000)
        wrong = validate(schema, parsed)
    except GraphQLError as error:
        raise ContractRefused(f"selections: {name}: {error.message[:200]}") from None
    if len(parsed.definitions) > 1:
        raise ContractRefused(f"selections: {name}: it closes more braces than it opens")
    if wrong:
        raise ContractRefused(f"selections: {name}: {wrong[0].message[:200]}")
