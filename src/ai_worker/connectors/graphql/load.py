"""Read a GraphQL schema: the answer to an introspection query, or the schema definition language."""

from typing import TYPE_CHECKING, Any

import msgspec

from ai_worker.connectors.operation import ContractRefused, ContractTooLarge

if TYPE_CHECKING:
    from graphql import GraphQLSchema

MAX_BYTES = 20 * 1024 * 1024
MAX_TOKENS = 2_000_000
"""Of a schema as text; GitHub's has about 250 000."""


def load(data: bytes) -> "GraphQLSchema":
    """Return the schema.

    Raises:
        ContractTooLarge: It has more than 20 MB.
        ContractRefused: It is no schema, or the extra `graphql` is not installed.
    """
    if len(data) > MAX_BYTES:
        raise ContractTooLarge(f"the schema is larger than {MAX_BYTES // 1024**2} MB")
    try:
        from graphql import GraphQLError, build_ast_schema, build_client_schema, parse
    except ImportError:
        raise ContractRefused("GraphQL needs one more package: pip install 'ai-worker[graphql]'") from None
    try:
        if data.lstrip()[:1] == b"{" and (answer := _json(data)) is not None:
            return build_client_schema(_introspection(answer), assume_valid=True)
        document = parse(data.decode("utf-8-sig"), no_location=True, max_tokens=MAX_TOKENS)
        return build_ast_schema(document, assume_valid=True, assume_valid_sdl=True)
    except RecursionError:
        raise ContractRefused("the schema is nested too deep") from None
    except (GraphQLError, TypeError, ValueError, KeyError, AttributeError) as error:
        # graphql-core says with whichever of these what is wrong with a schema.
        raise ContractRefused(f"it is no GraphQL schema: {str(error)[:200]}") from None


def _json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return None


def _introspection(answer: Any) -> Any:
    inner = answer.get("data", answer)
    if not isinstance(inner, dict) or "__schema" not in inner:
        raise ContractRefused("the file has no `__schema`: it is no answer to an introspection query")
    return inner
