"""The catalogue: which business systems we know, what is proven of each, and the way to connect one."""

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ai_worker.connectors.catalogue.levels import LEVELS
from ai_worker.console.catalogue import CATEGORIES, CatalogueDesk, Found, Wanted
from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.session import Session
from ai_worker.console.words import Words
from ai_worker.foundation.text import clean

WORDS = 100
"""Characters of a search."""


class ConnectorCataloguePage:
    """Serves `/connectors/catalogue` and the page of each system."""

    def __init__(self, *, frame: Frame, desk: CatalogueDesk) -> None:
        self._frame = frame
        self._desk = desk

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind `guard`; they have to stand before those of connectors."""
        return [
            Route("/connectors/catalogue", guard(self._page), methods=["GET"]),
            Route("/connectors/catalogue/{id}", guard(self._one), methods=["GET"]),
        ]

    async def _page(self, request: Request, session: Session) -> Response:
        wanted = _wanted(request)
        found = await self._desk.find(wanted)
        return await self._frame.page(
            request,
            session,
            "connector_catalogue.html",
            nav="connectors",
            wanted=wanted,
            found=found,
            pages=_pages(wanted, found),
            categories=CATEGORIES,
            levels=LEVELS,
        )

    async def _one(self, request: Request, session: Session) -> Response:
        shown, t = await self._desk.show(request.path_params["id"]), self._frame.words(request)
        context: dict[str, Any] = {
            "shown": shown,
            "system": shown.row.system,
            "standing": shown.row.standing,
            "name": shown.row.name(t),
            "missing": [lack_of(t, lack) for lack in shown.row.standing.missing],
        }
        return await self._frame.page(request, session, "connector_system.html", nav="connectors", **context)


def lack_of(t: Words, lack: str) -> str:
    """Return what a system lacks for its next level, in the reader's words: `gateway_policy:setheader`."""
    name, _, detail = lack.partition(":")
    return t(f"systems.missing.{name}") + (f"{t('punctuation.colon')}{detail}" if detail else "")


def _wanted(request: Request) -> Wanted:
    asked = request.query_params
    category, level, page = asked.get("category", ""), asked.get("level", ""), asked.get("page", "1")
    return Wanted(
        clean(asked.get("q", "")).strip()[:WORDS],
        category if category in CATEGORIES else "",
        level if level in LEVELS else "",
        int(page) if page.isdecimal() and len(page) < 5 else 1,
    )


def _pages(wanted: Wanted, found: Found) -> dict[str, str]:
    """Return the addresses of the pages before and after; a page that there is none of is left out."""
    asked = {"q": wanted.words, "category": wanted.category, "level": wanted.level}
    beside = {"before": found.page - 1, "after": found.page + 1}
    return {
        name: f"/connectors/catalogue?{urlencode({**{k: v for k, v in asked.items() if v}, 'page': page})}"
        for name, page in beside.items()
        if 1 <= page <= found.pages
    }
