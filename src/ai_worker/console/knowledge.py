"""Knowledge as people read it: lists, conditions, what a form says, and what differs between two versions."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal
from urllib.parse import urlencode

from starlette.datastructures import FormData

from ai_worker.console.words import Words
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.foundation.errors import BadInput
from ai_worker.foundation.ids import new_id
from ai_worker.foundation.text import clean, fold, shorten
from ai_worker.knowledge.archive import Kept, Thing
from ai_worker.knowledge.desk import Entry
from ai_worker.knowledge.keeping import DEPARTMENTS, Keeping, paths_of
from ai_worker.knowledge.passage import ENTRIES, Passage, Scored
from ai_worker.knowledge.store import Document

OWNER = 40
PREVIEW = 120

State = Literal["ready", "failed", "waiting", "over"]
"""`waiting`: not yet in effect. `over`: no longer."""

_SENTENCES = re.compile(r"(?<=[。！？!?；;\n])")


class BadDate(BadInput):
    """A day or moment is not written as a date."""

    code = "console.bad_date"


class EndsBeforeItBegins(BadInput):
    """Something is to expire before it takes effect."""

    code = "console.ends_before_it_begins"


class TooManyDepartments(BadInput):
    """Something is to be open to more departments than a search can tell apart quickly."""

    code = "console.too_many_departments"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing in a list."""

    thing: Thing
    title: str
    detail: str
    """Where an entry came from and how its answer begins, or how many passages a document has."""

    state: State
    reason: str
    """Why a document failed; what of one was left out."""

    departments: tuple[str, ...]
    owner: str
    when: str
    path: str
    """Where more is shown of it."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that a trial question found."""

    title: str
    text: str
    matched: str
    percent: int
    weight: Literal["sure", "maybe", "weak"]
    path: str
    departments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of a comparison."""

    mark: Literal["same", "gone", "new"]
    text: str


def path_of(thing: Thing) -> str:
    """Return where a thing is shown."""
    return f"/knowledge/{thing.kind}?{urlencode({'base': thing.base, 'id': thing.id})}"


def state_of(keeping: Keeping, now: datetime, document: Document | None = None) -> State:
    """Return how something stands now."""
    if document is not None and document.state == "failed":
        return "failed"
    if keeping.effective_at is not None and now < keeping.effective_at:
        return "waiting"
    return "ready" if keeping.holds_at(now) else "over"


def document_row(t: Words, document: Document, now: datetime) -> Row:
    """Return a document's line in the list."""
    thing = Thing(document.base, "document", document.id)
    told = [] if document.id == ENTRIES else [document.id]
    source = [f"{t('knowledge.source')} {document.source}"] if document.source else []
    title = t("knowledge.written_here") if document.id == ENTRIES else document.title or document.id
    return Row(
        thing=thing,
        title=title,
        detail=" · ".join((*source, *told, t("knowledge.passages", n=t.number(document.passages)))),
        state=state_of(document.keeping, now, document),
        reason=trouble_words(t, document),
        departments=document.keeping.departments,
        owner=document.keeping.owner,
        when=t.ago(document.added_at, now),
        path=path_of(thing),
    )


def entry_row(t: Words, passage: Passage, now: datetime) -> Row:
    """Return an entry's line in the list."""
    thing = Thing(passage.base, "entry", passage.id)
    return Row(
        thing=thing,
        title=passage.title or t("knowledge.untitled"),
        detail=shorten(passage.text, PREVIEW),
        state=state_of(passage.keeping, now),
        reason="",
        departments=passage.keeping.departments,
        owner=passage.keeping.owner,
        when="",
        path=path_of(thing),
    )


def refusal_words(t: Words, code: str, reason: str, place: str) -> str:
    """Return why a document or a row was not taken, and where."""
    told = t(f"refused.{code}") if t.has(f"refused.{code}") else reason
    return f"{place}{t('punctuation.colon')}{told}" if place else told


def trouble_words(t: Words, document: Document) -> str:
    """Return why a document failed or what of it was left out; empty if all is well."""
    if document.state == "failed":
        return refusal_words(t, document.code, document.reason, document.place)
    return t("knowledge.left_out", n=len(document.troubles)) if document.troubles else ""


def candidate(scored: Scored, bars: Bars) -> Candidate:
    """Return what a trial shows of something that was found."""
    passage = scored.passage
    thing = (
        Thing(passage.base, "document", passage.document_id)
        if passage.answer_id == passage.document_id
        else Thing(passage.base, "entry", passage.id)
    )
    weight: Literal["sure", "maybe", "weak"] = "weak"
    if scored.score >= bars.clarify_at:
        weight = "sure" if scored.score >= bars.answer_at else "maybe"
    return Candidate(
        title=f"{passage.title or passage.id} {passage.locator}".strip(),
        text=shorten(passage.text, PREVIEW),
        matched=scored.matched if scored.matched != passage.title else "",
        percent=round(scored.score * 100),
        weight=weight,
        path=path_of(thing),
        departments=passage.keeping.departments,
    )


def entry_in(t: Words, form: FormData) -> Entry:
    """Return the entry that a form describes; a new one gets an id.

    Raises:
        BadDate: A date is none.
        EndsBeforeItBegins: It would never be in effect.
        TooManyDepartments: It is open to more than a search can tell apart.
    """
    aliases = (clean(line) for line in str(form.get("aliases", "")).splitlines())
    return Entry(
        id=clean(str(form.get("id", ""))) or new_id("e"),
        question=clean(str(form.get("question", ""))),
        aliases=tuple(dict.fromkeys(alias for alias in aliases if alias)),
        answer=clean(str(form.get("answer", ""))),
        keeping=keeping_in(t, form),
    )


def keeping_in(t: Words, form: FormData) -> Keeping:
    """Return the conditions that a form describes; its moments are local ones."""
    departments = paths_of(clean(str(form.get("departments", ""))))
    if len(departments) > DEPARTMENTS:
        raise TooManyDepartments(f"it may be open to at most {DEPARTMENTS} departments")
    effective, expires = _moment(t, form, "effective"), _moment(t, form, "expires")
    if effective is not None and expires is not None and expires <= effective:
        raise EndsBeforeItBegins("it would expire before it takes effect")
    try:
        review = date.fromisoformat(day) if (day := str(form.get("review", "")).strip()) else None
    except ValueError:
        raise BadDate("the day of review is no date") from None
    return Keeping(departments, effective, expires, shorten(clean(str(form.get("owner", ""))), OWNER), review)


def fields_of(t: Words, keeping: Keeping) -> Mapping[str, str]:
    """Return conditions as the form's fields show them."""

    def local(moment: datetime | None) -> str:
        return "" if moment is None else moment.astimezone(t.zone).strftime("%Y-%m-%dT%H:%M")

    return {
        "departments": "、".join(keeping.departments),
        "effective": local(keeping.effective_at),
        "expires": local(keeping.expires_at),
        "owner": keeping.owner,
        "review": "" if keeping.review_by is None else keeping.review_by.isoformat(),
    }


def comparison(t: Words, old: Kept, new: Kept) -> list[Line]:
    """Return what differs between two states, sentence by sentence, with what stands around it."""
    before, after = _sentences(t, old), _sentences(t, new)
    lines: list[Line] = []
    for tag, i, j, k, m in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            same = before[i:j]
            shown = same if len(same) <= 2 else [same[0], "…", same[-1]]
            lines += [Line("same", sentence) for sentence in shown]
        else:
            lines += [Line("gone", sentence) for sentence in before[i:j]]
            lines += [Line("new", sentence) for sentence in after[k:m]]
    return lines


def fits(row: Row, words: str) -> bool:
    """Return whether words stand in a line of the list."""
    return fold(words) in fold(f"{row.title} {row.detail} {row.owner} {' '.join(row.departments)}")


def _sentences(t: Words, kept: Kept) -> list[str]:
    found: list[str] = []
    for passage in kept.passages:
        asked = [passage.title, *passage.aliases] if passage.kind == "entry" else []
        found += [line for text in (*asked, *_SENTENCES.split(passage.text)) if (line := text.strip())]
    keeping = kept.document.keeping if kept.document is not None else kept.passages[0].keeping
    labels = {"review": "review_by"}
    told = fields_of(t, keeping).items()
    named = [(t(f"knowledge.{labels.get(name, name)}"), value.replace("T", " ")) for name, value in told if value]
    return found + [f"{label}{t('punctuation.colon')}{value}" for label, value in named]


def _moment(t: Words, form: FormData, name: str) -> datetime | None:
    text = str(form.get(name, "")).strip()
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=t.zone).astimezone(UTC)
    except ValueError:
        raise BadDate("a moment is no date with a time of day") from None
