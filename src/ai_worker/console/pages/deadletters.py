"""The dead letters: what was given up, and deciding about it."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ai_worker.console import letters
from ai_worker.console.channels import ChannelNames
from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.letters import Letters
from ai_worker.console.session import Session
from ai_worker.conversation.conversation import State
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.deadletter import DeadLetter

LIST_LIMIT = 100

Change = Callable[[str], Awaitable[DeadLetter]]
"""Something that is done to a dead letter, by its id."""


class DeadLettersPage:
    """Serves `/deadletters`, its parts, and what people do there."""

    def __init__(
        self, *, frame: Frame, desk: Letters, conversations: ConversationStore, names: ChannelNames, clock: Clock
    ) -> None:
        self._frame = frame
        self._desk = desk
        self._conversations = conversations
        self._names = names
        self._clock = clock

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind `guard`."""
        one = "/deadletters/{id}"
        return [
            Route("/deadletters", guard(self._page), methods=["GET"]),
            Route("/parts/deadletters", guard(self._part), methods=["GET"]),
            Route(f"{one}/retry", guard(self._act(self._desk.retry, "letters.retried")), methods=["POST"]),
            Route(f"{one}/drop", guard(self._act(self._desk.drop, "letters.dropped")), methods=["POST"]),
        ]

    async def _page(self, request: Request, session: Session) -> Response:
        context = await self._context(request)
        return await self._frame.page(request, session, "deadletters.html", nav="deadletters", **context)

    async def _part(self, request: Request, session: Session) -> Response:
        context = await self._context(request)
        return self._frame.part(request, session, "parts/letters.html", said="", **context)

    def _act(self, change: Change, told: str) -> Callable[[Request, Session], Awaitable[Response]]:
        async def act(request: Request, session: Session) -> Response:
            letter = await change(request.path_params["id"])
            if "hx-request" not in request.headers:
                return RedirectResponse("/deadletters", 303)
            t = self._frame.words(request)
            context = await self._context(request)
            said = t(told, name=letters.contact_name(t, letter))
            return self._frame.part(request, session, "parts/letters.html", said=said, **context)

        return act

    async def _context(self, request: Request) -> dict[str, Any]:
        t, asking = self._frame.words(request), request.query_params.get("drop", "")
        found = await self._desk.newest(LIST_LIMIT)
        return {
            "rows": letters.rows(t, found, asking=asking, names=self._names, now=self._clock.now()),
            "asking": asking,
            "letters": await self._desk.count(),
            "waiting": (await self._conversations.counts()).get(State.WAITING, 0),
        }
