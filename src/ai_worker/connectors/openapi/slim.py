"""Make a contract's schema small enough for a prompt, and true: what it refuses the contract refuses too.

References are put in place, circles cut, `allOf` merged, what only an answer has (`readOnly`) dropped.
What does not fit is left out from the inside: first words, then what is optional and deep. What is
required stays, however deep, because a call without it would fail.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ai_worker.connectors.openapi.merge import combined
from ai_worker.connectors.openapi.references import MISSING, References
from ai_worker.connectors.openapi.scalars import add_values, kinds_of
from ai_worker.connectors.openapi.shape import listed, mapped
from ai_worker.connectors.plain import cut

MAX_REQUIRED_DEPTH = 12
MAX_TRAIL = 40
"""References and `allOf` inside one another."""


@dataclass(frozen=True, slots=True)
class Detail:
    """How much is told."""

    depth: int
    """Levels below the arguments at which optional properties are still there."""

    words: int
    """Characters of an argument's description."""

    inner_words: int
    """Characters of a description further inside."""

    enum: int
    """Characters of a list of allowed values; longer ones become a note."""

    branches: int
    """Of a choice between schemas."""

    nodes: int
    """Schemas that are looked at for one tool."""

    characters: int
    """Of the whole schema."""

    arguments: int = 400
    """Optional ones that are shown."""


class TooMuch(Exception):
    """The schema does not fit into this detail; the next smaller one is tried."""


@dataclass(slots=True)
class Work:
    """What the whole contract has cost so far."""

    done: int = 0
    """Schemas and properties that were looked at."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in a schema we are."""

    depth: int
    trail: frozenset[str]
    level: int = 0


class Slimmer:
    """Slims the schemas of one tool, with one detail."""

    def __init__(self, references: References, detail: Detail, work: Work) -> None:
        self._references = references
        self._detail = detail
        self._work = work
        self._nodes = 0

    def slim(self, node: Any) -> dict[str, Any]:
        """Return the slim schema of an argument, or of a whole body.

        Raises:
            TooMuch: It needs more than the detail allows.
        """
        return self._schema(node, _Place(0, frozenset())) or {}

    def _schema(self, node: Any, place: _Place) -> dict[str, Any] | None:
        """Return the slim schema; `None` where it leads back into itself."""
        self._count(1)
        found = self._whole(node, place)
        if found is None:
            return None
        flat, place = found
        kinds = kinds_of(flat)
        slim: dict[str, Any] = {}
        if kinds:
            slim["type"] = kinds[0] if len(kinds) == 1 else kinds
        if words := cut(flat.get("description"), self._detail.inner_words if place.depth else self._detail.words):
            slim["description"] = words
        add_values(flat, kinds, slim, enum=self._detail.enum)
        if "object" in kinds or (not kinds and "required" in flat):
            self._object(flat, place, slim)
        if "array" in kinds and not self._array(flat, place, slim):
            return None
        if branches := listed(flat.get("oneOf")) or listed(flat.get("anyOf")):
            self._choice(flat, branches, place, slim)
        return slim

    def _count(self, nodes: int) -> None:
        self._nodes += nodes
        self._work.done += nodes
        if self._nodes > self._detail.nodes:
            raise TooMuch

    def _whole(self, node: Any, place: _Place) -> tuple[Mapping[str, Any], _Place] | None:
        """Return the schema with its references and `allOf` put in place; `None` in a circle."""
        if place.level > MAX_TRAIL:
            return None
        if not isinstance(node, Mapping):
            return {}, place
        if isinstance(reference := node.get("$ref"), str):
            if reference in place.trail:
                return None
            target = self._references.target(reference)
            found = self._whole(
                {} if target is MISSING else target, _Place(place.depth, place.trail | {reference}, place.level + 1)
            )
            if found is None or "description" not in node:
                return found
            return {**found[0], "description": node["description"]}, found[1]
        if not isinstance(parts := node.get("allOf"), list):
            return node, place
        whole: Mapping[str, Any] = {key: value for key, value in node.items() if key != "allOf"}
        trail = place.trail
        for part in parts[:50]:
            self._count(1)
            if found := self._whole(part, _Place(place.depth, place.trail, place.level + 1)):
                whole = combined(whole, found[0])
                trail |= found[1].trail
        return whole, _Place(place.depth, trail, place.level)

    def _array(self, flat: Mapping[str, Any], place: _Place, slim: dict[str, Any]) -> bool:
        items = flat.get("items")
        if isinstance(items, Mapping):
            inner = self._schema(items, _Place(place.depth, place.trail, place.level + 1))
            if inner is None:
                return False
            if place.depth:
                inner.pop("description", None)
            slim["items"] = inner
        if flat.get("uniqueItems") is True:
            slim["uniqueItems"] = True
        return True

    def _object(self, flat: Mapping[str, Any], place: _Place, slim: dict[str, Any]) -> None:
        properties = mapped(flat.get("properties"))
        names = dict.fromkeys(name for name in listed(flat.get("required")) if isinstance(name, str))
        self._count(len(properties) + len(names))
        kept: dict[str, Any] = {}
        left: list[str] = []
        given: set[str] = set()
        for name, node in properties.items():
            if self._is_answer(node, place):
                given.add(name)
                continue
            inner = self._property(node, place, needed=name in names, shown=len(kept))
            if inner is None:
                left.append(name)
            else:
                kept[str(name)] = inner
        if kept:
            slim["properties"] = kept
        if needed := [name for name in names if name not in given]:
            slim["required"] = needed
        if left and (words := cut(f"Also: {', '.join(map(str, left[:30]))}", self._detail.inner_words * 2)):
            slim["description"] = f"{slim.get('description', '')} ({words})".strip()
        extra = flat.get("additionalProperties")
        if isinstance(extra, Mapping) and extra and place.depth < self._detail.depth:
            inner = self._schema(extra, _Place(place.depth + 1, place.trail, place.level + 1))
            if inner:
                slim["additionalProperties"] = inner

    def _property(self, node: Any, place: _Place, *, needed: bool, shown: int) -> dict[str, Any] | None:
        """Return a property's schema; `None` where it is left out: optional, and deep or leading back."""
        if not needed and (place.depth > self._detail.depth or shown >= self._detail.arguments):
            return None
        if place.depth >= MAX_REQUIRED_DEPTH:
            return {} if needed else None
        inner = self._schema(node, _Place(place.depth + 1, place.trail, place.level + 1))
        return {} if inner is None and needed else inner

    def _is_answer(self, node: Any, place: _Place) -> bool:
        if not isinstance(node, Mapping):
            return False
        if node.get("readOnly") is True:
            return True
        if isinstance(reference := node.get("$ref"), str) and reference not in place.trail:
            target = self._references.target(reference)
            return isinstance(target, Mapping) and target.get("readOnly") is True
        return False

    def _choice(self, flat: Mapping[str, Any], branches: list[Any], place: _Place, slim: dict[str, Any]) -> None:
        made: list[dict[str, Any]] = []
        for branch in branches[: self._detail.branches]:
            inner = self._schema(branch, _Place(place.depth, place.trail, place.level + 1))
            if inner is None:
                continue
            _discriminate(flat, branch, inner)
            if inner not in made:
                made.append(inner)
        plain = [inner for inner in made if inner != {"type": "null"}]
        if len(plain) == 1 and len(branches) <= self._detail.branches:
            _adopt(slim, plain[0], nullable=len(made) > 1)
        elif plain and all(set(inner) == {"type"} for inner in made):
            slim.setdefault("type", list(dict.fromkeys(_flattened(inner["type"] for inner in made))))
        elif plain and {} not in plain:
            # Never oneOf: what was left out may have been all that told two of them apart.
            if len(branches) > self._detail.branches:
                slim["description"] = f"{slim.get('description', '')} (or {len(branches) - len(made)} others)".strip()
                made.append({})
            slim["anyOf"] = made


def _discriminate(flat: Mapping[str, Any], branch: Any, inner: dict[str, Any]) -> None:
    """Pin the property that tells the branches apart to this one's value."""
    discriminator = mapped(flat.get("discriminator"))
    name, reference = discriminator.get("propertyName"), mapped(branch).get("$ref")
    if not isinstance(name, str) or not isinstance(reference, str) or "properties" not in inner:
        return
    own, mapping = reference.rsplit("/", 1)[-1], mapped(discriminator.get("mapping"))
    values = [value for value, target in islice(mapping.items(), 1_000) if target in (reference, own)]
    inner["properties"][name] = {"type": "string", "enum": values or [own]}
    inner["required"] = list(dict.fromkeys([*inner.get("required", []), name]))


def _adopt(slim: dict[str, Any], inner: dict[str, Any], *, nullable: bool) -> None:
    for key, value in inner.items():
        if key == "properties":
            slim[key] = {**value, **slim.get(key, {})}
        elif key == "required":
            slim[key] = list(dict.fromkeys([*slim.get(key, []), *value]))
        else:
            slim.setdefault(key, value)
    if nullable and "type" in slim:
        slim["type"] = list(dict.fromkeys([*_flattened([slim["type"]]), "null"]))
        if "enum" in slim and None not in slim["enum"]:
            slim["enum"] = [*slim["enum"], None]


def _flattened(kinds: Iterable[Any]) -> list[str]:
    return [one for kind in kinds for one in (kind if isinstance(kind, list) else [kind])]
