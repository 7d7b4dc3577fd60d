"""GraphQL as a kind of business system."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from ai_worker.connectors.graphql.compile import compile_schema
from ai_worker.connectors.graphql.dialect import GraphQL
from ai_worker.connectors.graphql.load import MAX_BYTES, load
from ai_worker.connectors.http.caller import HttpCaller
from ai_worker.connectors.http.connect import make_caller
from ai_worker.connectors.kind import Kind, Options, Parts
from ai_worker.connectors.operation import Body, Contract, ContractRefused, Media, Operation
from ai_worker.connectors.settings import ConnectorSettings


class GraphQLOptions(Options):
    """`[options]` of a connector of the kind `graphql`."""

    path: str = Field(default="/graphql", pattern=r"^/")
    """The endpoint, below the base address."""

    selections: Mapping[str, str] = {}
    """By query or mutation: the fields that are asked for, `id name lines { id }`; left out: chosen by us."""


def _compile(path: Path, options: GraphQLOptions) -> Contract:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ContractRefused(f"{path}: {error.strerror}") from None
    return compile_schema(data, path=options.path, selections=options.selections)


async def _fetch(settings: ConnectorSettings, options: GraphQLOptions, parts: Parts) -> bytes:
    try:
        from graphql import get_introspection_query
    except ImportError:
        raise ContractRefused("GraphQL needs one more package: pip install 'ai-worker[graphql]'") from None

    asking = Operation(
        name="introspection",
        method="POST",
        path=options.path,
        title="introspection",
        description="",
        input_schema={"type": "object"},
        risk="read",
        body=Body(True, Media("application/json"), fixed={"query": get_introspection_query()}),
    )
    caller = make_caller(parts.connection or "introspection", settings, Contract("graphql", "", "", "", ()), parts)
    await caller.start()
    try:
        data = await caller.download(asking, {}, at_most=MAX_BYTES)
    finally:
        await caller.close()
    load(data)
    return data


def _make_caller(
    connection: str, settings: ConnectorSettings, options: GraphQLOptions, contract: Contract, parts: Parts
) -> HttpCaller:
    return make_caller(connection, settings, contract, parts, dialect=GraphQL())


KIND = Kind("graphql", _compile, options=GraphQLOptions, make_caller=_make_caller, fetch=_fetch)
