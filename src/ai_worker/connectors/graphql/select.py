"""Choose the fields that an operation asks for: what is single to the second level, and no more than can be read."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphql import GraphQLField, GraphQLNamedType

MAX_FIELDS = 60
MAX_DEPTH = 2
"""Levels of objects; what only wraps a list is no level."""

MAX_WRAPPED = 6
MAX_KINDS = 4
"""Of the types that a union may be."""

WRAPPERS = frozenset(("edges", "node", "nodes", "pageInfo", "items", "results", "data", "errors", "userErrors"))


def selection(kind: "GraphQLNamedType") -> str:
    """Return `{ … }` for a type; empty: its values are single."""
    from graphql import is_composite_type

    if not is_composite_type(kind):
        return ""
    return _Choosing().of(kind, MAX_DEPTH, 0) or "{ __typename }"


class _Choosing:
    """One operation's fields; their number is bounded over all levels, and so is the number of looks."""

    def __init__(self) -> None:
        self._left = MAX_FIELDS

    def of(self, kind: "GraphQLNamedType", depth: int, wrapped: int) -> str:
        from graphql import is_composite_type, is_union_type

        if not is_composite_type(kind):
            return ""
        if is_union_type(kind):
            inside = [(one.name, self.of(one, depth, wrapped + 1)) for one in kind.types[:MAX_KINDS]]
            return " ".join(["{ __typename", *(f"... on {name} {fields}" for name, fields in inside if fields), "}"])
        fields: dict[str, GraphQLField] = getattr(kind, "fields", {})
        single, nested = self._single(fields), []
        for name, field in fields.items():
            inner_depth = depth if name in WRAPPERS else depth - 1
            if inner_depth < 1 or wrapped >= MAX_WRAPPED or self._left <= 0 or _needs_more(field):
                continue
            self._left -= 1
            if found := self.of(_named(field.type), inner_depth, wrapped + 1):
                nested.append(f"{name} {found}")
        return f"{{ {' '.join([*single, *nested])} }}" if single or nested else ""

    def _single(self, fields: "dict[str, GraphQLField]") -> list[str]:
        from graphql import is_leaf_type

        found = []
        for name, field in fields.items():
            if self._left > 0 and is_leaf_type(_named(field.type)) and not _needs_more(field):
                self._left -= 1
                found.append(name)
        return found


def _named(kind: Any) -> Any:
    from graphql import get_named_type

    return get_named_type(kind)


def _needs_more(field: "GraphQLField") -> bool:
    """Return whether a field cannot be asked for without arguments, or should not be any more."""
    from graphql import is_required_argument

    return field.deprecation_reason is not None or any(is_required_argument(one) for one in field.args.values())
