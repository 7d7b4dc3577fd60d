"""The skills: what the worker knows how to deal with, what is wrong with it, how it scored; and trying one out."""

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.session import Session
from ai_worker.console.skills import SkillDesk
from ai_worker.conversation.skill_trial import SkillTrial
from ai_worker.foundation.text import clean

QUESTION = 500
"""Characters of a question that are asked."""

log = structlog.get_logger(__name__)


class SkillsPage:
    """Serves `/skills`, and the page of each where it is tried out."""

    def __init__(self, *, frame: Frame, desk: SkillDesk) -> None:
        self._frame = frame
        self._desk = desk

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind `guard`."""
        return [
            Route("/skills", guard(self._page), methods=["GET"]),
            Route("/skills/{name}", guard(self._one), methods=["GET"]),
            Route("/skills/{name}", guard(self._try), methods=["POST"]),
            Route("/skills/{name}/on", guard(self._switch), methods=["POST"]),
            Route("/skills/{name}/off", guard(self._switch), methods=["POST"]),
        ]

    async def _page(self, request: Request, session: Session) -> Response:
        cards, asked = await self._desk.cards(), request.query_params
        switched = next((card for card in cards if card.skill.name == (asked.get("on") or asked.get("off"))), None)
        return await self._frame.page(
            request,
            session,
            "skills.html",
            nav="skills",
            cards=cards,
            refused=self._desk.refused(),
            folder=self._desk.folder,
            switched=switched,
        )

    async def _switch(self, request: Request, session: Session) -> Response:
        name, on = request.path_params["name"], request.url.path.endswith("/on")
        await self._desk.switch(name, on=on)
        log.info("console.skill_switched", skill=name, on=on, by=self._frame.person(request, session))
        return RedirectResponse(f"/skills?{'on' if on else 'off'}={name}", 303)

    async def _one(self, request: Request, session: Session) -> Response:
        return await self._shown(request, session, question="", trial=None)

    async def _try(self, request: Request, session: Session) -> Response:
        form, name = await request.form(), request.path_params["name"]
        question = clean(str(form.get("question", ""))).strip()[:QUESTION]
        trial = None
        if question:
            log.info("console.skill_tried", skill=name, by=self._frame.person(request, session))
            trial = await self._desk.try_out(name, question, offline="offline" in form)
        return await self._shown(request, session, question=question, trial=trial, offline="offline" in form)

    async def _shown(
        self, request: Request, session: Session, *, question: str, trial: SkillTrial | None, offline: bool = False
    ) -> Response:
        return await self._frame.page(
            request,
            session,
            "skill.html",
            nav="skills",
            card=await self._desk.card(request.path_params["name"]),
            may_try=self._desk.may_try,
            question=question,
            trial=trial,
            offline=offline,
        )
