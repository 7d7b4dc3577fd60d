"""Lay the parameters and the body of one operation out as the arguments of one tool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from ai_worker.connectors.names import argument
from ai_worker.connectors.openapi.references import References
from ai_worker.connectors.openapi.shape import Asked, Content, Offer
from ai_worker.connectors.openapi.slim import Detail, Slimmer, TooMuch, Work
from ai_worker.connectors.operation import Body, Media, Parameter
from ai_worker.connectors.plain import cut

DETAILS = (
    Detail(depth=4, words=200, inner_words=120, enum=1_500, branches=8, nodes=1_500, characters=3_000),
    Detail(depth=3, words=160, inner_words=60, enum=800, branches=6, nodes=1_500, characters=4_000),
    Detail(depth=2, words=100, inner_words=40, enum=400, branches=4, nodes=2_000, characters=6_000),
    Detail(depth=1, words=60, inner_words=0, enum=300, branches=3, nodes=2_000, characters=8_000),
    Detail(depth=0, words=40, inner_words=0, enum=200, branches=2, nodes=3_000, characters=12_000),
    Detail(depth=0, words=0, inner_words=0, enum=100, branches=1, nodes=8_000, characters=60_000, arguments=100),
)
"""Tried one after the other until the schema fits; the last one always fits a real contract."""

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_BINARY = ("application/octet-stream", "application/pdf", "application/zip", "application/gzip", "application/x-tar")
_WHOLE = ("body", "request_body", "whole_body")


class Unfit(ValueError):
    """The operation can become no tool; the words say why."""


@dataclass(frozen=True, slots=True)
class Laid:
    """The arguments, and what becomes of them."""

    schema: Mapping[str, Any]
    parameters: tuple[Parameter, ...]
    body: Body | None


@dataclass(slots=True)
class _Arguments:
    """The object that is being put together."""

    properties: dict[str, Any] = field(default_factory=dict)
    required: list[str] = field(default_factory=list)

    def add(self, name: str, schema: Mapping[str, Any], *, required: bool) -> None:
        self.properties[name] = schema
        if required:
            self.required.append(name)

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": self.properties,
            "required": self.required,
            "additionalProperties": False,
        }


def lay_out(
    asked: Sequence[Asked], content: Content | None, *, method: str, references: References, work: Work
) -> Laid:
    """Return the tool's arguments, with as much detail as fits.

    Raises:
        Unfit: Not even the least detail fits.
    """
    offer = preferred(content.offers) if content is not None else None
    for detail in DETAILS:
        try:
            laid = _laid(asked, content, offer, method, Slimmer(references, detail, work))
        except TooMuch:
            continue
        if len(msgspec.json.encode(laid.schema)) <= detail.characters:
            return laid
    raise Unfit("its arguments are too many or too deep to be described")


def preferred(offers: Sequence[Offer]) -> Offer | None:
    """Return the type of content to send: JSON where there is any, then forms, text and files."""
    return min(offers, key=lambda offer: _rank(offer.type), default=None)


def _rank(kind: str) -> int:
    if kind == "application/json":
        return 0
    if kind.endswith("+json") and "patch" not in kind:
        return 1
    if kind in ("*/*", "application/*", "text/json", ""):
        return 2
    if kind in FORMS:
        return 3 + FORMS.index(kind)
    if "json" in kind:
        return 5
    return 7 if kind.startswith("text/") else 6 if kind in _BINARY else 8


def is_json(kind: str) -> bool:
    """Return whether a body of this type is written as JSON."""
    return "json" in kind or kind in ("*/*", "application/*", "")


def _laid(asked: Sequence[Asked], content: Content | None, offer: Offer | None, method: str, slimmer: Slimmer) -> Laid:
    arguments = _Arguments()
    parameters = []
    for one in asked:
        name = argument(one.name)
        if name in arguments.properties:
            name = _free(f"{name}_{one.place}", arguments.properties)
        arguments.add(name, slimmer.slim(one.schema), required=one.required)
        parameters.append(
            Parameter(
                one.name,
                name,
                one.place,
                one.required,
                one.style,
                one.explode,
                media_type=one.media_type,
                allow_reserved=one.allow_reserved,
            )
        )
    body = None
    if content is not None and offer is not None:
        body = _body(content, offer, method, slimmer, arguments)
    return Laid(arguments.schema(), tuple(parameters), body)


def _body(content: Content, offer: Offer, method: str, slimmer: Slimmer, arguments: _Arguments) -> Body:
    kind = "application/json" if offer.type in ("*/*", "application/*", "application/*+json", "") else offer.type
    if not is_json(kind) and kind not in FORMS:
        return _raw(content, kind, arguments)
    schema = slimmer.slim(offer.schema)
    binary = _files(schema) if kind in FORMS else frozenset()
    media = Media(kind, styles=offer.styles, part_types=offer.part_types, binary=binary, assumed=offer.assumed)
    # A body that may be left out but needs some of its properties is needed in truth: `required` was forgotten.
    # Where a body is unusual, it is believed.
    forgotten = not content.required and method in ("POST", "PUT", "PATCH") and bool(schema.get("required"))
    required = content.required or forgotten
    names = {argument(name): name for name in schema.get("properties", {})}
    if _opens(schema, names, arguments, required=required):
        needed = set(schema.get("required", ()))
        for name, inner in names.items():
            arguments.add(name, schema["properties"][inner], required=inner in needed)
        return Body(required, media, properties=names)
    if words := cut(content.description, 100):
        schema.setdefault("description", words)
    whole = next(name for name in _WHOLE if name not in arguments.properties)
    arguments.add(whole, schema, required=required)
    return Body(required, media, whole=whole)


def _opens(schema: Mapping[str, Any], names: Mapping[str, str], arguments: _Arguments, *, required: bool) -> bool:
    """Return whether the body's properties may stand among the arguments."""
    if schema.get("type") not in ("object", ["object", "null"]) or not names:
        return False
    if "anyOf" in schema or "additionalProperties" in schema or (schema.get("required") and not required):
        return False
    needed = set(schema.get("required", ())) - set(names.values())
    whole = len(names) == len(schema["properties"])
    return whole and not needed and not names.keys() & arguments.properties.keys()


def _raw(content: Content, kind: str, arguments: _Arguments) -> Body:
    """Return a body that is text of its type, or a file."""
    text = kind.startswith("text/") or kind.endswith(("xml", "yaml", "javascript", "graphql"))
    shape: dict[str, Any] = {"type": "string"}
    if not text:
        shape["contentEncoding"] = "base64"
    shape["description"] = cut(content.description, 100) or f"{kind}{'' if text else ', as base64'}"
    whole = next(name for name in _WHOLE if name not in arguments.properties)
    arguments.add(whole, shape, required=content.required)
    return Body(content.required, Media(kind, binary=frozenset() if text else frozenset({""})), whole=whole)


def _files(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return which properties of a form are files, and say in the schema that they are given as base64."""
    found = set()
    for name, inner in schema.get("properties", {}).items():
        leaf = inner.get("items", inner) if inner.get("type") == "array" else inner
        if leaf.get("format") == "binary":
            del leaf["format"]
            leaf["contentEncoding"] = "base64"
            found.add(name)
    return frozenset(found)


def _free(name: str, taken: Mapping[str, Any]) -> str:
    number = 2
    candidate = name
    while candidate in taken:
        candidate, number = f"{name}_{number}", number + 1
    return candidate
