"""The business systems: how each is doing, what it offers, and trying it out."""

import json
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ai_worker.connectors.connection import NoCheck
from ai_worker.connectors.contract import Preview
from ai_worker.console.arguments import ArgumentUnreadable, fields_of, filled
from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.session import Session
from ai_worker.console.system_cards import tool_row
from ai_worker.console.systems import SystemDesk
from ai_worker.console.words import Words
from ai_worker.conversation.conversation import State
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Denied, Misconfigured
from ai_worker.foundation.ids import new_id
from ai_worker.foundation.text import shorten
from ai_worker.skills.tool import Tool, ToolFailed

CALLS = 30
LONGEST_RESULT = 20_000
"""Characters of a result that are shown."""

log = structlog.get_logger(__name__)


class WritesNotFromHere(Denied):
    """A tool that changes something is not called from the page where tools are tried out."""

    code = "console.writes_not_from_here"


class ConnectorsPage:
    """Serves `/connectors`, the page of each, its tools, and what people do there."""

    def __init__(self, *, frame: Frame, desk: SystemDesk, conversations: ConversationStore, clock: Clock) -> None:
        self._frame = frame
        self._desk = desk
        self._conversations = conversations
        self._clock = clock

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind `guard`; those of imports have to stand before them."""
        one = "/connectors/{id}"
        return [
            Route("/connectors", guard(self._page), methods=["GET"]),
            Route("/parts/connectors", guard(self._part), methods=["GET"]),
            Route("/connectors/restore", guard(self._restore), methods=["POST"]),
            Route(one, guard(self._one), methods=["GET"]),
            Route(f"{one}/check", guard(self._check), methods=["POST"]),
            Route(f"{one}/enable", guard(self._switch), methods=["POST"]),
            Route(f"{one}/disable", guard(self._switch), methods=["POST"]),
            Route(f"{one}/remove", guard(self._remove), methods=["POST"]),
            Route(f"{one}/tools/{{tool}}", guard(self._tool), methods=["GET"]),
            Route(f"{one}/tools/{{tool}}", guard(self._try), methods=["POST"]),
        ]

    async def _page(self, request: Request, session: Session) -> Response:
        context = await self._context(self._frame.words(request))
        context["undo"] = request.query_params.get("removed", "")
        return await self._frame.page(request, session, "connectors.html", nav="connectors", **context)

    async def _part(self, request: Request, session: Session) -> Response:
        context = await self._context(self._frame.words(request))
        same = request.query_params.get("known", "") == context["known"]
        waiting = (await self._conversations.counts()).get(State.WAITING, 0)
        return self._frame.part(request, session, "parts/connectors_now.html", same=same, waiting=waiting, **context)

    async def _one(self, request: Request, session: Session) -> Response:
        context = await self._one_context(request)
        return await self._frame.page(request, session, "connector.html", nav="connectors", **context)

    async def _check(self, request: Request, session: Session) -> Response:
        t, name = self._frame.words(request), request.path_params["id"]
        try:
            checked = await self._desk.check(name)
        except NoCheck:
            return await self._said(request, session, t("connectors.no_check"), good=False)
        if checked.code == "ok":
            said = t("connectors.checked", ms=t.number(checked.ms), detail=checked.detail)
        else:
            said = t("connectors.check_failed")
        return await self._said(request, session, said, good=checked.code == "ok")

    async def _switch(self, request: Request, session: Session) -> Response:
        t, name = self._frame.words(request), request.path_params["id"]
        enabled = request.url.path.endswith("/enable")
        try:
            await self._desk.switch(name, enabled=enabled)
        except Misconfigured as refused:
            return await self._said(request, session, t("connectors.not_switched", why=str(refused)), good=False)
        log.info("console.connector_switched", connector=name, on=enabled, by=self._frame.person(request, session))
        return RedirectResponse(f"/connectors/{name}", 303)

    async def _remove(self, request: Request, session: Session) -> Response:
        name = request.path_params["id"]
        await self._desk.remove(name)
        log.info("console.connector_removed", connector=name, by=self._frame.person(request, session))
        return RedirectResponse(f"/connectors?removed={name}", 303)

    async def _restore(self, request: Request, session: Session) -> Response:
        name = str((await request.form()).get("id", ""))
        await self._desk.restore(name)
        log.info("console.connector_restored", connector=name, by=self._frame.person(request, session))
        return RedirectResponse(f"/connectors/{name}", 303)

    async def _tool(self, request: Request, session: Session) -> Response:
        context = await self._tool_context(request)
        return await self._frame.page(request, session, "connector_tool.html", nav="connectors", **context)

    async def _try(self, request: Request, session: Session) -> Response:
        t, form = self._frame.words(request), await request.form()
        tool = self._desk.tool(request.path_params["id"], request.path_params["tool"])
        calls = form.get("act") == "call"
        if calls and tool.acts:
            raise WritesNotFromHere(f"{tool.name} changes something")
        values = {field.key: str(form.get(field.key, "")) for field in fields_of(tool.parameters)}
        try:
            arguments = filled(tool.parameters, values)
            shown: dict[str, Any] = {"preview": self._desk.folder.hub.preview(tool.name, arguments)}
            if calls:
                shown |= await self._called(request, session, tool, arguments)
        except ArgumentUnreadable as error:
            shown = {"problem": t("connectors.argument_unreadable", name=error.name), "code": error.code}
        except ToolFailed as error:
            shown = {"problem": str(error), "code": error.code}
        shown = {"preview": None, "result": None, "problem": "", "code": "", "ms": 0.0, "source": "", **shown}
        if "hx-request" in request.headers:
            return self._frame.part(request, session, "parts/connector_shown.html", **shown)
        context = await self._tool_context(request) | {"values": values, "shown": True, **shown}
        return await self._frame.page(request, session, "connector_tool.html", nav="connectors", **context)

    async def _called(
        self, request: Request, session: Session, tool: Tool, arguments: dict[str, Any]
    ) -> dict[str, Any]:
        """Call a tool that only reads, because a person asks."""
        person = self._frame.person(request, session)
        log.info("console.tool_called", tool=tool.name, by=person)
        began = self._clock.monotonic()
        result = await self._desk.folder.hub.call(
            tool.name, arguments, idempotency_key=new_id("console"), by=f"console/{person}"
        )
        text = json.dumps(result.data, ensure_ascii=False, indent=2)
        return {
            "result": shorten(text, LONGEST_RESULT) if len(text) > LONGEST_RESULT else text,
            "source": result.source,
            "ms": (self._clock.monotonic() - began) * 1000,
        }

    async def _said(self, request: Request, session: Session, said: str, *, good: bool) -> Response:
        """Answer what was done: in place, or with the page of the system."""
        name = request.path_params["id"]
        told: dict[str, Any] = {"said_of": name, "said": said, "good": good}
        if "hx-request" in request.headers:
            card = await self._desk.card(self._frame.words(request), name)
            return self._frame.part(request, session, "parts/connector_said.html", card=card, **told)
        context = await self._one_context(request) | told
        return await self._frame.page(request, session, "connector.html", nav="connectors", **context)

    async def _context(self, t: Words) -> dict[str, Any]:
        cards = await self._desk.cards(t)
        return {
            "cards": cards,
            "known": " ".join(f"{card.id}:{card.file is not None}:{card.state == 'off'}" for card in cards),
            **_silent(),
        }

    async def _one_context(self, request: Request) -> dict[str, Any]:
        t, name = self._frame.words(request), request.path_params["id"]
        return {
            "card": await self._desk.card(t, name),
            "tools": self._desk.tools(name),
            "calls": await self._desk.history(name, CALLS),
            **_silent(),
        }

    async def _tool_context(self, request: Request) -> dict[str, Any]:
        t, name = self._frame.words(request), request.path_params["id"]
        tool = self._desk.tool(name, request.path_params["tool"])
        nothing: Preview | None = None
        return {
            "card": await self._desk.card(t, name),
            "tool": tool,
            "row": tool_row(tool),
            "fields": fields_of(tool.parameters),
            "values": {},
            "shown": False,
            "preview": nothing,
            "result": None,
            "problem": "",
            "code": "",
            "ms": 0.0,
            "source": "",
        }


def _silent() -> dict[str, Any]:
    return {"said_of": "", "said": "", "good": True}
