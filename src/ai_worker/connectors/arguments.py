"""Check what is to be sent against the operation's schema, before anything is sent."""

from collections import OrderedDict
from collections.abc import Mapping
from itertools import islice
from typing import Any, Protocol

import jsonschema_rs
import msgspec
import structlog

from ai_worker.connectors.contract import ArgumentsRefused
from ai_worker.connectors.operation import Operation

MAX_VALIDATORS = 512
"""Compiled schemas that are kept: about 30 µs and a few kB each to make anew."""

MAX_COMPLAINTS = 3
MAX_WORDS = 240
"""Characters of one complaint: an `enum` of a thousand values names them all."""

BACKTRACKS = 100_000
"""Steps that a contract's regular expression may take on one value."""

log = structlog.get_logger(__name__)


class Validator(Protocol):
    """What is used of a compiled schema."""

    def is_valid(self, instance: Any) -> bool:
        """Return whether the value fits."""
        ...

    def iter_errors(self, instance: Any) -> Any:
        """Return an iterator over what is wrong."""
        ...


class ArgumentChecks:
    """Checks the arguments of one contract's operations; keeps their compiled schemas, the latest used."""

    def __init__(self, *, keep: int = MAX_VALIDATORS) -> None:
        self._keep = keep
        self._kept: OrderedDict[str, Validator | None] = OrderedDict()

    def checked(self, operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments to send: a null that stands for "left out" is gone.

        Raises:
            ArgumentsRefused: They do not fit; the words name the places, never the values.
        """
        properties = operation.input_schema.get("properties", {})
        kept = {
            key: value for key, value in arguments.items() if value is not None or _takes_null(properties.get(key, {}))
        }
        # Of a schema that does not compile, what keeps an incomplete request from going out is still checked.
        if absent := [key for key in operation.input_schema.get("required", ()) if key not in kept]:
            raise ArgumentsRefused(f"{operation.name}: the argument {', '.join(map(repr, absent))} is required")
        if _broken(kept):
            raise ArgumentsRefused(f"{operation.name}: a text has half a character in it")
        validator = self._validator(operation)
        if validator is not None and (wrong := complaints(validator, kept)):
            raise ArgumentsRefused(f"{operation.name}: {'; '.join(wrong)}")
        return kept

    def _validator(self, operation: Operation) -> Validator | None:
        name = operation.name
        if name in self._kept:
            self._kept.move_to_end(name)
            return self._kept[name]
        self._kept[name] = made = compiled(operation.input_schema)
        if made is None:
            log.warning("connector.schema_unusable", operation=name)
        if len(self._kept) > self._keep:
            self._kept.popitem(last=False)
        return made


def compiled(schema: Any) -> Validator | None:
    """Return the schema, compiled; `None` if it cannot be.

    Regular expressions that this engine does not know are left out. No reference leads outside: a schema
    that has one does not compile.
    """
    for attempt in (schema, _without_patterns(schema)):
        try:
            return jsonschema_rs.Draft202012Validator(
                attempt,
                retriever=_nowhere,
                mask="the value",
                pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACKS),
            )
        except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError, ValueError):
            continue
    return None


def complaints(validator: Validator, value: Any) -> list[str]:
    """Return what is wrong with a value, at most a few things; empty: nothing."""
    try:
        if validator.is_valid(value):
            return []
        return [_words(error) for error in islice(validator.iter_errors(value), MAX_COMPLAINTS)]
    except (ValueError, TypeError) as error:
        # Not JSON: bytes, a set, a key that is no text.
        return [str(error)[:MAX_WORDS]]


def _words(error: Any) -> str:
    place = ".".join(map(str, error.instance_path))
    words = str(error.message)
    words = words if len(words) <= MAX_WORDS else words[:MAX_WORDS] + "…"
    return f"{place}: {words}" if place else words


def _broken(arguments: Mapping[str, Any]) -> bool:
    """Return whether a text cannot be sent by anybody: JSON can name half of a pair of surrogates."""
    try:
        msgspec.json.encode(arguments)
    except UnicodeEncodeError:
        return True
    except (TypeError, ValueError, RecursionError):
        # Not JSON: the schema says what is wrong.
        return False
    return False


def _takes_null(schema: Any) -> bool:
    if not isinstance(schema, Mapping):
        return schema is True
    kind = schema.get("type")
    if kind is not None:
        return kind == "null" or (isinstance(kind, list) and "null" in kind)
    if "enum" in schema:
        return None in schema["enum"]
    return any(_takes_null(branch) for word in ("anyOf", "oneOf") for branch in schema.get(word, ()))


def _without_patterns(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        return {
            key: _without_patterns(value)
            for key, value in schema.items()
            if not (key == "pattern" and isinstance(value, str)) and key != "patternProperties"
        }
    return [_without_patterns(item) for item in schema] if isinstance(schema, list) else schema


def _nowhere(uri: str) -> Any:
    raise ValueError(f"the schema refers to {uri[:80]}, outside itself")
