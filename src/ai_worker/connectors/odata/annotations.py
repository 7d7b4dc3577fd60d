"""What annotations say a set of entities allows: OData's Capabilities and Core vocabularies, and SAP's attributes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ai_worker.connectors.odata.model import EntitySet
from ai_worker.connectors.odata.xml_tree import Element

RECORDS = frozenset(
    ("InsertRestrictions", "UpdateRestrictions", "DeleteRestrictions", "ReadRestrictions", "FilterRestrictions")
)


class Annotations:
    """All annotations of a document, wherever they stand."""

    def __init__(self, schemas: Sequence[Element], full: Callable[[str], str]) -> None:
        self._apart: dict[str, dict[str, str]] = {}
        for schema in schemas:
            for block in schema.all("Annotations"):
                owner, slash, member = block.get("Target").partition("/")
                self._apart.setdefault(f"{full(owner)}{slash}{member}", {}).update(_terms(block))

    def of(self, target: str, element: Element) -> Mapping[str, str]:
        """Return by term, without its vocabulary, what is said of a target: `Insertable`, `Label`."""
        return {**self._apart.get(target, {}), **_terms(element)}


def of_set(one: EntitySet, said: Mapping[str, str]) -> EntitySet:
    """Return a set with what the Capabilities vocabulary says of it."""
    return replace(
        one,
        label=said.get("Label") or said.get("Description") or one.label,
        lists=one.lists and said.get("Readable") != "false",
        gets=one.gets and said.get("Readable") != "false",
        creates=one.creates and not one.alone and said.get("Insertable") != "false",
        updates=one.updates and said.get("Updatable") != "false",
        deletes=one.deletes and not one.alone and said.get("Deletable") != "false",
        needs_filter=said.get("RequiresFilter") == "true",
    )


def of_set_by_sap(one: EntitySet, element: Element) -> EntitySet:
    """Return a set with what SAP's attributes say of it ("SAP Annotations for OData Version 2.0")."""
    return replace(
        one,
        lists=one.lists and element.get("sap:addressable") != "false",
        creates=one.creates and element.get("sap:creatable") != "false",
        updates=one.updates and element.get("sap:updatable") != "false",
        deletes=one.deletes and element.get("sap:deletable") != "false",
        needs_filter=one.needs_filter or element.get("sap:requires-filter") == "true",
    )


def _terms(element: Element) -> dict[str, str]:
    found: dict[str, str] = {}
    for annotation in element.all("Annotation"):
        term = annotation.get("Term").rpartition(".")[2]
        if term in RECORDS:
            for record in annotation.all("Record"):
                found |= {one.get("Property"): _value(one) for one in record.all("PropertyValue")}
        else:
            found[term] = _value(annotation)
    return found


def _value(element: Element) -> str:
    for name in ("Bool", "String", "Int", "EnumMember"):
        if value := element.get(name):
            return value
    inner = element.first("Bool", "String")
    return inner.text.strip() if inner is not None else ""
