"""Knowledge over the API: documents and entries in, unanswered questions out."""

import contextlib
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any
from urllib.parse import unquote

import msgspec
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import Response

from ai_worker.api.auth import Caller
from ai_worker.api.bodies import answer, digest, plain, read_json, words
from ai_worker.api.endpoint import Endpoint
from ai_worker.api.idempotency import FirstAnswers
from ai_worker.api.problems import Invalid, WrongMedia
from ai_worker.api.shapes import Id, Text
from ai_worker.foundation.text import clean
from ai_worker.knowledge.archive import Kind, Thing
from ai_worker.knowledge.desk import Entry, KnowledgeDesk, Remover, Report
from ai_worker.knowledge.gaps import GapStore
from ai_worker.knowledge.keeping import DEPARTMENTS, Keeping, paths_of

DEFAULT_BASE = "default"
MOST_FILES = 1_000
MOST_GAPS = 200
LONGEST_NAME = 200


class KeepingShape(msgspec.Struct):
    """Who may read an entry and when it holds. Left out, an entry that is replaced is kept as before."""

    departments: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1, max_length=200)]], msgspec.Meta(max_length=DEPARTMENTS)
    ] = []
    effective_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    owner: Annotated[str, msgspec.Meta(max_length=40)] = ""
    review_by: date | None = None


class EntryShape(msgspec.Struct):
    """One approved question with its answer. An entry with the same `id` is replaced."""

    id: Id
    answer: Text
    question: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    aliases: Annotated[list[Annotated[str, msgspec.Meta(max_length=2_000)]], msgspec.Meta(max_length=200)] = []
    keeping: KeepingShape | None = None


class Entries(msgspec.Struct):
    """Entries to add or replace."""

    entries: Annotated[list[EntryShape], msgspec.Meta(min_length=1, max_length=10_000)]
    base: Id = DEFAULT_BASE


class FailedShape(msgspec.Struct):
    """What was not taken, and why."""

    document: str
    code: str
    reason: str


class Added(msgspec.Struct):
    """What was taken."""

    documents: int
    passages: int
    failed: list[FailedShape]


class Removed(msgspec.Struct):
    """What was removed."""

    id: str
    version: int | None
    """Restores it, for as long as removed things are kept; `null` if nothing can."""


class GapShape(msgspec.Struct):
    """A question that nothing answered."""

    question: str
    times: int
    first_at: str
    last_at: str
    turn_id: str


class Gaps(msgspec.Struct):
    """Unanswered questions, the most frequent first."""

    gaps: list[GapShape]


UPLOAD: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "array", "items": {"type": "string", "format": "binary"}},
                        "base": {"type": "string", "default": DEFAULT_BASE},
                    },
                }
            }
        },
    }
}


class Knowledge:
    """The rooms under `/api/v1/knowledge`."""

    def __init__(self, desk: KnowledgeDesk, gaps: GapStore, *, remover: Remover, firsts: FirstAnswers) -> None:
        self._desk = desk
        self._remover = remover
        self._gap_store = gaps
        self._firsts = firsts

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints of this room."""
        return [
            Endpoint(
                method="POST",
                path="/api/v1/knowledge/documents",
                scope="knowledge",
                handle=self._upload,
                summary="Add documents; those that cannot be read are named, the rest is taken",
                answer=Added,
                details=UPLOAD,
            ),
            Endpoint(
                method="POST",
                path="/api/v1/knowledge/entries",
                scope="knowledge",
                handle=self._entries,
                summary="Add or replace questions with their answers",
                body=Entries,
                answer=Added,
            ),
            Endpoint(
                method="DELETE",
                path="/api/v1/knowledge/documents/{id:path}",
                scope="knowledge",
                handle=self._remove_document,
                summary="Remove a document; `?base=` names its knowledge base",
                answer=Removed,
            ),
            Endpoint(
                method="DELETE",
                path="/api/v1/knowledge/entries/{id:path}",
                scope="knowledge",
                handle=self._remove_entry,
                summary="Remove an entry; `?base=` names its knowledge base",
                answer=Removed,
            ),
            Endpoint(
                method="GET",
                path="/api/v1/knowledge/gaps",
                scope="knowledge",
                handle=self._gaps,
                summary="List questions that nothing answered",
                answer=Gaps,
            ),
        ]

    async def _upload(self, request: Request, caller: Caller) -> Response:
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            raise WrongMedia("Documents are uploaded as multipart/form-data")
        async with request.form(max_files=MOST_FILES, max_fields=16) as form:
            files = await _files(form)
            base = form.get("base", DEFAULT_BASE)
        base = plain(base if isinstance(base, str) else "", "base")[:LONGEST_NAME]

        async def add() -> Response:
            by = caller.name
            return _added([await self._desk.add_upload(name, content, base=base, by=by) for name, content in files])

        meaning = [part for name, content in files for part in (name.encode(), content)]
        return await self._firsts.once(request, caller, digest(base.encode(), *meaning), add)

    async def _entries(self, request: Request, caller: Caller) -> Response:
        body = await read_json(request, Entries)
        entries = [_entry(shape) for shape in body.entries]
        base = plain(body.base, "base")

        async def put() -> Response:
            return _added([await self._desk.put_entries(entries, base=base, by=caller.name)])

        return await self._firsts.once(request, caller, digest(body), put)

    async def _remove_document(self, request: Request, caller: Caller) -> Response:
        return await self._remove(request, caller, "document")

    async def _remove_entry(self, request: Request, caller: Caller) -> Response:
        return await self._remove(request, caller, "entry")

    async def _remove(self, request: Request, caller: Caller, kind: Kind) -> Response:
        id = plain(request.path_params["id"], "id")
        base = plain(request.query_params.get("base", DEFAULT_BASE), "base")
        return answer(Removed(id, await self._remover.remove(Thing(base, kind, id), by=caller.name)))

    async def _gaps(self, request: Request, caller: Caller) -> Response:
        gaps = await self._gap_store.open_gaps(MOST_GAPS)
        shapes = [
            GapShape(gap.question, gap.times, gap.first_at.isoformat(), gap.last_at.isoformat(), gap.turn_id)
            for gap in gaps
        ]
        return answer(Gaps(shapes))


def _entry(shape: EntryShape) -> Entry:
    aliases = tuple(alias for alias in map(clean, shape.aliases) if alias)
    told = words(shape.answer, "answer")
    return Entry(plain(shape.id, "id"), clean(shape.question), aliases, told, _keeping(shape.keeping))


def _keeping(shape: KeepingShape | None) -> Keeping | None:
    if shape is None:
        return None
    paths = paths_of("、".join(map(clean, shape.departments)))
    return Keeping(paths, shape.effective_at, shape.expires_at, clean(shape.owner), shape.review_by)


async def _files(form: FormData) -> list[tuple[str, bytes]]:
    files = [
        (file_name(part.filename or ""), await part.read())
        for name, part in form.multi_items()
        if name == "file" and isinstance(part, UploadFile)
    ]
    if not files:
        raise Invalid("At least one part named `file` with a file name is needed")
    return files


def file_name(given: str) -> str:
    """Return the last part of a file name from outside, as harmless text; it is never used as a path.

    Browsers write `"` as `%22` in a multipart file name and some clients write every character of
    another script that way (WHATWG HTML, "multipart form data"), so that is read back.
    """
    with contextlib.suppress(UnicodeDecodeError):
        given = unquote(given, errors="strict")
    last = given.replace("\\", "/").rpartition("/")[2]
    shown = "".join(character for character in clean(last) if unicodedata.category(character)[0] != "C").strip()
    if not shown.strip("."):
        return "upload"
    if len(shown) <= LONGEST_NAME:
        return shown
    suffix = shown[shown.rfind(".") :][-16:] if "." in shown else ""
    return shown[: LONGEST_NAME - len(suffix)] + suffix


def _added(reports: Sequence[Report]) -> Response:
    failed = [FailedShape(each.document, each.code, each.reason) for report in reports for each in report.failed]
    documents = sum(report.documents for report in reports)
    return answer(Added(documents, sum(report.passages for report in reports), failed))
