"""The skills: what the worker knows how to deal with, what is wrong with it, and how it scored."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.session import Session
from ai_worker.console.skills import SkillDesk


class SkillsPage:
    """Serves `/skills`."""

    def __init__(self, *, frame: Frame, desk: SkillDesk) -> None:
        self._frame = frame
        self._desk = desk

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind `guard`."""
        return [Route("/skills", guard(self._page), methods=["GET"])]

    async def _page(self, request: Request, session: Session) -> Response:
        cards = await self._desk.cards()
        return await self._frame.page(
            request,
            session,
            "skills.html",
            nav="skills",
            cards=cards,
            refused=self._desk.refused(),
            folder=self._desk.folder,
        )
