"""Connecting a business system by its OpenAPI contract: upload, look, choose, save."""

import re
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ai_worker.connectors.contract import ConnectorRefused
from ai_worker.connectors.editing import ConnectorExists, Draft
from ai_worker.connectors.operation import Contract, Operation, Scheme
from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.imports import Import, Imports
from ai_worker.console.session import Session
from ai_worker.console.systems import SystemDesk
from ai_worker.conversation.conversation import State
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.errors import Misconfigured
from ai_worker.foundation.text import clean

UPLOAD_BYTES = 21 * 1024 * 1024
"""The largest contract that is compiled, and what a form adds."""

LISTED = 300
"""Operations that are chosen one by one; of a larger contract the rest is taken by `*` and `**` alone."""

RISKS = ("read", "write-reversible", "write-irreversible", "money", "admin")
AUTHS = ("none", "bearer", "header", "key", "basic")
"""Credentials that the form knows; for the others a person writes the file."""

REFERENCES = ("env:", "file:")

log = structlog.get_logger(__name__)


class ConnectorImportsPage:
    """Serves `/connectors/add` and what follows."""

    def __init__(self, *, frame: Frame, desk: SystemDesk, imports: Imports, conversations: ConversationStore) -> None:
        self._frame = frame
        self._desk = desk
        self._imports = imports
        self._conversations = conversations

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind `guard`."""
        one = "/connectors/add/{token}"
        return [
            Route("/connectors/add", guard(self._page), methods=["GET"]),
            Route("/connectors/add", guard(self._take), methods=["POST"], max_body_size=UPLOAD_BYTES),
            Route(one, guard(self._look), methods=["GET"]),
            Route(f"/parts{one}", guard(self._part), methods=["GET"]),
            Route(one, guard(self._save), methods=["POST"], max_body_size=1_000_000),
        ]

    async def _page(self, request: Request, session: Session) -> Response:
        return await self._frame.page(request, session, "connector_add.html", nav="connectors", missing=False)

    async def _take(self, request: Request, session: Session) -> Response:
        part = (await request.form()).get("file")
        if not isinstance(part, UploadFile) or not part.filename:
            return await self._frame.page(
                request, session, "connector_add.html", nav="connectors", status=422, missing=True
            )
        made = await self._imports.begin(part.filename, await part.read())
        return RedirectResponse(f"/connectors/add/{made.token}", 303)

    async def _look(self, request: Request, session: Session) -> Response:
        made = self._imports.get(request.path_params["token"])
        context = self._context(made)
        return await self._frame.page(request, session, "connector_import.html", nav="connectors", **context)

    async def _part(self, request: Request, session: Session) -> Response:
        made = self._imports.get(request.path_params["token"])
        waiting = (await self._conversations.counts()).get(State.WAITING, 0)
        return self._frame.part(request, session, "parts/import_now.html", waiting=waiting, **self._context(made))

    async def _save(self, request: Request, session: Session) -> Response:
        t, made = self._frame.words(request), self._imports.get(request.path_params["token"])
        form = await request.form()
        assert made.contract is not None, "there is no form before it is compiled"
        draft, secret = _draft(made, made.contract, form)
        try:
            await self._desk.install(draft, made.file, secret=secret, language=t.language)
        except ConnectorExists:
            refused = t("connectors.exists", id=draft.id)
        except ConnectorRefused as error:
            refused = t("connectors.not_saved", why=error.reason)
        except Misconfigured as error:
            refused = t("connectors.not_saved", why=str(error))
        else:
            self._imports.forget(made.token)
            log.info("console.connector_added", connector=draft.id, by=self._frame.person(request, session))
            return RedirectResponse(f"/connectors/{draft.id}", 303)
        context = self._context(made) | {"given": dict(form), "refused": refused}
        context["chosen"] = set(map(str, form.getlist("op")))
        return await self._frame.page(
            request, session, "connector_import.html", nav="connectors", status=422, **context
        )

    def _context(self, made: Import) -> dict[str, Any]:
        contract = made.contract
        # It may be done at any moment: what a page shows is what was known when it began.
        context: dict[str, Any] = {
            "token": made.token,
            "name": made.name,
            "contract": contract,
            "problem": made.problem,
            "done": made.done,
            "count": made.count,
            "given": {},
            "refused": "",
            "chosen": set(),
        }
        if contract is None:
            return context
        listed = contract.operations[:LISTED]
        return context | {
            "listed": listed,
            "rest": len(contract.operations) - len(listed),
            "risks": RISKS,
            "auths": AUTHS,
            "by_risk": [(risk, count) for risk in RISKS if (count := _counted(contract)[risk])],
            "chosen": {operation.name for operation in listed if operation.risk == "read"},
            "suggested": _suggested(contract),
        }


def _counted(contract: Contract) -> Counter[str]:
    return Counter[str](one.risk for one in contract.operations)


def _suggested(contract: Contract) -> dict[str, str]:
    """Return what the form begins with."""
    server = next(iter(contract.servers), "")
    host = urlsplit(server).hostname or contract.title
    words = [word for word in re.split(r"[^a-z0-9]+", host.lower()) if word and word not in ("www", "api", "com", "cn")]
    found = {"id": (words[0] if words and words[0][0].isalpha() else "erp")[:32], "base_url": server}
    for scheme in contract.schemes.values():
        if told := _auth_of(scheme):
            return found | told
    return found | {"auth": "none"}


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


def _draft(made: Import, contract: Contract, form: FormData) -> tuple[Draft, str]:
    """Return what somebody has chosen, and the secret that they typed in."""
    given = {name: clean(str(form.get(name, ""))) for name in ("id", "name", "base_url", "auth", "networks", "all")}
    secret = str(form.get("secret", "")).strip()
    auth = _auth(given["auth"], form)
    if secret.startswith(REFERENCES):
        auth, secret = {**auth, "secret": secret}, ""
    by_name = {operation.name: operation for operation in contract.operations}
    names = [str(name) for name in form.getlist("op") if str(name) in by_name]
    operations = (given["all"],) if given["all"] in ("*", "**") else tuple(names)
    draft = Draft(
        id=given["id"],
        kind="openapi",
        name=given["name"] or contract.title,
        operations=operations,
        base_url=given["base_url"],
        contract=made.file.name,
        auth=auth,
        policies=_policies(by_name, names, form),
        networks=tuple(given["networks"].replace("，", " ").replace(",", " ").split()),
    )
    return draft, secret if auth["kind"] != "none" else ""


def _auth(kind: str, form: FormData) -> dict[str, Any]:
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


def _policies(operations: dict[str, Operation], names: list[str], form: FormData) -> dict[str, dict[str, str]]:
    """Return the risks that somebody has set, where they differ from our guess."""
    said = {name: str(form.get(f"risk.{name}", "")) for name in names}
    return {name: {"risk": risk} for name, risk in said.items() if risk in RISKS and risk != operations[name].risk}
