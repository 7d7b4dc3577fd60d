"""Connecting a business system: upload its contract or ask it, look, choose, save."""

from collections import Counter
from dataclasses import replace
from typing import Any

import structlog
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ai_worker.connectors.adding import AddIncomplete, kind_named, options_of
from ai_worker.connectors.catalogue import reading
from ai_worker.connectors.catalogue.reading import SystemUnknown
from ai_worker.connectors.catalogue.system import System
from ai_worker.connectors.contract import ConnectorRefused
from ai_worker.connectors.draft import Draft
from ai_worker.connectors.editing import ConnectorExists
from ai_worker.connectors.operation import Contract
from ai_worker.console import drafts
from ai_worker.console.catalogue import CatalogueDesk, auth_of
from ai_worker.console.drafts import AUTHS, RISKS
from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.imports import OPENAPI, Import, Imports
from ai_worker.console.option_fields import OFFERED, option_fields, secret_of
from ai_worker.console.session import Session
from ai_worker.console.systems import SystemDesk
from ai_worker.console.words import Words
from ai_worker.conversation.conversation import State
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.errors import AiWorkerError, Misconfigured
from ai_worker.foundation.secret import Secret
from ai_worker.foundation.text import clean

UPLOAD_BYTES = 21 * 1024 * 1024
"""The largest contract that is compiled, and what a form adds."""

LISTED = 300
"""Operations that are chosen one by one; of a larger contract the rest is taken by `*` and `**` alone."""

UPLOADED = "openapi"
"""The kind whose contract somebody brings; the others are asked, or need none."""

WITHOUT_ADDRESS = ("sql", "ldap")
"""Kinds whose address stands in their options."""

log = structlog.get_logger(__name__)


class ConnectorImportsPage:
    """Serves `/connectors/add` and what follows."""

    def __init__(
        self,
        *,
        frame: Frame,
        desk: SystemDesk,
        imports: Imports,
        catalogue: CatalogueDesk,
        conversations: ConversationStore,
    ) -> None:
        self._frame = frame
        self._desk = desk
        self._imports = imports
        self._catalogue = catalogue
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
        system = _system(request.query_params.get("system", ""))
        kind = request.query_params.get("kind", "")
        if kind not in OFFERED:
            kind = (await self._catalogue.show(system.id)).kind if system is not None else UPLOADED
        return await self._form(request, session, kind or UPLOADED, system)

    async def _form(
        self,
        request: Request,
        session: Session,
        kind: str,
        system: System | None,
        *,
        given: dict[str, str] | None = None,
        refused: str = "",
    ) -> Response:
        t = self._frame.words(request)
        return await self._frame.page(
            request,
            session,
            "connector_add.html",
            nav="connectors",
            status=422 if refused else 200,
            kind=kind,
            kinds=OFFERED,
            uploaded=kind == UPLOADED,
            asks=kind_named(kind).fetch is not None,
            addressed=kind not in WITHOUT_ADDRESS,
            with_auth=not secret_of(kind),
            fields=option_fields(kind),
            auths=AUTHS,
            system=system,
            system_name="" if system is None else system.en if t.language == "en" else system.zh,
            given=given or {},
            suggested={"auth": (auth_of(system) if system is not None else "") or "none"},
            refused=refused,
        )

    async def _take(self, request: Request, session: Session) -> Response:
        form, t = await request.form(), self._frame.words(request)
        system, kind = _system(str(form.get("system", ""))), str(form.get("kind", UPLOADED))
        known = system.id if system is not None else ""
        if kind in OFFERED and kind != UPLOADED:
            return await self._ask(request, session, kind, form, system)
        part = form.get("file")
        if not isinstance(part, UploadFile) or not part.filename:
            return await self._form(request, session, UPLOADED, system, refused=t("connectors.upload_missing"))
        made = await self._imports.begin(part.filename, await part.read(), draft=replace(OPENAPI, catalogue=known))
        return RedirectResponse(f"/connectors/add/{made.token}", 303)

    async def _ask(
        self, request: Request, session: Session, kind: str, form: FormData, system: System | None
    ) -> Response:
        """Ask a system for its contract, because somebody has pressed the button for it."""
        draft, secret = drafts.asking_draft(kind, form, system.id if system is not None else "")
        option, resolve = secret_of(kind), self._desk.bench.resolve
        whole = draft.with_secret(secret.reveal(), option) if secret else draft
        try:
            options = options_of(kind_named(kind), whole.options, resolve)
        except AddIncomplete as incomplete:
            given = {name: str(value) for name, value in form.items() if name not in ("secret", f"option.{option}")}
            return await self._form(
                request, session, kind, system, given=given, refused=_in_words(self._frame.words(request), incomplete)
            )
        log.info("console.system_asked", kind=kind, by=self._frame.person(request, session))
        made = await self._imports.ask(
            draft, options, secret, option=option, ask=lambda one, into: self._desk.ask(one, into=into)
        )
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
            await self._desk.install(draft, made.file, secret=secret.reveal(), language=t.language, option=made.option)
        except ConnectorExists:
            refused = t("connectors.exists", id=draft.id)
        except ConnectorRefused as error:
            refused = t("connectors.not_saved", why=error.reason)
        except Misconfigured as error:
            refused = t("connectors.not_saved", why=_in_words(t, error))
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
            "kind": made.draft.kind,
            "uploaded": made.draft.kind == UPLOADED,
            "contract": contract,
            "problem": made.problem,
            "code": made.code,
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
            "suggested": drafts.suggested(contract, _system(made.draft.catalogue)),
        }


def _system(identity: str) -> System | None:
    try:
        return reading.system(identity) if identity else None
    except SystemUnknown:
        return None


def _counted(contract: Contract) -> Counter[str]:
    return Counter[str](one.risk for one in contract.operations)


def _draft(made: Import, contract: Contract, form: FormData) -> tuple[Draft, Secret]:
    """Return what somebody has chosen, and the secret that they typed in."""
    given = {name: clean(str(form.get(name, ""))) for name in ("id", "name", "base_url", "auth", "all")}
    by_name = {operation.name: operation for operation in contract.operations}
    names = [str(name) for name in form.getlist("op") if str(name) in by_name]
    draft = replace(
        made.draft,
        id=given["id"],
        name=given["name"] or contract.title,
        operations=(given["all"],) if given["all"] in ("*", "**") else tuple(names),
        contract=made.file.name if made.file is not None else "",
        policies=drafts.policies_told(by_name, names, form),
    )
    if made.draft.kind != UPLOADED:
        return draft, made.secret
    secret = str(form.get("secret", "")).strip()
    auth = drafts.auth_told(given["auth"], form)
    if secret.startswith(drafts.REFERENCES):
        auth, secret = {**auth, "secret": secret}, ""
    draft = replace(draft, base_url=given["base_url"], auth=auth, networks=drafts.networks_told(form))
    return draft, Secret(secret if auth["kind"] != "none" else "")


def _in_words(t: Words, error: AiWorkerError) -> str:
    """Return what an error says and what was seen, in one line."""
    told = t.error(error.code, str(error))
    return f"{told.words} {told.detail}".rstrip()
