"""The approvals: what waits for somebody's word before it is done, and what became of the latest."""

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ai_worker.console.channels import ChannelNames
from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.session import Session
from ai_worker.console.words import Words
from ai_worker.conversation.duty import Duty
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.text import clean, fold, shorten
from ai_worker.skills.approval import Approval, ApprovalRefused, ApprovalStore
from ai_worker.skills.tool import Asker

WAITING, LATEST = 100, 30

LATE = ("expired", "replaced", "used", "approved", "refused", "changed", "own")
"""Why a word was not taken."""


class ApprovalsPage:
    """Serves `/approvals` and takes the word of whoever is signed in."""

    def __init__(self, *, frame: Frame, store: ApprovalStore, names: ChannelNames, duty: Duty, clock: Clock) -> None:
        self._frame = frame
        self._store = store
        self._names = names
        self._duty = duty
        self._clock = clock

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind `guard`."""
        return [
            Route("/approvals", guard(self._page), methods=["GET"]),
            Route("/parts/approvals", guard(self._part), methods=["GET"]),
            Route("/approvals/{id}", guard(self._decide), methods=["POST"]),
        ]

    async def _page(self, request: Request, session: Session) -> Response:
        t = self._frame.words(request)
        context = await self._context(t)
        return await self._frame.page(
            request, session, "approvals.html", nav="approvals", said=_said(t, request), **context
        )

    async def _part(self, request: Request, session: Session) -> Response:
        context = await self._context(self._frame.words(request))
        return self._frame.part(request, session, "parts/approvals.html", **context)

    async def _decide(self, request: Request, session: Session) -> Response:
        """Take a word for what the form showed: its digest comes back with it."""
        form = await request.form()
        yes, digest = form.get("word") == "approve", str(form.get("digest", ""))
        by = self._frame.person(request, session)
        approval_id = request.path_params["id"]
        standing = await self._store.get(approval_id, self._clock.now())
        if standing is None or standing.approved_by != "colleague":
            return _back("late", "changed")
        if yes and self._is_own(by, standing.asker):
            return _back("late", "own")
        try:
            decided = await self._store.decide(approval_id, digest=digest, by=by, yes=yes, now=self._clock.now())
        except ApprovalRefused as refused:
            return _back("late", refused.state or "changed")
        return _back("approved" if yes else "refused", decided.title)

    def _is_own(self, name: str, asker: Asker) -> bool:
        """Return whether whoever is signed in goes by the name of the one who asked: then somebody else decides."""
        same = bool(asker.name) and fold(name) == fold(asker.name)
        return same or self._duty.goes_by(name, asker.channel, asker.id)

    async def _context(self, t: Words) -> dict[str, Any]:
        now = self._clock.now()
        waiting = await self._store.waiting(now, limit=WAITING)
        open_ones = {one.id for one in waiting}

        def minutes(approval: Approval) -> int:
            return max(1, int((approval.expires_at - now).total_seconds() // 60))

        return {
            "mine": [one for one in waiting if one.approved_by == "colleague"],
            "theirs": [one for one in waiting if one.approved_by == "asker"],
            "latest": [one for one in await self._store.latest(now, limit=LATEST) if one.id not in open_ones],
            "channel_of": lambda approval: self._names.title(t, approval.asker.channel),
            "minutes": minutes,
            "moment": lambda at: t.moment(at, now),
        }


def _said(t: Words, request: Request) -> str:
    """Return what was done just now, as the address tells."""
    asked = request.query_params
    if state := asked.get("late"):
        known = state if state in LATE else "changed"
        return t("approvals.late", why=t(f"approvals.state_{known}"))
    done = next((key for key in ("approved", "refused") if asked.get(key)), "")
    return t(f"approvals.done_{done}", title=shorten(clean(asked[done]), 60)) if done else ""


def _back(key: str, value: str) -> Response:
    return RedirectResponse(f"/approvals?{urlencode({key: value})}", 303)
