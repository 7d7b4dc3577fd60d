"""Read XML that nobody vouches for: no entities, no document types, bounded in size, depth and count."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from ai_worker.connectors.operation import ContractRefused, ContractTooLarge

MAX_BYTES = 20 * 1024 * 1024
MAX_DEPTH = 64
"""CSDL nests about ten levels."""

MAX_ELEMENTS = 400_000
"""SAP's largest services have about a hundred thousand."""

NAMESPACES: Mapping[str, str] = {
    "http://www.sap.com/Protocols/SAPData": "sap:",
    "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata": "m:",
}
"""Of attributes: how those that we read are called; every other one stands without its namespace."""


@dataclass(slots=True)
class Element:
    """One element."""

    tag: str
    """Without its namespace."""

    attributes: Mapping[str, str]
    children: list["Element"] = field(default_factory=list)
    text: str = ""

    def get(self, name: str, default: str = "") -> str:
        """Return an attribute's value."""
        return self.attributes.get(name, default)

    def all(self, *tags: str) -> Iterator["Element"]:
        """Yield the children that are called one of these."""
        return (child for child in self.children if child.tag in tags)

    def first(self, *tags: str) -> "Element | None":
        """Return the first child that is called one of these."""
        return next(self.all(*tags), None)


def parse(data: bytes) -> Element:
    """Return the root element.

    Raises:
        ContractTooLarge: It has more than 20 MB.
        ContractRefused: It is no XML, declares a document type or an entity, or is nested too deep.
    """
    if len(data) > MAX_BYTES:
        raise ContractTooLarge(f"$metadata: larger than {MAX_BYTES // 1024**2} MB")
    if data.count(b"<") > 2 * MAX_ELEMENTS:  # an element has at most two: a bomb is seen before it is read
        raise ContractTooLarge(f"$metadata: more than {MAX_ELEMENTS} elements")
    reader = _Reader()
    try:
        return reader.read(data)
    except expat.ExpatError as error:
        raise ContractRefused(
            f"$metadata is no XML: {expat.errors.messages[error.code]}, line {error.lineno}"
        ) from None


class _Reader:
    def __init__(self) -> None:
        self._open: list[Element] = []
        self._root: Element | None = None
        self._count = 0
        self._parser = parser = expat.ParserCreate(namespace_separator=" ")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.buffer_text = True

    def read(self, data: bytes) -> Element:
        self._parser.Parse(data, True)
        assert self._root is not None
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise ContractTooLarge(f"$metadata: more than {MAX_ELEMENTS} elements")
        if len(self._open) >= MAX_DEPTH:
            raise ContractRefused(f"$metadata: nested deeper than {MAX_DEPTH} levels")
        element = Element(name.rpartition(" ")[2], {_short(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        if self._open and text.strip():
            self._open[-1].text += text

    def _refuse(self, *_: object) -> None:
        raise ContractRefused("$metadata declares a document type or an entity; no OData service does that")


def _short(name: str) -> str:
    namespace, _, local = name.rpartition(" ")
    return NAMESPACES.get(namespace, "") + local
