"""Compile an OpenAPI contract of any version into operations, got over whatever is wrong with it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from ai_worker.connectors.names import names
from ai_worker.connectors.notes import Notes
from ai_worker.connectors.openapi.arguments import Unfit, is_json, lay_out
from ai_worker.connectors.openapi.credentials import asked_of, asks, forgotten, without_credentials
from ai_worker.connectors.openapi.load import load
from ai_worker.connectors.openapi.openapi3 import OpenApi3
from ai_worker.connectors.openapi.paths import fitted
from ai_worker.connectors.openapi.references import References
from ai_worker.connectors.openapi.shape import Asked, Content, Dialect, listed, mapped, text
from ai_worker.connectors.openapi.slim import Work
from ai_worker.connectors.openapi.swagger2 import Swagger2
from ai_worker.connectors.operation import (
    Contract,
    ContractRefused,
    ContractTooLarge,
    Operation,
    Parameter,
    Requirement,
    Scheme,
    Skipped,
)
from ai_worker.connectors.plain import cut
from ai_worker.connectors.risk import risk_of

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
MAX_OPERATIONS = 20_000
MAX_WORK = 2_000_000
"""Schemas and properties looked at for one contract; the most that a real one needed is 70,000."""

OWN_HEADERS = frozenset({"accept", "content-type", "content-length", "host", "connection", "accept-encoding"})
"""Headers that the caller sets itself (OpenAPI 3.0 §4.7.12.1); nobody is asked for them."""

Progress = Callable[[int, int], None]
"""How many operations are done, and of how many."""


@dataclass(frozen=True, slots=True)
class _Found:
    """An operation as it stands in the contract."""

    method: str
    path: str
    item: Mapping[str, Any]
    node: Mapping[str, Any] | None
    """`None`: it stands in a file that is not there."""

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"


def compile_contract(
    data: bytes, *, name: str, folder: Path | None = None, progress: Progress | None = None
) -> Contract:
    """Return what the contract in `data` offers. Reads no address, and no file outside `folder`.

    Args:
        data: The document: JSON or YAML; OpenAPI 2.0, 3.0 or 3.1.
        name: What the document is called in warnings; with `folder`, its path in there.
        folder: Where the other files of a contract of several files are; `None`: it is followed nowhere.
        progress: Called now and then.

    Raises:
        ContractTooLarge: It has more than 20 MB, or more than 20,000 operations.
        ContractRefused: It cannot be read, is no OpenAPI, or has no operation at all.
    """
    notes = Notes()
    loaded = load(data, name=name, notes=notes)
    references = References(loaded.document, name=name, folder=folder, notes=notes)
    compiler = _Compiler(loaded.document, references, name)
    operations, skipped = compiler.operations(progress or (lambda _done, _all: None))
    information = mapped(loaded.document.get("info"))
    return Contract(
        kind=compiler.dialect.kind,
        title=cut(information.get("title"), 200) or name,
        version=text(information.get("version"), 60),
        sha256=loaded.sha256,
        operations=operations,
        skipped=skipped,
        schemes=compiler.schemes,
        servers=compiler.dialect.servers(loaded.document),
        warnings=notes.lines(),
    )


def level(contract: Contract) -> Literal["L0", "L1"]:
    """Return `L1` where at least 95 % of the operations have become tools."""
    done = len(contract.operations)
    return "L1" if done and done >= 0.95 * (done + len(contract.skipped)) else "L0"


def _dialect(document: Mapping[str, Any], references: References, name: str) -> Dialect:
    said = (text(document.get("openapi")) or text(document.get("swagger"))).strip()
    if said.startswith(("3.1", "3.2")):
        return OpenApi3(document, references, "openapi-3.1")
    if said.startswith("3"):
        return OpenApi3(document, references, "openapi-3.0")
    if said.startswith("2"):
        return Swagger2(document, references)
    if "paths" not in document:
        raise ContractRefused(f'{name}: not OpenAPI: it has neither "openapi" nor "swagger" nor "paths"')
    references.notes.add(f"{name}: it does not say its version; guessed")
    if "definitions" in document or "swagger" in document or "basePath" in document:
        return Swagger2(document, references)
    return OpenApi3(document, references, "openapi-3.0")


class _Compiler:
    """Turns one document's operations into ours."""

    def __init__(self, document: Mapping[str, Any], references: References, name: str) -> None:
        self._document = document
        self._references = references
        self._name = name
        self._work = Work()
        self.dialect = _dialect(document, references, name)
        self.schemes: Mapping[str, Scheme] = self.dialect.schemes()
        self._forgotten: tuple[Requirement, ...] = ()

    def operations(self, progress: Progress) -> tuple[tuple[Operation, ...], tuple[Skipped, ...]]:
        found = []
        for one in self._found():
            found.append(one)
            if len(found) > MAX_OPERATIONS:
                raise ContractTooLarge(f"{self._name}: more than {MAX_OPERATIONS:,} operations")
        if not found:
            raise ContractRefused(f"{self._name}: it has no operations")
        if not any(asks(self._document, one.node, self.schemes) for one in found):
            self._forgotten = forgotten(self.schemes)
        named = names([(_identity(one.node), one.method, one.path) for one in found])
        made: list[Operation] = []
        skipped: list[Skipped] = []
        for number, (own, one) in enumerate(zip(named, found, strict=True)):
            if number % 50 == 0:
                progress(number, len(found))
            try:
                made.append(self._operation(own, one))
            except Unfit as error:
                skipped.append(Skipped(one.label, str(error)))
        progress(len(found), len(found))
        return tuple(made), tuple(skipped)

    def _found(self) -> Iterator[_Found]:
        for path, entry in mapped(self._document.get("paths")).items():
            item = self._references.follow(entry)
            if item is None:
                self._references.notes.add(f"{path}: it stands nowhere that can be read; left out")
                continue
            for method in METHODS:
                if isinstance(node := item.get(method), Mapping):
                    yield _Found(method.upper(), str(path), item, self._references.follow(node))

    def _operation(self, name: str, found: _Found) -> Operation:
        if self._work.done > MAX_WORK:
            raise Unfit("the contract needs too much work; what came before it was compiled")
        node = found.node
        if node is None:
            node = self._elsewhere(found)
        if node.get("requestBody") is not None and self._references.follow(node["requestBody"]) is None:
            raise Unfit("its body stands nowhere that can be read")
        asked, content = self.dialect.request(found.item, node)
        path, wanted, always = fitted(found.path, asked, self._references.notes)
        if found.method in ("GET", "HEAD", "TRACE"):
            content = None  # such a body has no meaning (RFC 9110 §9.3.1), and most servers refuse it
        wanted, fixed = _without_own(wanted, content)
        if content is not None and any(one.name.lower() == "content-type" for one in fixed):
            content = replace(content, offers=tuple(replace(offer, assumed=False) for offer in content.offers))
        wanted, security = without_credentials(wanted, self._security(node), self.schemes)
        laid = lay_out(wanted, content, method=found.method, references=self._references, work=self._work)
        title = cut(node.get("summary"), 120) or cut(node.get("description"), 120) or name.replace("_", " ")
        return Operation(
            name=name,
            method=found.method,
            path=path,
            title=title,
            description=cut(node.get("description"), 300) or title,
            input_schema=laid.schema,
            risk=risk_of(found.method, name=_identity(node) or name, path=path, title=title),
            parameters=(*laid.parameters, *always, *fixed),
            body=laid.body,
            security=security,
            servers=self.dialect.servers(node) or self.dialect.servers(found.item),
            accepts=self.dialect.answers(node),
            tags=tuple(text(tag, 60) for tag in listed(node.get("tags"))[:10]),
            deprecated=node.get("deprecated") is True,
        )

    def _elsewhere(self, found: _Found) -> Mapping[str, Any]:
        """Return what is known of an operation in a file that was not given: a read needs no more than its path."""
        if found.method not in ("GET", "HEAD", "DELETE"):
            raise Unfit("it stands in another file; give the contract's folder")
        self._references.notes.add(f"{found.label}: it stands in another file; only its path is known")
        return {}

    def _security(self, node: Mapping[str, Any]) -> tuple[Requirement, ...]:
        if self._forgotten:
            return self._forgotten
        requirements: list[Requirement] = []
        for entry in listed(asked_of(self._document, node))[:20]:
            needed = {
                str(name): tuple(text(scope, 200) for scope in listed(scopes)[:100])
                for name, scopes in mapped(entry).items()
            }
            if unknown := needed.keys() - self.schemes.keys():
                self._references.notes.add(f"the security scheme {min(unknown)!r} is not defined; left out")
            else:
                requirements.append(needed)
        return tuple(requirements)


def _identity(node: Mapping[str, Any] | None) -> str:
    identity = node.get("operationId") if node is not None else None
    return identity[:1_000] if isinstance(identity, str) else ""


def _without_own(wanted: list[Asked], content: Content | None) -> tuple[list[Asked], tuple[Parameter, ...]]:
    """Take out the headers that the caller sets itself; one that the contract insists on is sent as it says."""
    kept: list[Asked] = []
    fixed: list[Parameter] = []
    for one in wanted:
        if one.place != "header" or one.name.lower() not in OWN_HEADERS:
            kept.append(one)
        elif one.required and (value := _own_value(one, content)):
            fixed.append(Parameter(one.name, "", "header", True, "simple", False, fixed=value))
    return kept, tuple(fixed)


def _own_value(one: Asked, content: Content | None) -> str:
    values = [one.schema.get("default"), *listed(one.schema.get("enum"))]
    known = [value for value in values if isinstance(value, str) and value]
    match one.name.lower():
        case "accept":
            value = next((value for value in known if is_json(value)), (known or ["application/json"])[0])
            # What is only usual is wished for first; a type that the system does not have must not lose the answer.
            strict = "*/*" in value or any(key in one.schema for key in ("enum", "pattern", "maxLength"))
            return value if strict else f"{value}, */*;q=0.1"
        case "content-type":
            offered = [offer.type for offer in content.offers] if content is not None else []
            return next((value for value in known if is_json(value)), (known or offered or ["application/json"])[0])
        case "accept-encoding":
            return (known or ["identity"])[0]
        case _:
            return ""
