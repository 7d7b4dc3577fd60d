"""What a connector that is to be needs before its file can be written: the same at the terminal and in the console."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ai_worker.connectors.draft import Draft
from ai_worker.connectors.fetching import fetched
from ai_worker.connectors.kind import Kind, Options, Parts
from ai_worker.connectors.operation import Contract
from ai_worker.connectors.registry import KINDS, Described
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.foundation.errors import BadInput

CONTRACTS: Mapping[str, str] = {
    "odata": "metadata.xml",
    "graphql": "schema.json",
    "mcp": "tools.json",
    "sql": "tables.json",
}
"""What the file is called that a running system's contract is kept in; of others `models.json`."""


class AddIncomplete(BadInput):
    """Something is missing or wrong in what was said of a new connector."""

    code = "connectors.add_incomplete"
    hint = "ai-worker connectors add --help"


def kind_named(name: str) -> Kind:
    """Return a kind.

    Raises:
        AddIncomplete: There is none of this name.
    """
    kind = KINDS.get(name)
    if kind is None:
        raise AddIncomplete(f"kind: {name!r} is none of {', '.join(KINDS)}")
    return kind


def options_of(kind: Kind, told: Mapping[str, Any], resolve: Callable[[str], str]) -> Options:
    """Return the `[options]` of a new connector.

    Raises:
        AddIncomplete: They are not as the kind has them; it names the first that is not.
    """
    try:
        return kind.options.model_validate(told, context={"resolve": resolve})
    except ValidationError as error:
        raise AddIncomplete(_first_of(error, "options")) from None


def asked_for(kind: Kind, options: Options) -> bool:
    """Return whether a contract that nobody brings is asked of the running system."""
    return kind.fetch is not None and (kind.needs_contract or bool(getattr(options, "query", False)))


def compiled(kind: Kind, contract: Path | None, options: Options) -> Contract:
    """Return what a contract offers; touches no network.

    Raises:
        AddIncomplete: The kind needs a contract, and there is none.
        ContractRefused: It cannot be used.
        ContractTooLarge: It is too large.
    """
    if kind.needs_contract and contract is None:
        raise AddIncomplete(f"contract: a system of kind {kind.name!r} needs one")
    return kind.compile(contract or Path(), options)


async def asked(draft: Draft, resolve: Callable[[str], str], parts: Parts, *, into: Path) -> Path:
    """Ask a running system for its contract, and return the file in `into` that it was put into.

    Args:
        draft: The connector that is to be; secrets may be literals, for nothing of it is written.
        resolve: Turns `env:NAME` and `file:PATH` into what they stand for.
        parts: What a connection is made of.
        into: A folder.

    Raises:
        AddIncomplete: What was said cannot be used; nobody was called.
        ToolFailed: The system is not there, or does not take our credentials.
    """
    kind = kind_named(draft.kind)
    options = options_of(kind, draft.options, resolve)
    if kind.needs_base_url and not draft.base_url:
        raise AddIncomplete("base_url: Field required")
    told = {
        "kind": draft.kind,
        "name": draft.name or draft.kind,
        "contract": contract_name(draft.kind),
        "base_url": draft.base_url or None,
        "auth": draft.auth or {"kind": "none"},
        "networks": draft.networks,
        "operations": draft.operations or ("*",),
        "options": draft.options,
        "attempts": 1,
    }
    try:
        settings = ConnectorSettings.model_validate(told, context={"resolve": resolve})
    except ValidationError as error:
        raise AddIncomplete(_first_of(error)) from None
    described = Described(draft.id, Path(), kind, settings, options)
    try:
        return await fetched(described, replace(parts, remember=None, recall=None), into=into)
    except ValueError as error:  # a caller that cannot be made of this says so
        raise AddIncomplete(str(error)) from None


def contract_name(kind: str) -> str:
    """Return what a running system's contract is called as a file."""
    return CONTRACTS.get(kind, "models.json")


def _first_of(error: ValidationError, *before: str) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, (*before, *first['loc'])))}: {first['msg']}"
