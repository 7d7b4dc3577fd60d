"""Made-up proofs of who calls, and how a request shows that it carries them."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from ai_worker.connectors.catalogue.recorder import Exchange
from ai_worker.connectors.catalogue.system import BeyondContract, StatedProof
from ai_worker.connectors.http.authenticate import EVERYWHERE, ApiKey, Basic, Bearer, Credential, beside
from ai_worker.connectors.operation import Contract, Operation, Scheme
from ai_worker.foundation.secret import Secret

STATED = "sesame-stated"
"""The made-up secret of a proof that the vendor states besides the contract."""

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def headers_of(beyond: BeyondContract | None) -> dict[str, str]:
    """Return the headers besides the contract, with made-up values of an installation."""
    return _ours(beyond.headers) if beyond is not None else {}


def query_of(beyond: BeyondContract | None) -> dict[str, str]:
    """Return what goes into the address besides the contract, with made-up values of an installation."""
    return _ours(beyond.query) if beyond is not None else {}


def besides(beyond: BeyondContract) -> list[str]:
    """Return what a request that carries all that the vendor wants of every call holds."""
    secret = {name: prefix + _hidden(name) for name, prefix in beyond.secrets.items()}
    headers = [f"{name}: {value}" for name, value in {**headers_of(beyond), **secret}.items()]
    return [*headers, *(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query_of(beyond).items())]


def _ours(given: Mapping[str, str]) -> dict[str, str]:
    return {name: _PLACEHOLDER.sub(r"our-\1", value) for name, value in given.items()}


def _hidden(name: str) -> str:
    return f"{STATED}-{name.lower()}"


def credentials_of(contract: Contract, beyond: BeyondContract | None) -> Mapping[str, Credential]:
    """Return a made-up credential for each scheme, and the one that the vendor states besides."""
    found = {key: credential_for(scheme) for key, scheme in contract.schemes.items()}
    if beyond is not None and (proof := beyond.proof) is not None:
        found[EVERYWHERE] = ApiKey(Secret(STATED), proof.place, proof.key, proof.prefix)
    for name, prefix in beyond.secrets.items() if beyond is not None else ():
        found[beside(name)] = ApiKey(Secret(_hidden(name)), "header", name, prefix)
    return found


def stated_mark(proof: StatedProof) -> str:
    """Return what a request that carries the stated proof holds."""
    if proof.place == "query":
        return f"{quote(proof.key, safe='')}={quote(proof.prefix + STATED, safe='')}"
    return f"{proof.key}: {proof.prefix}{STATED}"


def carries(seen: Exchange, operation: Operation, schemes: Mapping[str, Scheme]) -> bool:
    """Return whether the request carries all that one of the operation's requirements asks for."""
    for requirement in operation.security:
        wanted = [mark for name in requirement if name in schemes for mark in (_mark(schemes[name]),)]
        if wanted and all(mark in seen.text for mark in wanted):
            return True
    return False


def _mark(scheme: Scheme) -> str:
    """Return what a request with this scheme's credential holds, in the right place."""
    secret = _secret(scheme)
    match scheme.kind, scheme.place:
        case "apiKey", "query":
            return f"{quote(scheme.key, safe='')}={secret}"
        case "apiKey", "cookie":
            return f"{scheme.key}={secret}"
        case "apiKey", _:
            return f"{scheme.key or 'Authorization'}: {secret}"
        case "basic", _:
            return "Authorization: Basic "
        case _:
            return f"Authorization: Bearer {secret}"


def credential_for(scheme: Scheme) -> Credential:
    """Return a made-up credential of a scheme's kind."""
    match scheme.kind:
        case "apiKey":
            return ApiKey(Secret(_secret(scheme)))
        case "basic":
            return Basic("worker", Secret(_secret(scheme)))
        case _:
            return Bearer(Secret(_secret(scheme)))


def _secret(scheme: Scheme) -> str:
    return f"sesame-{len(scheme.name)}-{sum(map(ord, scheme.name)) % 9973}"
