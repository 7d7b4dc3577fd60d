"""What the conversations page shows: the list, the thread, and the facts beside it."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from ai_worker.console.channels import ChannelNames
from ai_worker.console.words import Words
from ai_worker.conversation.conversation import Conversation, State
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Part
from ai_worker.conversation.persona import Staff
from ai_worker.conversation.progress import ToolUse
from ai_worker.conversation.store import ThreadItem
from ai_worker.conversation.turn import Step
from ai_worker.foundation.clock import to_micros
from ai_worker.foundation.text import shorten
from ai_worker.knowledge.citation import Citation
from ai_worker.pipeline.files import KeptFile, is_file

FILTERS: Mapping[str, tuple[State, ...]] = {
    "all": (),
    "waiting": (State.WAITING,),
    "human": (State.HUMAN,),
    "worker": (State.WORKER,),
    "closed": (State.CLOSED,),
}
"""The list's filters, by the word that stands in the address."""

LIST_LIMIT = 50
THREAD_LIMIT = 200
MAX_SOURCES = 3

Composer = Literal["mine", "taken", "waiting", "blocked", "worker", "closed"]
"""What stands under a thread: a box to write in, or why there is none."""


@dataclass(frozen=True, slots=True)
class Chip:
    """One filter of the list."""

    key: str
    count: int
    current: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation in the list."""

    conversation: Conversation
    mark: str
    kind: str
    name: str
    beside: str
    """What stands beside the name: the department, or that it is a group."""

    when: str
    moment: datetime
    waits: bool
    why: str
    """Why a person was asked for; empty where none was."""

    current: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a thread."""

    id: str
    """Stays the same while the page is refreshed, so that only new lines are added and read out."""

    item: ThreadItem
    name: str
    """Who said it, as people call them."""

    text: str
    time: str
    tools: tuple[tuple[str, bool], ...]
    """Each tool as it was called, and whether it worked."""

    files: Sequence[KeptFile] = ()
    """What was sent with it."""

    @property
    def marks(self) -> list[Part]:
        """The parts that are neither words nor shown as files."""
        named = [part for part in self.item.parts if part.kind != "text"]
        return [part for part in named if not (self.files and is_file(part))]

    @property
    def citations(self) -> tuple[Citation, ...]:
        """The passages that the line rests on."""
        return self.item.result.citations if self.item.result else ()


def chips(counts: Mapping[State, int], current: str) -> list[Chip]:
    """Return the filters that lead somewhere, each with its count."""
    found = []
    for key, states in FILTERS.items():
        count = sum(counts.get(state, 0) for state in states or tuple(State))
        if count or key in ("all", "waiting", current):
            found.append(Chip(key, count, key == current))
    return found


def rows(
    t: Words, conversations: Sequence[Conversation], *, shown: int | None, names: ChannelNames, now: datetime
) -> list[Row]:
    """Return the list; `shown` is the number of the conversation that is open."""
    return [_row(t, conversation, shown=shown, names=names, now=now) for conversation in conversations]


def _row(t: Words, conversation: Conversation, *, shown: int | None, names: ChannelNames, now: datetime) -> Row:
    since = conversation.waiting_since
    return Row(
        conversation=conversation,
        mark=names.mark(t, conversation.channel),
        kind=names.kind(t, conversation.channel),
        name=contact_name(t, conversation),
        beside=t("inbox.group") if conversation.group else conversation.department or "",
        when=t.brief_duration(now - since) if since else t.ago(conversation.last_at, now),
        moment=since or conversation.last_at,
        waits=conversation.state is State.WAITING,
        why=reason_words(t, conversation.handoff_reason),
        current=conversation.id == shown,
    )


def contact_name(t: Words, conversation: Conversation) -> str:
    """Return what to call the contact or group; an id where the platform told no name."""
    if conversation.group:
        return conversation.group_name or t("inbox.group_unnamed", id=shorten(group_id(conversation), 14))
    return conversation.contact_name or conversation.contact_id or t("inbox.nameless")


def group_id(conversation: Conversation) -> str:
    """Return the platform's own id of a group; channels put a word before it, so that it is nobody's."""
    return conversation.key.removeprefix("group:")


def lines(
    t: Words,
    items: Sequence[ThreadItem],
    *,
    staff: Staff,
    now: datetime,
    files: Mapping[str, Sequence[KeptFile]] = MappingProxyType({}),
) -> list[Line]:
    """Return the thread's lines, each with its files, by the turn or the reply that they came with."""
    display_names = {worker.name: worker.display_name for worker in staff.workers}
    seen: Counter[str] = Counter()
    found = []
    for item in items:
        key = f"{to_micros(item.at)}-{item.author}"
        seen[key] += 1
        tools = item.result.tools if item.result else ()
        found.append(
            Line(
                id=f"line-{key}-{seen[key]}",
                item=item,
                name=display_names.get(item.name, item.name) if item.author == "worker" else item.name,
                text=notice_words(t, item) if item.author == "notice" else item.text,
                time=t.moment(item.at, now),
                tools=tuple((call_of(tool), tool.ok) for tool in tools),
                files=files.get(item.turn_id if item.author == "contact" else item.outbound_id, ()),
            )
        )
    return found


def notice_words(t: Words, item: ThreadItem) -> str:
    """Return what happened. Stores name it by a code (`taken_over`), or tell it in words of their own."""
    if not t.has(f"notice.{item.text}"):
        return item.text
    reason = reason_words(t, item.result.reason or "") if item.result else ""
    told = t(f"notice.{item.text}", person=item.name)
    return f"{told}{t('punctuation.colon')}{reason}" if reason else told


def call_of(tool: ToolUse) -> str:
    """Return a tool as it was called: `erp.get_order(order="ORD12345")`."""
    arguments = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in tool.arguments.items())
    return f"{tool.name}({shorten(arguments, 80)})"


def composer_of(conversation: Conversation, person: str) -> Composer:
    """Return what stands under the thread for this person."""
    if conversation.state is State.HUMAN:
        return "mine" if conversation.person in ("", person) else "taken"
    if conversation.state is State.WAITING:
        return "blocked" if _blocks(conversation.handoff_reason) else "waiting"
    return "closed" if conversation.state is State.CLOSED else "worker"


def _blocks(reason: str) -> bool:
    return any(reason == known and known.blocks for known in Reason)


def reason_words(t: Words, reason: str) -> str:
    """Return why a person was asked for; empty when none was."""
    if not reason:
        return ""
    return t(f"reason.{reason}") if t.has(f"reason.{reason}") else reason


def facts(t: Words, conversation: Conversation, items: Sequence[ThreadItem], now: datetime) -> list[tuple[str, str]]:
    """Return what is known about the conversation, as label and value."""
    times = [item.response_ms for item in items if item.response_ms is not None]
    turns = len({item.turn_id for item in items if item.turn_id and item.author == "contact"})
    known = [
        ("number", conversation.label),
        ("opened", t.moment(conversation.opened_at, now)),
        ("state", t(f"state.{conversation.state}")),
        ("person", conversation.person),
        ("reason", reason_words(t, conversation.handoff_reason)),
        ("turns", t.number(turns) if turns else ""),
        ("first_response", t("inbox.seconds", n=t.seconds(times[0])) if times else ""),
        ("mean_response", t("inbox.seconds", n=t.seconds(sum(times) / len(times))) if len(times) > 1 else ""),
    ]
    return [(t(f"fact.{key}"), value) for key, value in known if value]


def sources(items: Sequence[ThreadItem]) -> list[Citation]:
    """Return the passages that the latest answers rest on, each once, the latest first."""
    found: dict[str, Citation] = {}
    for item in reversed(items):
        for citation in item.result.citations if item.result else ():
            found.setdefault(citation.id, citation)
    return list(found.values())[:MAX_SOURCES]


def latest_steps(items: Sequence[ThreadItem]) -> tuple[Step, ...]:
    """Return what the latest turn did."""
    return next((item.result.steps for item in reversed(items) if item.result and item.result.steps), ())
