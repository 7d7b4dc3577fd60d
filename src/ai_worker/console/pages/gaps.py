"""The gaps: what nothing answered well, answering it, and whether the golden questions still hold."""

import asyncio
from typing import Any
from urllib.parse import urlencode

import structlog
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.session import Session
from ai_worker.console.words import Words
from ai_worker.conversation.evaluation import Comparison, EvaluationStore, compare
from ai_worker.conversation.evaluator import Evaluator
from ai_worker.conversation.gap_desk import Draft, GapDesk
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import BadInput
from ai_worker.foundation.text import clean, shorten
from ai_worker.knowledge.gaps_csv import COLUMNS, gaps_csv
from ai_worker.knowledge.store import KnowledgeStore

SETTLED = 20
NAMED = 5
"""Golden questions that are named of those that an entry would make worse."""

BASE = "default"
MOST_NUMBERS = 200

log = structlog.get_logger(__name__)


class GapsPage:
    """Serves `/gaps` and what people do there."""

    def __init__(
        self,
        *,
        frame: Frame,
        desk: GapDesk,
        evaluator: Evaluator,
        evaluation: EvaluationStore,
        knowledge: KnowledgeStore,
        clock: Clock,
    ) -> None:
        self._frame = frame
        self._desk = desk
        self._evaluator = evaluator
        self._evaluation = evaluation
        self._knowledge = knowledge
        self._clock = clock

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind `guard`."""
        return [
            Route("/gaps", guard(self._page), methods=["GET"]),
            Route("/gaps.csv", guard(self._table), methods=["GET"]),
            Route("/gaps/answer", guard(self._form), methods=["GET"]),
            Route("/gaps/answer", guard(self._publish), methods=["POST"]),
            Route("/gaps/dismiss", guard(self._dismiss), methods=["POST"]),
            Route("/gaps/reopen", guard(self._reopen), methods=["POST"]),
            Route("/gaps/evaluate", guard(self._evaluate), methods=["POST"]),
        ]

    async def _page(self, request: Request, session: Session) -> Response:
        t, now = self._frame.words(request), self._clock.now()
        runs = await self._evaluation.runs(2)
        return await self._frame.page(
            request,
            session,
            "gaps.html",
            nav="gaps",
            groups=await self._desk.open_groups(),
            settled=await self._desk.settled(SETTLED),
            golden=len(await self._evaluation.golden()),
            run=runs[0] if runs else None,
            change=compare(runs[1], runs[0]) if len(runs) > 1 else None,
            said=_said(t, request),
            undo=[number for number in request.query_params.getlist("undo") if number.isdigit()],
            moment=lambda at: t.moment(at, now),
            named=NAMED,
        )

    async def _table(self, request: Request, session: Session) -> Response:
        t, gaps = self._frame.words(request), await self._desk.open_gaps()
        heads = {column: t(f"gaps.csv_{column}") for column in (*COLUMNS, "unanswered", "disliked")}
        log.info("console.gaps_exported", gaps=len(gaps), by=self._frame.person(request, session))
        text = await asyncio.to_thread(gaps_csv, gaps, heads, t.zone)
        name = f"gaps-{self._clock.now().astimezone(t.zone):%Y-%m-%d}.csv"
        return Response(
            text.encode("utf-8"),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )

    async def _form(self, request: Request, session: Session) -> Response:
        group = await self._desk.group(_numbers(request.query_params.getlist("n")))
        draft = Draft(group.numbers, group.question, group.others, "", group.gaps[0].base or BASE)
        return await self._shown(request, session, draft)

    async def _shown(
        self, request: Request, session: Session, draft: Draft, *, refused: str = "", change: Comparison | None = None
    ) -> Response:
        bases = {document.base for document in await self._knowledge.documents()}
        return await self._frame.page(
            request,
            session,
            "gap_answer.html",
            nav="gaps",
            status=422 if refused else 200,
            group=await self._desk.group(draft.numbers),
            draft=draft,
            bases=sorted(bases | {BASE, draft.base}),
            refused=refused,
            change=change,
            named=NAMED,
        )

    async def _publish(self, request: Request, session: Session) -> Response:
        form = await request.form()
        draft = _draft(form)
        try:
            change = None if form.get("anyway") else await self._desk.check(draft)
            if change is not None and change.worse:
                return await self._shown(request, session, draft, change=change)
            await self._desk.publish(draft, by=self._frame.person(request, session))
        except BadInput as error:
            t = self._frame.words(request)
            key = "gaps.no_answer" if not draft.answer else "gaps.no_question" if not draft.question else ""
            return await self._shown(request, session, draft, refused=t(key) if key else str(error))
        return _back(answered=shorten(draft.question, 60))

    async def _dismiss(self, request: Request, session: Session) -> Response:
        numbers = _numbers((await request.form()).getlist("n"))
        group = await self._desk.dismiss(numbers, by=self._frame.person(request, session))
        return _back(dismissed=shorten(group.question, 60), undo=group.numbers)

    async def _reopen(self, request: Request, session: Session) -> Response:
        numbers = _numbers((await request.form()).getlist("n"))
        group = await self._desk.reopen(numbers, by=self._frame.person(request, session))
        return _back(reopened=shorten(group.question, 60))

    async def _evaluate(self, _request: Request, _session: Session) -> Response:
        await self._evaluator.run()
        return RedirectResponse("/gaps#golden", 303)


def _said(t: Words, request: Request) -> str:
    """Return what was done just now, as the address tells."""
    asked = request.query_params
    done = next((key for key in ("answered", "dismissed", "reopened") if asked.get(key)), "")
    return t(f"gaps.{done}", question=shorten(clean(asked[done]), 60)) if done else ""


def _back(**told: Any) -> Response:
    return RedirectResponse(f"/gaps?{urlencode(told, doseq=True)}", 303)


def _numbers(values: list[Any]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(int(value) for value in values[:MOST_NUMBERS] if str(value).isdigit()))


def _draft(form: FormData) -> Draft:
    """Return what was written; each line of the other wordings is one."""

    def words(name: str) -> str:
        return clean(str(form.get(name, ""))).strip()

    lines = [line.strip() for line in words("aliases").splitlines()]
    question = words("question")
    aliases = tuple(dict.fromkeys(line for line in lines if line and line != question))
    return Draft(_numbers(form.getlist("n")), question, aliases, words("answer"), words("base") or BASE)
