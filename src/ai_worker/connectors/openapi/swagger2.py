"""Swagger 2.0: bodies are parameters, lists have a collectionFormat, and there is one host."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ai_worker.connectors.openapi.references import References
from ai_worker.connectors.openapi.shape import Asked, Content, Offer, listed, mapped, media_type, text, unique
from ai_worker.connectors.operation import Place, Scheme, Style

COLLECTIONS: Mapping[str, Style] = {
    "ssv": "spaceDelimited",
    "tsv": "tabDelimited",
    "pipes": "pipeDelimited",
    "multi": "form",
}
_FLOWS = {"accessCode": "authorizationCode", "application": "clientCredentials"}
_PLACES: Mapping[str, Place] = {"path": "path", "query": "query", "header": "header"}
_NOT_SCHEMA = frozenset({"name", "in", "required", "collectionFormat", "allowEmptyValue", "schema"})


class Swagger2:
    """Reads a 2.0 document."""

    kind = "openapi-2.0"

    def __init__(self, document: Mapping[str, Any], references: References) -> None:
        self._document = document
        self._references = references

    def request(
        self, item: Mapping[str, Any], node: Mapping[str, Any]
    ) -> tuple[Mapping[tuple[str, str], Asked], Content | None]:
        """Return the parameters, by name and place, and the body."""
        asked: dict[tuple[str, str], Asked] = {}
        bodies: dict[str, Mapping[str, Any]] = {}
        fields: dict[str, Mapping[str, Any]] = {}
        entries = (*listed(item.get("parameters")), *listed(node.get("parameters")))
        parameters = [self._references.follow(entry) for entry in entries]
        for parameter in parameters:
            if parameter is None:
                continue
            name, place = text(parameter.get("name")), text(parameter.get("in"))
            if place == "body":
                bodies = {name: parameter}
            elif place == "formData" and name:
                fields[name] = parameter
            elif place in _PLACES and name:
                asked[name, place] = _asked(parameter, name, _PLACES[place])
            else:
                self._references.notes.add(f"a parameter {name!r} in {place!r} was left out: there is no such place")
        takes = [media_type(kind) for kind in listed(node.get("consumes", self._document.get("consumes")))]
        if not takes and (said := type_by_header([one for one in parameters if one is not None])):
            takes = [said]
        for body in bodies.values():
            return asked, self._body(body, takes)
        return asked, _form(fields, takes) if fields else None

    def _body(self, parameter: Mapping[str, Any], takes: list[str]) -> Content:
        words = text(parameter.get("description"))
        schema = parameter.get("schema", {})
        offers = tuple(Offer(kind, schema) for kind in takes) or (Offer("application/json", schema, assumed=True),)
        return Content(parameter.get("required") is True, offers, words)

    def answers(self, node: Mapping[str, Any]) -> tuple[str, ...]:
        """Return `produces`, the operation's own or the document's."""
        return unique([media_type(kind) for kind in listed(node.get("produces", self._document.get("produces")))])

    def servers(self, node: Mapping[str, Any]) -> tuple[str, ...]:
        """Return host and base path under each scheme. An operation names none."""
        if node is not self._document:
            return ()
        host, base = self._document.get("host"), text(self._document.get("basePath")).rstrip("/")
        if not isinstance(host, str) or not host:
            return (base,) if base else ()
        known = [scheme for scheme in listed(self._document.get("schemes")) if scheme in ("https", "http")]
        base = f"/{base.lstrip('/')}" if base else ""
        return unique([f"{scheme}://{host[:300].rstrip('/')}{base}" for scheme in known or ["https"]])

    def schemes(self) -> Mapping[str, Scheme]:
        """Return the security definitions."""
        return {
            str(name): _scheme(str(name), node)
            for name, node in mapped(self._document.get("securityDefinitions")).items()
            if isinstance(node, Mapping)
        }


def type_by_header(parameters: Sequence[Mapping[str, Any]]) -> str:
    """Return the type of a body that a parameter called `Content-Type` names; empty: none does.

    Many contracts without `consumes` say it so; the specification knows `consumes` alone.
    """
    for one in parameters:
        if one.get("in") == "header" and text(one.get("name")).lower() == "content-type":
            named = [media_type(value) for value in (one.get("default"), *listed(one.get("enum"))[:20])]
            known = [kind for kind in named if "/" in kind]
            return next((kind for kind in known if "json" in kind), (known or [""])[0])
    return ""


def _asked(parameter: Mapping[str, Any], name: str, place: Place) -> Asked:
    style, explode = _style(parameter, place)
    schema = parameter.get("schema")
    if not isinstance(schema, Mapping):
        schema = {key: value for key, value in parameter.items() if key not in _NOT_SCHEMA}
    return Asked(name, place, place == "path" or parameter.get("required") is True, schema, style, explode)


def _style(parameter: Mapping[str, Any], place: Place | Literal["form"]) -> tuple[Style, bool]:
    """Return how a list is written: `csv` where nothing is said, as 2.0 has it."""
    collection = text(parameter.get("collectionFormat"))
    if place in ("path", "header") and collection not in ("ssv", "tsv", "pipes"):
        return "simple", False
    return COLLECTIONS.get(collection, "form"), collection == "multi"


def _form(fields: Mapping[str, Mapping[str, Any]], takes: list[str]) -> Content:
    properties, styles = {}, {}
    for name, parameter in fields.items():
        properties[name] = {key: value for key, value in parameter.items() if key not in _NOT_SCHEMA}
        if parameter.get("type") == "array":
            styles[name] = _style(parameter, "form")
    required = [name for name, parameter in fields.items() if parameter.get("required") is True]
    files = any(parameter.get("type") == "file" for parameter in fields.values())
    plain = "application/x-www-form-urlencoded"
    kind = "multipart/form-data" if files or (plain not in takes and "multipart/form-data" in takes) else plain
    schema = {"type": "object", "properties": properties, "required": required}
    return Content(bool(required), (Offer(kind, schema, styles),))


def _scheme(name: str, node: Mapping[str, Any]) -> Scheme:
    match node.get("type"):
        case "basic":
            return Scheme(name, "basic")
        case "apiKey":
            place: Literal["header", "query"] = "query" if node.get("in") == "query" else "header"
            return Scheme(name, "apiKey", place, text(node.get("name")))
        case "oauth2":
            flow = text(node.get("flow"))
            return Scheme(name, "oauth2", flows={_FLOWS.get(flow, flow): _flow(node)})
        case _:
            return Scheme(name, "other")


def _flow(node: Mapping[str, Any]) -> Mapping[str, Any]:
    flow = {key: node[key] for key in ("authorizationUrl", "tokenUrl") if isinstance(node.get(key), str)}
    return {**flow, "scopes": {str(scope): text(words, 300) for scope, words in mapped(node.get("scopes")).items()}}
