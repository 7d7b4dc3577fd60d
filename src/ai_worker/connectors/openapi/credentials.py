"""Keep the contract's own secrets out of the arguments: nobody is asked for what the connection's credentials are."""

from collections.abc import Mapping, Sequence
from typing import Any

from ai_worker.connectors.openapi.shape import Asked, listed, mapped
from ai_worker.connectors.operation import Requirement, Scheme


def asked_of(document: Mapping[str, Any], node: Mapping[str, Any] | None) -> Any:
    """Return what an operation says of security, or the document where the operation is silent."""
    return (node or {}).get("security", document.get("security"))


def asks(document: Mapping[str, Any], node: Mapping[str, Any] | None, schemes: Mapping[str, Scheme]) -> bool:
    """Return whether an operation asks for a proof that the contract describes."""
    return any(name in schemes for entry in listed(asked_of(document, node)) for name in mapped(entry))


def forgotten(schemes: Mapping[str, Scheme]) -> tuple[Requirement, ...]:
    """Return what is needed where a contract describes how to prove who calls, and asks for it nowhere.

    Whoever has the credentials gives them, and whoever has none calls without.
    """
    return (*({name: ()} for name in schemes), {}) if schemes else ()


def without_credentials(
    wanted: Sequence[Asked], security: Sequence[Requirement], schemes: Mapping[str, Scheme]
) -> tuple[list[Asked], tuple[Requirement, ...]]:
    """Return what is still asked for, and what is needed to prove who calls.

    Some contracts list an API key as a parameter too. Where that parameter is required, its scheme is needed
    beside whichever other is chosen: Trello names key and token as alternatives, and takes neither alone.
    """
    places = {_place(schemes[name]): name for requirement in security for name in requirement if name in schemes}
    kept: list[Asked] = []
    needed: dict[str, tuple[str, ...]] = {}
    for one in wanted:
        name = places.get((one.place, one.name.casefold() if one.place == "header" else one.name))
        if name is None:
            kept.append(one)
        elif one.required:
            needed[name] = ()
    if not needed:
        return kept, tuple(security)
    whole: list[Requirement] = []
    for requirement in security:
        both = {**needed, **requirement}
        if both not in whole:
            whole.append(both)
    return kept, tuple(whole)


def _place(scheme: Scheme) -> tuple[str, str]:
    if scheme.kind != "apiKey":
        return "header", "authorization"
    return scheme.place, scheme.key.casefold() if scheme.place == "header" else scheme.key
