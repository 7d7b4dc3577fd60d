"""Read $metadata (CSDL in EDMX) of OData 2.0, 3.0 and 4.0: MS-ODATA, OData CSDL XML 4.01, SAP's annotations for 2.0."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ai_worker.connectors.notes import Notes
from ai_worker.connectors.odata.annotations import Annotations, of_set, of_set_by_sap
from ai_worker.connectors.odata.model import EntitySet, Function, Navigation, Property, Service, Structure, Version
from ai_worker.connectors.odata.xml_tree import Element
from ai_worker.connectors.operation import ContractRefused

MAX_BASES = 20
"""Of a chain of types; a longer one is a cycle or a joke."""


def read_service(root: Element) -> Service:
    """Return what the document says.

    Raises:
        ContractRefused: It is no $metadata, or has no entity container.
    """
    if root.tag != "Edmx":
        raise ContractRefused(f"the document's root is <{root.tag[:40]}>; $metadata begins with <edmx:Edmx>")
    services = root.first("DataServices")
    schemas = list(services.all("Schema")) if services is not None else []
    if not schemas:
        raise ContractRefused("$metadata has no schema")
    return _Reading(_version(root, services), schemas).service()


def _version(root: Element, services: Element | None) -> Version:
    if root.get("Version").startswith("4"):
        return "4.0"
    said = services.get("m:MaxDataServiceVersion") or services.get("m:DataServiceVersion") if services else ""
    return "3.0" if said.startswith("3") else "2.0"


class _Reading:
    """One document on its way."""

    def __init__(self, version: Version, schemas: list[Element]) -> None:
        self._version = version
        self._schemas = schemas
        self._notes = Notes()
        self._short = {schema.get("Alias"): schema.get("Namespace") for schema in schemas if schema.get("Alias")}
        self._annotations = Annotations(schemas, self._full)
        self._types = {
            f"{schema.get('Namespace')}.{one.get('Name')}": one
            for schema in schemas
            for one in schema.all("EntityType", "ComplexType")
        }
        self._ends = self._association_ends()

    def service(self) -> Service:
        containers = [(schema, one) for schema in self._schemas for one in schema.all("EntityContainer")]
        if not containers:
            raise ContractRefused("$metadata has no entity container: nothing in it can be called")
        structures = {name: self._structure(name) for name in self._types}
        functions = list(self._bound())
        for _, container in containers:
            functions += self._imports(container)
        sets = [one for schema, container in containers for one in self._sets(schema, container)]
        if self._version == "3.0":
            self._notes.add("OData 3.0 is spoken as 2.0, with answers of either")
        return Service(
            self._version,
            containers[0][0].get("Namespace"),
            structures,
            dict(self._enums()),
            {
                f"{schema.get('Namespace')}.{one.get('Name')}": one.get("UnderlyingType")
                for schema in self._schemas
                for one in schema.all("TypeDefinition")
            },
            tuple(one for one in sets if self._known(one, structures)),
            tuple(functions),
            self._notes.lines(),
        )

    def _full(self, name: str) -> str:
        """Return a type's name with its namespace instead of an alias."""
        if name.startswith("Collection("):
            return f"Collection({self._full(name[11:-1])})"
        space, _, local = name.rpartition(".")
        return f"{self._short.get(space, space)}.{local}" if space else name

    def _known(self, one: EntitySet, structures: Mapping[str, Structure]) -> bool:
        known = one.type in structures
        if not known:
            self._notes.add(f"{one.name}: its type {one.type!r} is nowhere described")
        return known

    def _enums(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for schema in self._schemas:
            for one in schema.all("EnumType"):
                yield f"{schema.get('Namespace')}.{one.get('Name')}", tuple(m.get("Name") for m in one.all("Member"))

    def _structure(self, name: str) -> Structure:
        chain = [name]
        while (base := self._full(self._types[chain[-1]].get("BaseType"))) in self._types:
            if base in chain or len(chain) >= MAX_BASES:
                self._notes.add(f"{name}: its base types lead in a circle")
                break
            chain.append(base)
        keys: tuple[str, ...] = ()
        properties: dict[str, Property] = {}
        navigations: list[Navigation] = []
        for each in reversed(chain):
            element = self._types[each]
            if (key := element.first("Key")) is not None:
                keys = tuple(one.get("Name") for one in key.all("PropertyRef"))
            properties |= {one.get("Name"): self._property(each, one) for one in element.all("Property")}
            navigations += [self._navigation(one) for one in element.all("NavigationProperty")]
        return Structure(name, keys, properties, tuple(navigations), tuple(chain))

    def _property(self, owner: str, element: Element) -> Property:
        annotated = self._annotations.of(f"{owner}/{element.get('Name')}", element)
        length = element.get("MaxLength")
        return Property(
            element.get("Name"),
            self._full(element.get("Type", "Edm.String")),
            nullable=element.get("Nullable", "true") != "false",
            label=annotated.get("Label") or annotated.get("Description") or element.get("sap:label"),
            max_length=int(length) if length.isdigit() else None,
            has_default=bool(element.get("DefaultValue")) or "ComputedDefaultValue" in annotated,
            computed=annotated.get("Computed", "false") != "false"
            or (element.get("sap:creatable") == "false" and element.get("sap:updatable") == "false"),
            immutable=annotated.get("Immutable", "false") != "false" or element.get("sap:updatable") == "false",
            filterable=element.get("sap:filterable", "true") != "false",
        )

    def _navigation(self, element: Element) -> Navigation:
        kind = self._full(element.get("Type"))
        if not kind:
            kind = self._ends.get((self._full(element.get("Relationship")), element.get("ToRole")), "")
        many = kind.startswith("Collection(")
        return Navigation(element.get("Name"), kind[11:-1] if many else kind, many)

    def _association_ends(self) -> dict[tuple[str, str], str]:
        """Return, of 2.0 and 3.0, the type at each end of each association."""
        return {
            (f"{schema.get('Namespace')}.{association.get('Name')}", end.get("Role")): f"Collection({kind})"
            if end.get("Multiplicity") == "*"
            else kind
            for schema in self._schemas
            for association in schema.all("Association")
            for end in association.all("End")
            if (kind := self._full(end.get("Type")))
        }

    def _sets(self, schema: Element, container: Element) -> Iterator[EntitySet]:
        for element in container.all("EntitySet", "Singleton"):
            alone = element.tag == "Singleton"
            found = EntitySet(element.get("Name"), self._full(element.get("EntityType") or element.get("Type")))
            found = replace(found, label=element.get("sap:label"), alone=alone, lists=not alone)
            target = f"{schema.get('Namespace')}.{container.get('Name')}/{found.name}"
            found = of_set(found, self._annotations.of(target, element))
            yield of_set_by_sap(found, element)

    def _imports(self, container: Element) -> Iterator[Function]:
        """Yield what stands in the container: function imports of any version, and action imports."""
        operations = {
            f"{schema.get('Namespace')}.{one.get('Name')}": one
            for schema in self._schemas
            for one in schema.all("Function", "Action")
            if one.get("IsBound") != "true"
        }
        for element in container.all("FunctionImport", "ActionImport"):
            name, label = element.get("Name"), element.get("sap:label")
            if self._version != "4.0":
                said = element.get("m:HttpMethod").upper()
                method = said or ("POST" if self._version == "3.0" else "GET")
                parameters = tuple(self._parameter(one) for one in element.all("Parameter"))
                # What does not say that it only looks is taken to act: 2.0 has no word for it but the method.
                yield Function(name, method, parameters, acts=said != "GET", label=label)
                continue
            called = operations.get(self._full(element.get("Function") or element.get("Action")))
            if called is None:
                self._notes.add(f"{name}: what it imports is nowhere described")
                continue
            acts = element.tag == "ActionImport"
            parameters = tuple(self._parameter(one) for one in called.all("Parameter"))
            yield Function(name, "POST" if acts else "GET", parameters, acts=acts)

    def _bound(self) -> Iterator[Function]:
        for schema in self._schemas if self._version == "4.0" else ():
            for one in schema.all("Function", "Action"):
                parameters = [self._parameter(each) for each in one.all("Parameter")]
                if one.get("IsBound") != "true" or not parameters:
                    continue
                kind, acts = parameters[0].type, one.tag == "Action"
                many = kind.startswith("Collection(")
                yield Function(
                    f"{schema.get('Namespace')}.{one.get('Name')}",
                    "POST" if acts else "GET",
                    tuple(parameters[1:]),
                    acts=acts,
                    bound_to=kind[11:-1] if many else kind,
                    bound_to_many=many,
                )

    def _parameter(self, element: Element) -> Property:
        return self._property("", element)
