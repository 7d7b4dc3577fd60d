"""Lay out the arguments of each operation: which there are, and what becomes of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ai_worker.connectors.names import argument
from ai_worker.connectors.odata.model import EntitySet, Property, Service, Structure
from ai_worker.connectors.odata.types import INTEGERS, MOMENTS, NUMBERS, object_of, resolved, scalar, schema_of
from ai_worker.connectors.plain import cut

MAX_FILTERS = 10
"""Properties that have an argument of their own in a list; `filter` reaches the rest."""

MAX_RANGES = 3
MAX_NESTED = 5
"""Ways to other entities that a new one may bring along."""

SLIM = 1_300
"""Characters of a tool's properties, above which limits, forms and labels of optional ones are left out, in turn."""

LIKELY = ("id", "number", "no", "code", "name", "status", "state", "type", "customer", "email", "phone", "date")
"""What people ask for by; such a property gets an argument before others."""


@dataclass(slots=True)
class Layout:
    """A tool's schema on its way, and what its caller must know of each argument."""

    properties: dict[str, Any] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)
    uses: dict[str, list[str]] = field(default_factory=dict)
    """By argument: what it is for (`key`, `eq`, `ge`, `le`, `body`, `fn`), the name on the wire, the type."""

    def add(self, name: str, schema: Mapping[str, Any], use: Sequence[str], *, required: bool = False) -> None:
        """Add an argument; one whose name is taken gets another."""
        key = argument(name)
        while key in self.properties:
            key += "_"
        self.properties[key] = dict(schema)
        self.uses[key] = list(use)
        if required:
            self.required.append(key)

    def schema(self) -> dict[str, Any]:
        """Return the tool's schema."""
        properties = self.properties
        for word in ("maxLength", "format", "description"):
            if len(msgspec.json.encode(properties)) <= SLIM:
                break
            properties = {name: self._without(word, name, form) for name, form in properties.items()}
        made: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        return {**made, "required": self.required} if self.required else made

    def _without(self, word: str, name: str, form: dict[str, Any]) -> dict[str, Any]:
        """Return an argument's form without one word; what has to be given, or is not the system's own, keeps it."""
        if name in self.required or self.uses[name][0] not in ("body", "eq", "ge", "le"):
            return form
        return {key: value for key, value in form.items() if key != word}


def add_key(layout: Layout, service: Service, structure: Structure) -> None:
    """Add the arguments that name one entity."""
    for name in structure.keys:
        one = structure.properties.get(name, Property(name, "Edm.String"))
        kind = resolved(service, one.type)
        layout.add(name, schema_of(service, one), ("key", name, kind), required=True)


def add_reading(layout: Layout, structure: Structure) -> None:
    """Add what every reading offers: the properties that come back, and what comes along."""
    names = list(structure.properties)
    wanted: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
    if sum(map(len, names)) <= 500:
        wanted["items"] = {"enum": names}
    layout.add("select", {**wanted, "description": "only these properties"}, ("$select",))
    if ways := [one.name for one in structure.navigations][:20]:
        layout.add("expand", {"type": "array", "items": {"enum": ways}}, ("$expand",))


def add_filters(layout: Layout, service: Service, one: EntitySet, structure: Structure, chosen: Sequence[str]) -> None:
    """Add an argument for each property that people ask for by, and a range for moments and amounts."""
    ranges = 0
    for each in _asked_by(service, structure, chosen):
        kind = resolved(service, each.type)
        form = schema_of(service, each)
        layout.add(each.name, form, ("eq", each.name, kind))
        if (kind in MOMENTS or kind in NUMBERS) and ranges < MAX_RANGES:
            ranges += 1
            bare = {key: value for key, value in form.items() if key != "description"}
            layout.add(f"{each.name}_from", bare, ("ge", each.name, kind))
            layout.add(f"{each.name}_to", bare, ("le", each.name, kind))


def _asked_by(service: Service, structure: Structure, chosen: Sequence[str]) -> list[Property]:
    fits = [one for one in structure.properties.values() if one.filterable and scalar(service, one.type)]
    if chosen:
        return [one for one in fits if one.name in chosen]

    def likeliness(one: Property) -> tuple[bool, bool]:
        lower = one.name.lower()
        return one.name not in structure.keys, not any(lower.endswith(word) for word in LIKELY)

    return sorted(fits, key=likeliness)[:MAX_FILTERS]


def add_paging(layout: Layout, *, raw_filter: bool, old: bool) -> None:
    """Add what every list offers besides."""
    if raw_filter:
        example = "substringof('abc',Name) eq true" if old else "contains(Name,'abc')"
        layout.add("filter", {"type": "string", "description": f"OData $filter, as {example}"}, ("filter",))
    layout.add("orderby", {"type": "string", "description": "as Name desc"}, ("$orderby",))
    layout.add("top", {"type": "integer", "minimum": 1, "maximum": 1000}, ("$top",))
    layout.add("skip", {"type": "integer", "minimum": 0}, ("$skip",))
    layout.add("page", {"type": "string", "description": "the last answer's next"}, ("page",))


def add_body(layout: Layout, service: Service, structure: Structure, *, new: bool) -> None:
    """Add the properties that a new or a changed entity has."""
    for one in structure.properties.values():
        is_key = one.name in structure.keys
        if one.computed or (not new and (is_key or one.immutable)):
            continue
        kind = resolved(service, one.type)
        # Systems number what they make: a key that is a number or a GUID is asked of nobody.
        numbered = is_key and (kind in INTEGERS or kind == "Edm.Guid")
        needed = new and not one.nullable and not one.has_default and not numbered
        layout.add(one.name, schema_of(service, one), ("body", one.name, kind), required=needed)
    if new:
        for way in [each for each in structure.navigations if each.many][:MAX_NESTED]:
            target = service.structures.get(way.target)
            items = object_of(service, target, depth=0) if target is not None else {"type": "object"}
            names = cut(", ".join(items.get("properties", {})), 160)
            inner = {"type": "object", **({"description": names} if names else {})}
            layout.add(way.name, {"type": "array", "items": inner}, ("body", way.name, "many"))
