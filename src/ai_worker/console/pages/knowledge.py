"""The knowledge: what there is, trying a question, bringing documents, and what somebody should look at."""

from typing import Any

import structlog
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ai_worker.console import knowledge
from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.knowledge import Row
from ai_worker.console.session import Session
from ai_worker.console.shelf import Shelf
from ai_worker.console.words import Words
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.text import clean, shorten
from ai_worker.knowledge.archive import Version
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.retrieve import EVERYTHING, Reader
from ai_worker.knowledge.sources import SourceState

TABS = ("documents", "entries", "review", "twins", "sources", "removed")
LISTED = 100
PAGE = 500
CANDIDATES = 5
LONGEST_QUESTION = 500
FILES = 200
UPLOAD_BYTES = 200_000_000
"""Of one request; a document may have a quarter of it."""

log = structlog.get_logger(__name__)


class KnowledgePage:
    """Serves `/knowledge` with its lists, the trial, and the upload."""

    def __init__(self, *, frame: Frame, shelf: Shelf, clock: Clock) -> None:
        self._frame = frame
        self._shelf = shelf
        self._clock = clock

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind `guard`."""
        return [
            Route("/knowledge", guard(self._page), methods=["GET"]),
            Route("/parts/knowledge", guard(self._part), methods=["GET"]),
            Route("/knowledge/try", guard(self._try), methods=["POST"]),
            Route("/knowledge/sync", guard(self._sync), methods=["POST"]),
            Route("/knowledge/upload", guard(self._upload), methods=["POST"], max_body_size=UPLOAD_BYTES),
        ]

    async def _page(self, request: Request, session: Session) -> Response:
        context = await self._context(request)
        return await self._frame.page(request, session, "knowledge.html", nav="knowledge", **context)

    async def _part(self, request: Request, session: Session) -> Response:
        return self._frame.part(request, session, "parts/knowledge_list.html", **await self._context(request))

    async def _try(self, request: Request, session: Session) -> Response:
        form = await request.form()
        question = shorten(clean(str(form.get("text", ""))), LONGEST_QUESTION)
        department = clean(str(form.get("department", "")))
        base = clean(str(form.get("base", "")))
        reader = Reader(department) if department else EVERYTHING
        tried: dict[str, Any] = {
            "question": question,
            "department": department,
            "in_base": base,
            "candidates": self._tried(question, base, reader),
        }
        if "hx-request" in request.headers:
            return self._frame.part(request, session, "parts/knowledge_tried.html", **tried)
        context = await self._context(request) | tried
        return await self._frame.page(request, session, "knowledge.html", nav="knowledge", **context)

    def _tried(self, question: str, base: str, reader: Reader) -> list[knowledge.Candidate]:
        found = self._shelf.library.search(question, bases=[base or "*"], limit=CANDIDATES, reader=reader)
        return [knowledge.candidate(scored, self._shelf.thresholds.of(scored.passage.base)) for scored in found]

    async def _upload(self, request: Request, session: Session) -> Response:
        t = self._frame.words(request)
        async with request.form(max_files=FILES) as form:
            base = clean(str(form.get("base", ""))) or "default"
            parts = [part for part in form.getlist("file") if isinstance(part, UploadFile) and part.filename]
            by = self._frame.person(request, session)
            taken = [await self._shelf.take(t, part.filename or "", await part.read(), base, by) for part in parts]
        context = await self._context(request) | {"taken": taken}
        if "hx-request" in request.headers:
            return self._frame.part(request, session, "parts/knowledge_uploaded.html", **context)
        return await self._frame.page(request, session, "knowledge.html", nav="knowledge", **context)

    async def _sync(self, request: Request, session: Session) -> Response:
        name = str((await request.form()).get("source", ""))
        await self._shelf.sources.hurry(name, self._clock.now())
        log.info("console.source_hurried", source=name, by=self._frame.person(request, session))
        return RedirectResponse("/knowledge?tab=sources&said=hurried", 303)

    async def _context(self, request: Request) -> dict[str, Any]:
        t, asked = self._frame.words(request), request.query_params
        documents = await self._shelf.documents()
        tab = asked.get("tab", "")
        if tab not in TABS:
            tab = "documents"
        words, base, state = (clean(asked.get(name, "")) for name in ("words", "base", "state"))
        due = await self._shelf.curator.due()
        context: dict[str, Any] = {
            "tab": tab,
            "tabs": TABS,
            "words": words,
            "base": base,
            "state": state,
            "bases": sorted({document.base for document in documents}),
            "empty": not documents,
            "passages": sum(document.passages for document in documents),
            "documents": len(documents),
            "due": due,
            "rows": [],
            "twins": [],
            "removed": [],
            "sources": [],
            "has_sources": bool(self._shelf.source_names),
            "more": False,
            "said": asked.get("said", ""),
            "undo": asked.get("undo", ""),
            "question": "",
            "department": "",
            "in_base": "",
            "candidates": None,
            "taken": [],
        }
        return context | await self._listed(t, tab, words, base, state)

    async def _listed(self, t: Words, tab: str, words: str, base: str, state: str) -> dict[str, Any]:
        now = self._clock.now()
        if tab == "twins":
            return {"twins": [twins for twins in await self._shelf.twins() if base in ("", twins.one.base)]}
        if tab == "removed":
            return {"removed": [(version, self._gone(t, version)) for version in await self._shelf.removed(LISTED)]}
        if tab == "sources":
            return {"sources": [self._source(t, name, state) for name, state in await self._shelf.standing()]}
        if tab == "review":
            return {}
        if tab == "entries":
            rows = [knowledge.entry_row(t, passage, now) for passage in await self._entries(base, words, state)]
        else:
            rows = [knowledge.document_row(t, document, now) for document in await self._shelf.documents()]
            rows = [row for row in rows if base in ("", row.thing.base) and knowledge.fits(row, words)]
        rows = [row for row in rows if state in ("", row.state)]
        return {"rows": rows[:LISTED], "more": len(rows) > LISTED}

    def _source(self, t: Words, name: str, state: SourceState | None) -> dict[str, Any]:
        """Return how one source stands, as its line in the list tells."""
        now = self._clock.now()
        told: dict[str, Any] = {"name": name, "report": None, "ran": "", "due": "", "failed": []}
        if state is None:
            return told
        report = state.report
        failed = [f"{one.document} · {knowledge.refusal_words(t, one.code, one.reason, '')}" for one in report.failed]
        if report.code:
            failed = [knowledge.refusal_words(t, report.code, report.error, "")]
        due = t("knowledge.due_now") if state.due_at <= now else t.moment(state.due_at, now)
        return {**told, "report": report, "ran": t.ago(state.ran_at, now), "due": due, "failed": failed}

    async def _entries(self, base: str, words: str, state: str) -> list[Passage]:
        """Return the first entries that fit, one more than are listed; how one stands only the clock knows."""
        found: list[Passage] = []
        after: tuple[str, str] | None = None
        while len(found) <= LISTED:
            page = await self._shelf.curator.archive.entries(base=base, words=words, after=after, limit=PAGE)
            now = self._clock.now()
            found += [one for one in page if state in ("", knowledge.state_of(one.keeping, now))]
            if len(page) < PAGE:
                break
            after = page[-1].base, page[-1].id
        return found[: LISTED + 1]

    def _gone(self, t: Words, version: Version) -> Row:
        when = t.ago(version.at, self._clock.now())
        return Row(
            version.thing, version.title, "", "over", "", (), version.by, when, f"/knowledge/version/{version.number}"
        )
