"""Make arguments that fit a tool's schema: plain values, the same for the same seed."""

import base64
import random
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from ai_worker.connectors.arguments import Validator, compiled
from ai_worker.connectors.catalogue.patterns import matching

FORMATS: Mapping[str, str] = {
    "date-time": "2026-11-22T08:30:00Z",
    "date": "2026-11-22",
    "time": "08:30:00Z",
    "uuid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    "email": "worker@example.com",
    "uri": "https://example.com/a",
    "url": "https://example.com/a",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "duration": "P1D",
    "byte": base64.b64encode(b"file").decode(),
    "binary": base64.b64encode(b"file").decode(),
}

GUESSES = (
    "abc", "A", "a", "1", "12", "123", "1234", "12345678", "ABC", "AB", "Abc1", "a-b", "abc_1", "2026-11-22",
    "2026-11-22T08:30:00Z", "08:30", "https://example.com/a", "worker@example.com", "+8613800138000", "1.0", "1.2.3",
    "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "0" * 24, "a" * 32, "a" * 40, "a" * 64, "#aabbcc", "en-US", "en", "/a/b",
    "true", "USD", "abc.def", "A1B2C3D4E5", "1234567890", "urn:a:b", "a=b", "asc", "0123456789ab", "A" * 10,
)  # fmt: skip
"""Tried one after another against a regular expression, before a text is made for it."""

MAX_DEPTH = 8


class CannotFill(Exception):
    """No value was found that fits."""


class Filler:
    """Fills one schema."""

    def __init__(self, schema: Mapping[str, Any], seed: int) -> None:
        self._root = schema
        self._random = random.Random(seed)  # noqa: S311  (the same for the same seed)

    def arguments(self, *, optional: float) -> dict[str, Any]:
        """Return arguments with all that is required and that share of the rest.

        Raises:
            CannotFill: None were found that the schema takes.
        """
        made = self._object(self._root, 0, optional)
        validator = compiled(self._root)
        if validator is None or not validator.is_valid(made):
            made = self._object(self._root, 0, 0.0)
        if validator is None or not validator.is_valid(made):
            raise CannotFill
        return made

    def _object(self, schema: Mapping[str, Any], depth: int, optional: float) -> dict[str, Any]:
        required = set(schema.get("required", ()))
        made: dict[str, Any] = {}
        for name, inner in schema.get("properties", {}).items():
            if name in required or (depth < 2 and self._random.random() < optional):
                try:
                    made[name] = self._value(inner, depth + 1, optional / 2)
                except CannotFill:
                    if name in required:
                        raise
        for name in required - made.keys():
            made[name] = "abc"
        return made

    def _value(self, schema: Any, depth: int, optional: float) -> Any:
        if depth > MAX_DEPTH:
            raise CannotFill
        if not isinstance(schema, Mapping) or not schema:
            return "abc"
        if "$ref" in schema:
            return self._value({**self._pointed(schema["$ref"]), **_beside(schema)}, depth + 1, optional)
        if (given := _given(schema)) is not None:
            return given
        for word in ("oneOf", "anyOf"):
            for branch in schema.get(word, ()):
                try:
                    return self._value({**_beside(schema, word), **branch}, depth + 1, optional)
                except CannotFill:
                    continue
        if "allOf" in schema:
            return self._value(self._merged(schema), depth + 1, optional)
        return self._typed(schema, depth, optional)

    def _typed(self, schema: Mapping[str, Any], depth: int, optional: float) -> Any:
        kinds = schema.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        match next((kind for kind in kinds if kind not in (None, "null")), None):
            case "integer" | "number" as kind:
                return _number(schema, whole=kind == "integer")
            case "boolean":
                return True
            case "array":
                count = max(1, schema.get("minItems", 1))
                return [self._value(schema.get("items", {}), depth + 1, optional) for _ in range(min(count, 50))]
            case "string":
                return _string(schema)
            case "object":
                return self._object(schema, depth, optional)
        return self._object(schema, depth, optional) if "properties" in schema else None if kinds == ["null"] else "abc"

    def _merged(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        whole = _beside(schema, "allOf")
        for branch in schema["allOf"]:
            one = {**self._pointed(branch["$ref"]), **_beside(branch)} if "$ref" in branch else branch
            properties = {**whole.get("properties", {}), **one.get("properties", {})}
            required = [*whole.get("required", ()), *one.get("required", ())]
            whole |= {**one, "properties": properties, "required": required}
        return whole

    def _pointed(self, reference: str) -> Mapping[str, Any]:
        node: Any = self._root
        for part in reference.removeprefix("#/").split("/"):
            node = node[part.replace("~1", "/").replace("~0", "~")]
        return node if isinstance(node, Mapping) else {}


def _given(schema: Mapping[str, Any]) -> Any:
    """Return a value that the schema names itself; `None`: it names none."""
    named = [schema[word] for word in ("const", "default", "example") if word in schema]
    if found := next((value for value in named if _fits(schema, value) and _has_form(schema, value)), None):
        return found
    if schema.get("enum"):
        return schema["enum"][0]
    # Examples stand for allowed values that are too many to be listed.
    return next((value for value in schema.get("examples", ()) if _fits(schema, value)), None)


def _matching(pattern: str) -> list[str]:
    """Return texts that should match a pattern, the shortest first."""
    return [matching(pattern, more) for more in (0, 1, 4)]


def _beside(schema: Mapping[str, Any], word: str = "$ref") -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key != word}


_TIMES: Mapping[str, Callable[[str], Any]] = {"date-time": datetime.fromisoformat, "date": date.fromisoformat}


def _has_form(schema: Mapping[str, Any], value: Any) -> bool:
    """Return whether a value that a contract names itself has the form that it asks for: of times, many have not."""
    form = str(schema.get("format"))
    if form not in _TIMES or not isinstance(value, str):
        return True
    try:
        _TIMES[form](value)
    except ValueError:
        return False
    return form == "date" or re.search(r"[Tt].*(Z|z|[+-]\d\d:\d\d)$", value) is not None


def _fits(schema: Mapping[str, Any], value: Any) -> bool:
    validator: Validator | None = None if "$ref" in str(schema) else compiled(schema)
    return value is not None and validator is not None and validator.is_valid(value)


def _number(schema: Mapping[str, Any], *, whole: bool) -> float | int:
    step = schema.get("multipleOf", 1)
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    for value in (1, 2, 10, step, low, high, (low or 0) + step, (high or 0) - step, 0):
        if value is not None and _fits(_beside(schema, "default"), int(value) if whole else value):
            return int(value) if whole else value
    raise CannotFill


def _string(schema: Mapping[str, Any]) -> str:
    plain = _beside(schema, "default")
    least, most = schema.get("minLength", 0), schema.get("maxLength")
    named = "binary" if schema.get("contentEncoding") == "base64" else str(schema.get("format"))
    guesses = [FORMATS[named]] if named in FORMATS else []
    guesses += [*GUESSES, *_matching(str(schema["pattern"]))] if "pattern" in schema else ["abc"]
    guesses = [guess for guess in guesses if guess]
    for guess in guesses:
        for value in (guess, (guess * (least // len(guess) + 1))[: max(least, 1)], guess[:most]):
            if _fits(plain, value):
                return value
    raise CannotFill
