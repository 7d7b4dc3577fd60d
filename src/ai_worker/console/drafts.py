"""What somebody has filled in about a new connector, as a draft of its file."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import FormData

from ai_worker.connectors.catalogue.system import System
from ai_worker.connectors.draft import Draft
from ai_worker.connectors.operation import Contract, Operation, Scheme
from ai_worker.console.catalogue import auth_of
from ai_worker.console.option_fields import secret_of, told_options
from ai_worker.foundation.secret import Secret
from ai_worker.foundation.text import clean

RISKS = ("read", "write-reversible", "write-irreversible", "money", "admin")
AUTHS = ("none", "bearer", "header", "key", "basic")
"""Credentials that the form knows; for the others a person writes the file."""

REFERENCES = ("env:", "file:")


def asking_draft(kind: str, form: FormData, catalogue: str) -> tuple[Draft, Secret]:
    """Return the draft of a system that is reached with what stands in the form, and the secret that was typed in."""
    told = {name: str(value) for name, value in form.items()}
    option = secret_of(kind)
    secret = told.get(f"option.{option}" if option else "secret", "").strip()
    auth = {} if option else auth_told(clean(told.get("auth", "")), form)
    draft = Draft(
        id="new",
        kind=kind,
        name="",
        operations=("*",),
        base_url=clean(told.get("base_url", "")).strip(),
        auth=auth,
        options=told_options(kind, told),
        networks=networks_told(form),
        catalogue=catalogue,
    )
    if not option and auth["kind"] == "none":
        return draft, Secret("")
    if secret.startswith(REFERENCES):
        return draft.with_secret(secret, option), Secret("")
    return draft, Secret(secret)


def auth_told(kind: str, form: FormData) -> dict[str, Any]:
    """Return the `[auth]` that somebody has chosen, without its secret."""

    def told(name: str) -> str:
        return clean(str(form.get(name, "")))

    match kind:
        case "header":
            return {"kind": "header", "header": told("header")}
        case "key":
            return {"kind": "key", "place": told("place") or "query", "name": told("key_name")}
        case "basic":
            return {"kind": "basic", "username": told("username")}
        case "bearer":
            return {"kind": "bearer"}
        case _:
            return {"kind": "none"}


def networks_told(form: FormData) -> tuple[str, ...]:
    """Return the networks that somebody has written, with commas or spaces between."""
    return tuple(clean(str(form.get("networks", ""))).replace("，", " ").replace(",", " ").split())


def policies_told(operations: Mapping[str, Operation], names: list[str], form: FormData) -> dict[str, dict[str, str]]:
    """Return the risks that somebody has set, where they differ from our guess."""
    said = {name: str(form.get(f"risk.{name}", "")) for name in names}
    return {name: {"risk": risk} for name, risk in said.items() if risk in RISKS and risk != operations[name].risk}


def suggested(contract: Contract, system: System | None) -> dict[str, str]:
    """Return what a form begins with, by the contract and by what the catalogue knows."""
    server = next(iter(contract.servers), "")
    host = urlsplit(server).hostname or contract.title
    words = [word for word in re.split(r"[^a-z0-9]+", host.lower()) if word and word not in ("www", "api", "com", "cn")]
    guess = words[0] if words and words[0][0].isalpha() else "erp"
    found = {"id": suggested_id(system.id if system is not None else guess), "base_url": server}
    for scheme in contract.schemes.values():
        if told := _auth_of(scheme):
            return found | told
    return found | {"auth": (auth_of(system) if system is not None else "") or "none"}


def suggested_id(identity: str) -> str:
    """Return an id for a connector that is made of another one's."""
    cut = identity[:32].rstrip("-")
    return cut if cut[:1].isalpha() else f"s-{cut}"[:32]


def _auth_of(scheme: Scheme) -> dict[str, str]:
    match scheme.kind:
        case "apiKey" if scheme.place == "header":
            return {"auth": "header", "header": scheme.key}
        case "apiKey":
            return {"auth": "key", "key_name": scheme.key, "place": scheme.place}
        case "basic" | "bearer":
            return {"auth": scheme.kind}
        case _:
            return {}
