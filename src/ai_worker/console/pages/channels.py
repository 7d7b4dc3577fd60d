"""The channels: how each is doing, trying one out, and how to connect another."""

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ai_worker.channels.manifest import SetupGuide
from ai_worker.console import guides
from ai_worker.console.channels import ChannelNames
from ai_worker.console.conditions import condition
from ai_worker.console.connections import Connections
from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.session import Session
from ai_worker.console.words import Words
from ai_worker.conversation.conversation import State
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import NotFound


class NoSuchGuide(NotFound):
    """No platform offers a channel of this kind."""

    code = "console.no_such_guide"


class ChannelsPage:
    """Serves `/channels`, its parts, the guides, and what people do with a channel."""

    def __init__(
        self,
        *,
        frame: Frame,
        connections: Connections,
        conversations: ConversationStore,
        setup: Mapping[str, SetupGuide],
        names: ChannelNames,
        api_port: int,
        clock: Clock,
    ) -> None:
        """Prepare.

        Args:
            frame: Renders.
            connections: The channels.
            conversations: Asked how many wait for a person.
            setup: How each kind is connected.
            names: What kinds are called.
            api_port: Where platforms call, unless a proxy stands before it.
            clock: Tells the time.
        """
        self._frame = frame
        self._connections = connections
        self._conversations = conversations
        self._setup = setup
        self._names = names
        self._api_port = api_port
        self._clock = clock

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind `guard`."""
        one = "/channels/{name}"
        return [
            Route("/channels", guard(self._page), methods=["GET"]),
            Route("/parts/channels", guard(self._part), methods=["GET"]),
            Route("/channels/add", guard(self._kinds), methods=["GET"]),
            Route("/channels/add/{kind}", guard(self._guide), methods=["GET"]),
            Route("/parts/channels/add/{kind}", guard(self._guide_part), methods=["GET"]),
            Route(f"{one}/resume", guard(self._resume), methods=["POST"]),
            Route(f"{one}/probe", guard(self._probe), methods=["POST"]),
            Route(f"{one}/test", guard(self._test), methods=["POST"]),
        ]

    async def _page(self, request: Request, session: Session) -> Response:
        context = await self._context(self._frame.words(request))
        return await self._frame.page(request, session, "channels.html", nav="channels", **context)

    async def _part(self, request: Request, session: Session) -> Response:
        context = await self._context(self._frame.words(request))
        known = request.query_params.get("known", "")
        return self._frame.part(request, session, "parts/channels_now.html", same=known == context["known"], **context)

    async def _kinds(self, request: Request, session: Session) -> Response:
        t = self._frame.words(request)
        platforms: dict[str, list[SetupGuide]] = {}
        for guide in self._setup.values():
            platforms.setdefault(guide.platform[t.language], []).append(guide)
        marks = {guide.kind: self._names.mark_of(t, guide.kind) for guide in self._setup.values()}
        return await self._frame.page(
            request, session, "channel_kinds.html", nav="channels", platforms=platforms, marks=marks
        )

    async def _guide(self, request: Request, session: Session) -> Response:
        t = self._frame.words(request)
        context = await self._guide_context(request, t)
        return await self._frame.page(request, session, "channel_guide.html", nav="channels", **context)

    async def _guide_part(self, request: Request, session: Session) -> Response:
        context = await self._guide_context(request, self._frame.words(request))
        waiting = (await self._conversations.counts()).get(State.WAITING, 0)
        return self._frame.part(request, session, "parts/guide_now.html", waiting=waiting, **context)

    async def _resume(self, request: Request, session: Session) -> Response:
        name = request.path_params["name"]
        await self._connections.resume(name)
        return await self._said(request, session, name, self._frame.words(request)("channels.resumed"), good=True)

    async def _probe(self, request: Request, session: Session) -> Response:
        t, name = self._frame.words(request), request.path_params["name"]
        probe = await self._connections.probe(name)
        detail = condition(t, probe.detail)
        if probe.ok:
            said = t("channels.probe_good")
        else:
            said = t("channels.probe_bad", detail=detail, fix=probe.fix or t("channels.remedy_probe"))
        return await self._said(request, session, name, said, good=probe.ok)

    async def _test(self, request: Request, session: Session) -> Response:
        t, name = self._frame.words(request), request.path_params["name"]
        to = str((await request.form()).get("to", "")).strip()
        card = await self._connections.card(t, name)
        if card.names_contact and not to:
            return await self._said(request, session, name, t("channels.test_to_whom"), good=False)
        sent = await self._connections.send(name, to, t("channels.test_words"))
        said = t(f"channels.test_{sent.state}", detail=condition(t, sent.detail))
        return await self._said(request, session, name, said, good=sent.state != "failed")

    async def _said(self, request: Request, session: Session, name: str, said: str, *, good: bool) -> Response:
        """Answer what was done: in place, or with the page it was done on."""
        t = self._frame.words(request)
        back = request.query_params.get("back", "")
        told: dict[str, Any] = {"said_of": name, "said": said, "good": good}
        if "hx-request" in request.headers:
            return self._frame.part(request, session, "parts/channel_said.html", **told)
        if back in self._setup:
            return RedirectResponse(f"/channels/add/{back}?name={name}", 303)
        context = await self._context(t) | told
        return await self._frame.page(request, session, "channels.html", nav="channels", **context)

    async def _context(self, t: Words) -> dict[str, Any]:
        cards = await self._connections.cards(t)
        return {
            "cards": cards,
            "known": " ".join(f"{card.name}:{card.kind}" for card in cards),
            "waiting": (await self._conversations.counts()).get(State.WAITING, 0),
            "said_of": "",
            "said": "",
            "good": True,
        }

    async def _guide_context(self, request: Request, t: Words) -> dict[str, Any]:
        guide = self._setup.get(request.path_params["kind"])
        if guide is None:
            raise NoSuchGuide("no platform offers a channel of this kind")
        default_url = f"http://{request.url.hostname or '127.0.0.1'}:{self._api_port}"
        chosen = guides.asked(guide, request.query_params, default_url=default_url)
        running = self._connections.find(chosen.name, guide.kind) is not None
        proved = await self._connections.proofs(chosen.name) if running else {}
        health = await self._connections.health(chosen.name) if running else None
        return {
            "guide": guide,
            "title": guide.name[t.language],
            "asked": chosen,
            "options": guides.options(guide),
            "rows": guides.rows(t, guide, chosen, proved, health, now=self._clock.now()),
            "snippet": guides.snippet(t, guide, chosen),
            "running": running,
            "kind": guide.kind,
            "said_of": "",
            "said": "",
            "good": True,
        }
