"""Read what a WebDAV server answers (RFC 4918 §13), without trusting its XML."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

MAX_DEPTH = 40


class NotMultistatus(ValueError):
    """The answer is none of WebDAV."""


@dataclass(frozen=True, slots=True)
class Found:
    """One thing that the server tells about."""

    href: str
    """Its address, as the server writes it."""

    properties: dict[str, str] = field(default_factory=dict)
    """Texts by name, those that the server has: `displayname`, `calendar-data`, `getetag` …"""

    kinds: frozenset[str] = frozenset()
    """Of `resourcetype`: `collection`, `calendar` …"""


def read(content: bytes) -> list[Found]:
    """Return what an answer of status 207 tells about.

    Raises:
        NotMultistatus: It is not XML, has a document type, or is nested too deeply.
    """
    root = _tree(content)
    if _plain(root.tag) != "multistatus":
        raise NotMultistatus("the answer is no multistatus")
    return [_found(response) for response in root if _plain(response.tag) == "response"]


def _found(response: Element) -> Found:
    href, properties, kinds = "", {}, set()
    for child in response:
        if _plain(child.tag) == "href":
            href = (child.text or "").strip()
    for one in _good(response):
        name = _plain(one.tag)
        properties[name] = one.text or ""
        if name == "resourcetype":
            kinds |= {_plain(kind.tag) for kind in one}
    return Found(href, properties, frozenset(kinds))


def _good(response: Element) -> Iterator[Element]:
    """Yield the properties that the server has: those in a part whose status is 200."""
    for part in response:
        if _plain(part.tag) != "propstat":
            continue
        status = next((one.text or "" for one in part if _plain(one.tag) == "status"), "200")
        if " 200 " in f" {status} ":
            for properties in part:
                if _plain(properties.tag) == "prop":
                    yield from properties


def _tree(content: bytes) -> Element:
    builder, depth = TreeBuilder(), 0
    parser = expat.ParserCreate(namespace_separator="}")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise NotMultistatus("nested too deeply")
        builder.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name)

    def no_types(*_: object) -> None:
        raise NotMultistatus("it has a document type, which could name entities")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = no_types
    try:
        parser.Parse(content, True)
    except expat.ExpatError:
        raise NotMultistatus("the answer is not XML") from None
    return builder.close()


def _plain(tag: str) -> str:
    """Return a tag's name without its namespace: servers differ in it more than in the names."""
    return tag.rpartition("}")[2]
