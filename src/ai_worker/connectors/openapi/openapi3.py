"""OpenAPI 3.0 and 3.1: parameters have styles, bodies have types of content, servers have variables."""

import re
from collections.abc import Mapping
from typing import Any, Literal, get_args

from ai_worker.connectors.openapi.references import References
from ai_worker.connectors.openapi.shape import Asked, Content, Offer, listed, mapped, media_type, text, unique
from ai_worker.connectors.operation import Place, Scheme, Style

_PLACES: Mapping[str, Place] = {"path": "path", "query": "query", "header": "header", "cookie": "cookie"}
_USUAL: Mapping[Place, Style] = {"path": "simple", "header": "simple", "query": "form", "cookie": "form"}
_STYLES: frozenset[str] = frozenset(get_args(Style)) - {"tabDelimited"}
_SCHEMA_KEYS = ("type", "format", "enum", "items", "default", "minimum", "maximum", "pattern")
"""Where a parameter has them itself, it was written as in 2.0."""


class OpenApi3:
    """Reads a 3.x document."""

    def __init__(self, document: Mapping[str, Any], references: References, kind: str) -> None:
        self.kind = kind
        self._document = document
        self._references = references

    def request(
        self, item: Mapping[str, Any], node: Mapping[str, Any]
    ) -> tuple[Mapping[tuple[str, str], Asked], Content | None]:
        """Return the parameters, by name and place, and the body."""
        asked: dict[tuple[str, str], Asked] = {}
        content = self._content(node.get("requestBody"))
        for entry in (*listed(item.get("parameters")), *listed(node.get("parameters"))):
            parameter = self._references.follow(entry)
            if parameter is None:
                continue
            name, place = text(parameter.get("name")), text(parameter.get("in"))
            if place in _PLACES and name:
                asked[name, place] = self._asked(parameter, name, _PLACES[place])
            elif place == "body" and content is None:
                offer = Offer("application/json", parameter.get("schema", {}))
                content = Content(parameter.get("required") is True, (offer,), text(parameter.get("description")))
            else:
                self._references.notes.add(f"a parameter {name!r} in {place!r} was left out: there is no such place")
        return asked, content

    def _asked(self, parameter: Mapping[str, Any], name: str, place: Place) -> Asked:
        kind, schema = "", parameter.get("schema")
        for offered, media in mapped(parameter.get("content")).items():
            kind, schema = media_type(offered), mapped(media).get("schema")
            break
        if not isinstance(schema, Mapping):
            schema = {key: parameter[key] for key in _SCHEMA_KEYS if key in parameter}
        if (words := parameter.get("description")) and not schema.get("description"):
            schema = {**schema, "description": words}
        style, explode = _style(parameter, _USUAL[place])
        required = place == "path" or parameter.get("required") is True
        return Asked(name, place, required, schema, style, explode, kind, parameter.get("allowReserved") is True)

    def _content(self, node: Any) -> Content | None:
        body = self._references.follow(node) if node is not None else None
        if body is None:
            return None
        offers = []
        for kind, entry in mapped(body.get("content")).items():
            media = self._references.follow(entry) or {}
            styles, types = {}, {}
            for name, encoding in mapped(media.get("encoding")).items():
                if isinstance(encoding, Mapping):
                    styles[str(name)] = _style(encoding, "form")
                    if wanted := encoding.get("contentType"):
                        types[str(name)] = media_type(text(wanted).split(",")[0])
            offers.append(Offer(media_type(kind), media.get("schema", {}), styles, types))
        words = text(body.get("description"))
        return Content(body.get("required") is True, tuple(offers), words) if offers else None

    def answers(self, node: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the types of content of all answers."""
        kinds: list[str] = []
        for entry in mapped(node.get("responses")).values():
            answer = self._references.follow(entry) or {}
            kinds += [media_type(kind) for kind in mapped(answer.get("content"))]
        return unique(kinds)

    def servers(self, node: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the base addresses, their variables at the default."""
        return unique([address for server in listed(node.get("servers")) if (address := _address(server))])

    def schemes(self) -> Mapping[str, Scheme]:
        """Return the security schemes."""
        found = {}
        for name, entry in mapped(mapped(self._document.get("components")).get("securitySchemes")).items():
            if (node := self._references.follow(entry)) is not None:
                found[str(name)] = _scheme(str(name), node)
        return found


def _style(node: Mapping[str, Any], usual: Style) -> tuple[Style, bool]:
    """Return style and explode: exploded where nothing is said, only in the styles of forms (3.0 §4.7.12)."""
    style: Style = node["style"] if text(node.get("style")) in _STYLES else usual
    explode = node.get("explode")
    return style, explode if isinstance(explode, bool) else style in ("form", "deepObject")


def _address(server: Any) -> str:
    variables = mapped(mapped(server).get("variables"))

    def value(found: re.Match[str]) -> str:
        variable = mapped(variables.get(found[1]))
        return text(variable.get("default"), 200) or found[0]

    return re.sub(r"\{([^{}]{1,100})\}", value, text(mapped(server).get("url"))).rstrip("/")


def _scheme(name: str, node: Mapping[str, Any]) -> Scheme:
    match node.get("type"), text(node.get("scheme")).lower():
        case "http", "basic":
            return Scheme(name, "basic")
        case "http", "bearer":
            return Scheme(name, "bearer")
        case "apiKey", _:
            place: Literal["header", "query", "cookie"] = "header"
            if (given := node.get("in")) in ("query", "cookie"):
                place = given
            return Scheme(name, "apiKey", place, text(node.get("name")))
        case "oauth2", _:
            flows = {str(flow): _flow(mapped(entry)) for flow, entry in mapped(node.get("flows")).items()}
            return Scheme(name, "oauth2", flows=flows)
        case "openIdConnect", _:
            return Scheme(name, "openIdConnect", flows={"discovery": {"url": text(node.get("openIdConnectUrl"))}})
        case _:
            return Scheme(name, "other")


def _flow(node: Mapping[str, Any]) -> Mapping[str, Any]:
    addresses = {key: text(node[key]) for key in ("authorizationUrl", "tokenUrl", "refreshUrl") if key in node}
    return {
        **addresses,
        "scopes": {str(scope): text(words, 300) for scope, words in mapped(node.get("scopes")).items()},
    }
