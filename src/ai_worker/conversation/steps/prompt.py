"""The prompt: who the worker is, what it may rest on, and what was said."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from ai_worker.conversation.grounding.evidence import bears_plainly, evidence
from ai_worker.conversation.grounding.orders import harmless, plain, quotable
from ai_worker.conversation.grounding.verdict import ASK_BACK, NO_ANSWER
from ai_worker.conversation.history import last_reply, passes_on
from ai_worker.conversation.message import Contact, InboundMessage, Utterance
from ai_worker.conversation.model import ChatMessage
from ai_worker.conversation.persona import Worker
from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.steps.look_up import Bars, Findings
from ai_worker.foundation.text import fold, shorten
from ai_worker.knowledge.passage import Passage, Scored
from ai_worker.skills.tool import Tool

PASSAGES = 6
PASSAGE_CHARACTERS = 1_500
UTTERANCES = 12
UTTERANCE_CHARACTERS = 1_000
NAME_CHARACTERS = 40
REWRITING, REWRITING_CHARACTERS = 4, 200
"""Utterances, and characters of each, that a message is completed from."""

_FENCE = re.compile(r"</?material", re.IGNORECASE)


LINE = "│ "
"""Stands before every line of material: what begins without it was not written by a document."""


@dataclass(frozen=True, slots=True)
class Material:
    """What an answer may rest on, numbered from 1: passages, then what the worker said before.

    Its texts are as the model is shown them: without the orders in them, and no longer than it reads.
    """

    passages: tuple[Scored, ...] = ()
    said: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """The texts in the order of their numbers."""
        return [scored.passage.text for scored in self.passages] + list(self.said)

    @property
    def titles(self) -> list[str]:
        """What the passages are called, in the same order; nothing where the name itself is an order."""
        names = [scored.passage.called for scored in self.passages]
        return [
            f"{name if harmless(name) else ''} {scored.passage.locator}".strip()
            for name, scored in zip(names, self.passages, strict=True)
        ]

    @property
    def documents(self) -> tuple[str, ...]:
        """What of the passages nobody approved, as it was found."""
        found = (scored.passage for scored in self.passages if scored.passage.kind != "entry")
        return tuple(f"{passage.called}\n{passage.text}" for passage in found)

    @property
    def tainted(self) -> bool:
        """Whether somebody who may not order anything has written any of it: all but approved entries."""
        return bool(self.said or self.documents)

    def __bool__(self) -> bool:
        return bool(self.passages or self.said)


def gather(findings: Findings, history: Sequence[Utterance], bars: Bars, *, tools: Sequence[Tool] = ()) -> Material:
    """Choose what the model may rest on.

    What was said before counts only for a message that leans on it; else every conversation with a
    history would look as if it had something to go by. Where a tool that acts is on offer, documents
    that hardly fit are left out: whoever has read one may not act any more.
    """
    names = names_of(tools)
    acts = any(tool.acts for tool in offered(tools))
    passages: list[Scored] = []
    found = [
        scored
        for scored in findings.found[:PASSAGES]
        if scored.score >= (bars.clarify_at if acts and scored.passage.kind != "entry" else bars.material_at)
    ]
    plainly = [
        scored
        for scored in found
        if bears_plainly(scored.passage.text[:PASSAGE_CHARACTERS], findings.question, names=tuple(names))
    ]
    for scored in found:
        elsewhere = any(other is not scored for other in plainly)
        if shown := _shown(scored.passage, findings.question, names, elsewhere=elsewhere):
            title = scored.passage.title if harmless(scored.passage.title) else ""
            passages.append(replace(scored, passage=replace(scored.passage, title=title, text=shown)))
    said = plain(last_reply(history), names=names) if findings.leans else ""
    return Material(tuple(passages), (said,) if said else ())


def _shown(passage: Passage, question: str, names: Sequence[str], *, elsewhere: bool) -> str:
    """Return what of a passage a model reads: of an approved entry all but orders, of a document what is evidence."""
    text = passage.text[:PASSAGE_CHARACTERS]
    if passage.kind == "entry":
        return plain(quotable(text), names=names)
    return evidence(text, question, title=passage.called, names=tuple(names), elsewhere=elsewhere)


def names_of(tools: Sequence[Tool]) -> list[str]:
    """Return what tools are called, also as a model sees it; no document has a reason to say any of it."""
    return [name for tool in tools for name in (fold(tool.name), fold(tool.name.replace(".", "_")))]


def offered(tools: Sequence[Tool], *, may_ask: bool = False) -> list[Tool]:
    """Return the tools that a model is told of.

    Those that only read, those that may act without a person's word, and, where a person can be asked for
    it, those that take one.
    """
    return [
        tool
        for tool in tools
        if tool.unattended or not tool.acts or (may_ask and tool.approved_by in ("asker", "colleague"))
    ]


def tainted_before(history: Sequence[Utterance]) -> bool:
    """Return whether a model that is shown this has read what may give it orders.

    That is a reply that may repeat such text, what the contact has passed on, and another contact's words.
    """
    latest = history[-UTTERANCES:]
    several = len({said.contact.id for said in latest if said.contact is not None}) > 1
    return several or any(said.tainted or (said.role == "user" and passes_on(said.text)) for said in latest)


def known_words(message: InboundMessage, history: Sequence[Utterance], text: str, moment: str) -> tuple[str, ...]:
    """Return what is the contact's own or known of them: their words, their name, the talk so far, the time of day."""
    asker = message.contact
    said = (utterance.text for utterance in history[-UTTERANCES:])
    return (text, message.text, asker.id, asker.name or "", asker.department or "", moment, *said)


def prompt(
    worker: Worker,
    words: Phrases,
    *,
    moment: str,
    material: Material,
    history: Sequence[Utterance],
    text: str,
    asker: Contact,
    comfortable: int = 0,
    skills: str = "",
) -> list[ChatMessage]:
    """Return the messages of the first call.

    What is the same for every turn of a worker comes first, so that a server can keep it; what
    changes stands beside the question.

    Args:
        worker: Who answers; its grounding decides the rules.
        words: The language of the instructions.
        moment: The time of day: see `moment_of`.
        material: What the answer may rest on. It stands beside the question, marked as data.
        history: What was said before, oldest first.
        text: The message.
        asker: Who wrote it. What is known of anybody else is not told.
        comfortable: Characters that read well where the answer goes; 0 where any length does.
        skills: What the model is told of the worker's skills; see `steps.skills`.
    """
    earlier = [
        ChatMessage(utterance.role, said)
        for utterance in history[-UTTERANCES:]
        if utterance.text and (said := _said(utterance, words))
    ]
    ask = words.ask_model
    length = ask["length"].format(characters=comfortable) if comfortable else ""
    question = ask["question"].format(question=_unfenced(text))
    blocks = [*_blocks(material), moment, length, *_introduction(asker, words), question]
    return [
        ChatMessage("system", "\n".join(filter(None, (instructions(worker, words), skills)))),
        *earlier,
        ChatMessage("user", "\n\n".join(block for block in blocks if block)),
    ]


def rewriting(text: str, history: Sequence[Utterance], words: Phrases) -> str:
    """Return what a model is asked to make a whole question of a message that leans on what was said."""
    latest = [said for utterance in history[-REWRITING:] if (said := plain(utterance.text[:REWRITING_CHARACTERS]))]
    talk = _lined(_unfenced("\n".join(latest)))
    return str(words.ask_model["rewrite"].format(talk=talk, text=_unfenced(text)))


def moment_of(now: datetime, worker: Worker, words: Phrases) -> str:
    """Return the time of day in the worker's own zone, to the minute, as the model is told it."""
    local = now.astimezone(_zone(worker.time_zone))
    said = f"{local.date()} {words.ask_model['weekdays'][local.weekday()]} {local.hour:02}:{local.minute:02}"
    return str(words.ask_model["now"].format(now=said, zone=worker.time_zone))


@lru_cache(maxsize=64)
def instructions(worker: Worker, words: Phrases) -> str:
    """Return what stays the same for every turn: thousands of turns that wait share one text."""
    ask = words.ask_model
    lines = [
        ask["identity"].format(name=worker.display_name),
        worker.persona.strip(),
        ask[worker.grounding].format(no_answer=NO_ANSWER),
        ask["asks_back"].format(ask_back=ASK_BACK),
        ask["rules"].format(line=LINE.strip()),
    ]
    return "\n".join(line for line in lines if line)


def _said(utterance: Utterance, words: Phrases) -> str:
    """Return what was said; in a group with the name of who said it, or answers to several would make no sense."""
    text = plain(utterance.text[:UTTERANCE_CHARACTERS])
    if utterance.contact is None or not text:
        return text
    name = _name(utterance.contact.name or "") or _name(utterance.contact.id)
    return str(words.ask_model["said_by"].format(name=name, text=text))


def _introduction(asker: Contact, words: Phrases) -> list[str]:
    """Return how to address who asks; nothing where nobody has told their name."""
    if not asker.name:
        return []
    known = [name for said in (asker.name, asker.department) if said and (name := _name(said))]
    if not known:
        return []
    return [words.ask_model["asker"].format(who=words.ask_model["between"].join(known))]


def _name(said: str) -> str:
    """Return a name on one line; empty if it is an order: people choose their own, and some choose instructions."""
    name = shorten(_unfenced(said), NAME_CHARACTERS)
    return name if harmless(name) else ""


def _blocks(material: Material) -> list[str]:
    titles = [*material.titles, *[""] * len(material.said)]
    return [
        f'<material n="{number}" title="{_unfenced(title)}">\n{_lined(_unfenced(text))}\n</material>'
        for number, (title, text) in enumerate(zip(titles, material.texts, strict=True), start=1)
    ]


def _lined(text: str) -> str:
    """Return a text with the mark of data before each of its lines."""
    return "\n".join(LINE + line for line in text.splitlines())


def _unfenced(text: str) -> str:
    """Return `text` without marks that would end the material it stands in."""
    return _FENCE.sub("material", text)


@lru_cache(maxsize=32)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
