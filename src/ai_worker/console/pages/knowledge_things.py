"""One entry, one document, one version: looking at it, changing it, removing it and bringing it back."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ai_worker.console import knowledge
from ai_worker.console.frame import Frame
from ai_worker.console.guard import Guard
from ai_worker.console.session import Session
from ai_worker.console.shelf import Shelf
from ai_worker.console.words import Words
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import BadInput
from ai_worker.foundation.text import clean
from ai_worker.knowledge.archive import Kept, NoSuchThing, Thing
from ai_worker.knowledge.desk import Entry
from ai_worker.knowledge.keeping import OPEN
from ai_worker.knowledge.passage import ENTRIES

PASSAGES = 50
"""Passages of a document that its page shows."""

Act = Callable[[FormData, str], Awaitable[str]]
"""Something that is done on behalf of a person; returns where they are shown what came of it."""


class KnowledgeThingsPage:
    """Serves the pages of single entries, documents and versions."""

    def __init__(self, *, frame: Frame, shelf: Shelf, clock: Clock) -> None:
        self._frame = frame
        self._shelf = shelf
        self._curator = shelf.curator
        self._clock = clock

    def routes(self, guard: Guard) -> list[Route]:
        """Return the routes, each behind `guard`."""
        return [
            Route("/knowledge/new", guard(self._new), methods=["GET"]),
            Route("/knowledge/entry", guard(self._entry), methods=["GET"]),
            Route("/knowledge/entry", guard(self._save), methods=["POST"], max_body_size=1_000_000),
            Route("/knowledge/document", guard(self._document), methods=["GET"]),
            Route("/knowledge/document", guard(self._keep), methods=["POST"]),
            Route("/knowledge/version/{number:int}", guard(self._version), methods=["GET"]),
            Route("/knowledge/remove", guard(self._act(self._remove)), methods=["POST"]),
            Route("/knowledge/restore", guard(self._act(self._restore)), methods=["POST"]),
            Route("/knowledge/purge", guard(self._act(self._purge)), methods=["POST"]),
        ]

    async def _new(self, request: Request, session: Session) -> Response:
        asked = request.query_params
        entry = Entry("", clean(asked.get("question", "")), (), "")
        context = {"base": asked.get("base", "") or "default", "table": ENTRIES, "entry": entry, "new": True}
        return await self._editor(request, session, context)

    async def _entry(self, request: Request, session: Session) -> Response:
        base, id = _named(request)
        found = await self._curator.archive.entry(base, id)
        entry = Entry(found.id, found.title, found.aliases, found.text, found.keeping)
        return await self._editor(request, session, {"base": base, "table": found.document_id, "entry": entry})

    async def _save(self, request: Request, session: Session) -> Response:
        t, form = self._frame.words(request), await request.form()
        base = clean(str(form.get("base", ""))) or "default"
        table = clean(str(form.get("table", ""))) or ENTRIES
        entry = Entry("", "", (), "")
        try:
            entry = knowledge.entry_in(t, form)
            made = await self._curator.put(entry, base=base, table=table, by=self._frame.person(request, session))
        except BadInput as error:
            typed = Entry(
                clean(str(form.get("id", ""))),
                str(form.get("question", "")),
                tuple(str(form.get("aliases", "")).splitlines()),
                str(form.get("answer", "")),
                entry.keeping,
            )
            said = t(f"knowledge.refused.{error.code}") if t.has(f"knowledge.refused.{error.code}") else str(error)
            context = {"base": base, "table": table, "entry": typed, "new": not form.get("id"), "refused": said}
            context["fields"] = {name: str(form.get(name, "")) for name in knowledge.fields_of(t, OPEN)}
            return await self._editor(request, session, context, status=422)
        return RedirectResponse(f"{knowledge.path_of(Thing(base, 'entry', made.id))}&said=saved", 303)

    async def _document(self, request: Request, session: Session) -> Response:
        return await self._document_page(request, session, *_named(request))

    async def _keep(self, request: Request, session: Session) -> Response:
        t, form = self._frame.words(request), await request.form()
        base, id = str(form.get("base", "")), str(form.get("id", ""))
        try:
            keeping = knowledge.keeping_in(t, form)
        except BadInput as error:
            fields = {name: str(form.get(name, "")) for name in knowledge.fields_of(t, OPEN)}
            refused = t(f"knowledge.refused.{error.code}")
            return await self._document_page(request, session, base, id, 422, refused=refused, fields=fields)
        await self._curator.keep(base, id, keeping, by=self._frame.person(request, session))
        return RedirectResponse(f"{knowledge.path_of(Thing(base, 'document', id))}&said=kept", 303)

    async def _version(self, request: Request, session: Session) -> Response:
        version, kept = await self._curator.archive.version(request.path_params["number"])
        now = await self._now(version.thing)
        lines = knowledge.comparison(self._frame.words(request), kept, now) if now is not None else []
        context: dict[str, Any] = {"change": version, "kept": kept, "gone": now is None, "lines": lines}
        when = self._frame.words(request).moment(version.at, self._clock.now())
        path = knowledge.path_of(version.thing)
        differs = any(line.mark != "same" for line in lines)
        return await self._frame.page(
            *(request, session, "knowledge_version.html"),
            nav="knowledge",
            when=when,
            path=path,
            differs=differs,
            **context,
        )

    async def _now(self, thing: Thing) -> Kept | None:
        """Return the current state of a thing; `None` if it is gone."""
        archive = self._curator.archive
        try:
            if thing.kind == "entry":
                return Kept((await archive.entry(thing.base, thing.id),))
            document = await archive.document(thing.base, thing.id)
        except NoSuchThing:
            return None
        return Kept(tuple(await archive.passages(thing.base, thing.id, document.passages)), document)

    def _act(self, act: Act) -> Callable[[Request, Session], Awaitable[Response]]:
        async def answer(request: Request, session: Session) -> Response:
            path = await act(await request.form(), self._frame.person(request, session))
            return RedirectResponse(path, 303)

        return answer

    async def _remove(self, form: FormData, person: str) -> str:
        number = await self._curator.remove(_thing(form), by=person)
        back = {"tab": "entries"} if form.get("kind") == "entry" else {}
        return f"/knowledge?{urlencode({**back, 'said': 'removed', 'undo': number or ''})}"

    async def _restore(self, form: FormData, person: str) -> str:
        thing = await self._curator.restore(int(str(form.get("version", "0")) or 0), by=person)
        return f"{knowledge.path_of(thing)}&said=restored"

    async def _purge(self, form: FormData, person: str) -> str:
        await self._curator.purge([_thing(form)], by=person)
        return "/knowledge?tab=removed&said=purged"

    async def _editor(self, request: Request, session: Session, context: dict[str, Any], status: int = 200) -> Response:
        t, entry = self._frame.words(request), context["entry"]
        thing = Thing(context["base"], "entry", entry.id)
        twins = [] if context.get("new") else await self._alike(thing)
        around: dict[str, Any] = {
            "new": False,
            "refused": "",
            "said": request.query_params.get("said", ""),
            "fields": knowledge.fields_of(t, entry.keeping or OPEN),
            "of_file": context["table"] if context["table"] != ENTRIES else "",
            "state": knowledge.state_of(entry.keeping or OPEN, self._clock.now()),
            "versions": await self._versions(t, thing) if entry.id else [],
            "alike": twins,
        }
        return await self._frame.page(
            request, session, "knowledge_entry.html", nav="knowledge", status=status, **(around | context)
        )

    async def _document_page(
        self, request: Request, session: Session, base: str, id: str, status: int = 200, **more: object
    ) -> Response:
        t = self._frame.words(request)
        document = await self._curator.archive.document(base, id)
        thing = Thing(base, "document", id)
        context: dict[str, Any] = {
            "document": document,
            "row": knowledge.document_row(t, document, self._clock.now()),
            "troubles": [knowledge.refusal_words(t, one.code, one.reason, one.place) for one in document.troubles],
            "listed": await self._curator.archive.passages(base, id, PASSAGES),
            "fields": knowledge.fields_of(t, document.keeping),
            "versions": await self._versions(t, thing),
            "refused": "",
            "said": request.query_params.get("said", ""),
        }
        return await self._frame.page(
            request, session, "knowledge_document.html", nav="knowledge", status=status, **(context | more)
        )

    async def _versions(self, t: Words, thing: Thing) -> list[tuple[Any, str]]:
        now = self._clock.now()
        return [(version, t.moment(version.at, now)) for version in await self._curator.archive.versions(thing)]

    async def _alike(self, thing: Thing) -> list[Any]:
        """Return what this entry repeats or contradicts."""
        own = (thing.base, thing.id)
        return [twins for twins in await self._shelf.twins() if own in twins.keys]


def _named(request: Request) -> tuple[str, str]:
    return request.query_params.get("base", ""), request.query_params.get("id", "")


def _thing(form: FormData) -> Thing:
    return Thing(
        str(form.get("base", "")), "entry" if form.get("kind") == "entry" else "document", str(form.get("id", ""))
    )
