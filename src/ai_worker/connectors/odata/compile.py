"""Compile $metadata into operations: what can be done with each set, and every function and action."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ai_worker.connectors.names import names
from ai_worker.connectors.odata.csdl import read_service
from ai_worker.connectors.odata.layout import Layout, add_body, add_filters, add_key, add_paging, add_reading
from ai_worker.connectors.odata.model import EntitySet, Function, Service, Structure
from ai_worker.connectors.odata.types import resolved, schema_of
from ai_worker.connectors.odata.xml_tree import parse
from ai_worker.connectors.operation import Contract, Operation, Skipped
from ai_worker.connectors.plain import cut
from ai_worker.connectors.risk import risk_of
from ai_worker.skills.tool import Risk

MAX_OPERATIONS = 3_000
"""Dynamics 365 makes about two thousand."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the administrator says of compiling."""

    filters: Mapping[str, Sequence[str]]
    """By set: the properties that its list can be asked by."""

    raw_filter: bool
    update_method: str
    """Empty: `PATCH`, of 2.0 `MERGE`."""


def compile_metadata(data: bytes, choices: Choices) -> Contract:
    """Compile a service's $metadata.

    Raises:
        ContractTooLarge: It has more than 20 MB or 400 000 elements.
        ContractRefused: It is no XML, no $metadata, or declares entities.
    """
    service = read_service(parse(data))
    made = list(_Compiling(service, choices).operations())
    kept, left = made[:MAX_OPERATIONS], made[MAX_OPERATIONS:]
    unique = names([(one.name, one.method, one.path) for one in kept])
    return Contract(
        kind=f"odata-{service.version}",
        title=service.title,
        version=service.version,
        sha256=hashlib.sha256(data).hexdigest(),
        operations=tuple(replace(one, name=name) for one, name in zip(kept, unique, strict=True)),
        skipped=tuple(Skipped(one.name, f"more than {MAX_OPERATIONS} operations") for one in left),
        warnings=service.warnings,
    )


class _Compiling:
    def __init__(self, service: Service, choices: Choices) -> None:
        self._service = service
        self._choices = choices
        self._old = service.version != "4.0"
        self._update = choices.update_method or ("MERGE" if self._old else "PATCH")

    def operations(self) -> Iterator[Operation]:
        by_type: dict[str, list[EntitySet]] = {}
        for one in self._service.sets:
            structure = self._service.structures[one.type]
            yield from self._of_set(one, structure)
            for base in structure.bases:
                by_type.setdefault(base, []).append(one)
        for function in self._service.functions:
            if not function.bound_to:
                yield self._function(function)
            for one in by_type.get(function.bound_to, ()):
                if not (one.alone and function.bound_to_many):
                    yield self._function(function, one)

    def _of_set(self, one: EntitySet, structure: Structure) -> Iterator[Operation]:
        keyed = bool(structure.keys) or one.alone
        place = f"/{one.name}" if one.alone else f"/{one.name}({{key}})"
        if one.lists:
            yield self._list(one, structure)
        if one.gets and keyed:
            layout = self._keyed(one, structure)
            add_reading(layout, structure)
            yield self._made(one, structure, "get", "GET", place, layout, "read")
        if one.creates:
            layout = Layout()
            add_body(layout, self._service, structure, new=True)
            yield self._made(one, structure, "create", "POST", f"/{one.name}", layout)
        if one.updates and keyed:
            layout = self._keyed(one, structure)
            add_body(layout, self._service, structure, new=False)
            yield self._made(one, structure, "update", self._update, place, self._matched(layout))
        if one.deletes and keyed:
            yield self._made(one, structure, "delete", "DELETE", place, self._matched(self._keyed(one, structure)))

    def _list(self, one: EntitySet, structure: Structure) -> Operation:
        layout = Layout()
        add_filters(layout, self._service, one, structure, self._choices.filters.get(one.name, ()))
        add_paging(layout, raw_filter=self._choices.raw_filter, old=self._old)
        add_reading(layout, structure)
        return self._made(one, structure, "list", "GET", f"/{one.name}", layout, "read")

    def _keyed(self, one: EntitySet, structure: Structure) -> Layout:
        layout = Layout()
        if not one.alone:
            add_key(layout, self._service, structure)
        return layout

    def _matched(self, layout: Layout) -> Layout:
        layout.add("etag", {"type": "string", "description": "as read; refused if changed since"}, ("etag",))
        return layout

    def _made(
        self,
        one: EntitySet,
        structure: Structure,
        act: str,
        method: str,
        path: str,
        layout: Layout,
        risk: Risk | None = None,
    ) -> Operation:
        label = one.label or one.name
        words = f"{label}: {', '.join(structure.properties)}"
        if one.needs_filter and act == "list":
            words = f"{label}, only with a filter: {', '.join(structure.properties)}"
        name = f"{one.name}_{act}"
        return Operation(
            name=name,
            method=method,
            path=path,
            title=cut(f"{act} {label}", 100),
            description=cut(words, 300),
            input_schema=layout.schema(),
            risk=risk or risk_of(method, name=name, path=path, title=label),
            accepts=("application/json",),
            tags=(one.name,),
            extra={"odata": {"version": self._service.version, "act": act, "uses": layout.uses}},
        )

    def _function(self, function: Function, one: EntitySet | None = None) -> Operation:
        layout, path, name = Layout(), f"/{function.name}", function.name
        if one is not None:
            structure = self._service.structures[one.type]
            keyed = not function.bound_to_many and not one.alone
            if keyed:
                layout = self._keyed(one, structure)
            path = f"/{one.name}{'({key})' if keyed else ''}/{function.name}"
            name = f"{one.name}_{function.name.rpartition('.')[2]}"
        for each in function.parameters:
            kind = resolved(self._service, each.type)
            # 2.0 calls every parameter nullable unless it says otherwise, and means it of none.
            needed = not each.nullable or (self._old and function.method == "GET")
            layout.add(each.name, schema_of(self._service, each), ("fn", each.name, kind), required=needed)
        label = function.label or name
        risk = risk_of(function.method, name=name.rpartition("_")[2], path=path, title=function.label)
        return Operation(
            name=name,
            method=function.method,
            path=path,
            title=cut(label, 100),
            description=cut(f"{label} ({'action' if function.acts else 'function'})", 300),
            input_schema=layout.schema(),
            risk="write-reversible" if function.acts and risk == "read" else risk,
            accepts=("application/json",),
            tags=(one.name,) if one is not None else (),
            extra={"odata": {"version": self._service.version, "act": "call", "uses": layout.uses}},
        )
