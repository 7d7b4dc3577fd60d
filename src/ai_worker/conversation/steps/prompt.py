"""The prompt: who the worker is, what it may rest on, and what was said."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from ai_worker.conversation.history import last_reply
from ai_worker.conversation.message import Contact, Utterance
from ai_worker.conversation.model import ChatMessage, ToolSchema
from ai_worker.conversation.persona import Worker
from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.steps.look_up import Bars, Findings
from ai_worker.foundation.text import shorten
from ai_worker.knowledge.passage import Scored
from ai_worker.skills.tool import Tool

NO_ANSWER = "NO_ANSWER"
"""What a model says when neither the material nor the tools have the answer."""

PASSAGES = 6
PASSAGE_CHARACTERS = 1_500
UTTERANCES = 12
UTTERANCE_CHARACTERS = 1_000
NAME_CHARACTERS = 40

_FENCE = re.compile(r"</?material", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Material:
    """What an answer may rest on, numbered from 1: passages, then what the worker said before."""

    passages: tuple[Scored, ...] = ()
    said: tuple[str, ...] = ()

    @property
    def texts(self) -> list[str]:
        """The texts in the order of their numbers."""
        return [scored.passage.text for scored in self.passages] + list(self.said)

    def __bool__(self) -> bool:
        return bool(self.passages or self.said)


def gather(findings: Findings, history: Sequence[Utterance], bars: Bars) -> Material:
    """Choose what the model may rest on.

    What was said before counts only for a message that leans on it; else every conversation with a
    history would look as if it had something to go by.
    """
    passages = tuple(scored for scored in findings.found[:PASSAGES] if scored.score >= bars.material_at)
    said = last_reply(history) if findings.leans else ""
    return Material(passages, (said,) if said else ())


def schemas(tools: Sequence[Tool]) -> list[ToolSchema]:
    """Return the tools that a model is offered: those that only read, or that may act without a person's word."""
    offered = (tool for tool in tools if tool.unattended or not tool.acts)
    return [ToolSchema(tool.name, tool.description, tool.parameters) for tool in offered]


def prompt(
    worker: Worker,
    words: Phrases,
    *,
    now: datetime,
    material: Material,
    history: Sequence[Utterance],
    text: str,
    asker: Contact,
) -> list[ChatMessage]:
    """Return the messages of the first call.

    Args:
        worker: Who answers; its grounding decides the rules.
        words: The language of the instructions.
        now: The time of day, aware; told in the worker's own zone.
        material: What the answer may rest on. It stands beside the question, marked as data.
        history: What was said before, oldest first.
        text: The message.
        asker: Who wrote it. What is known of anybody else is not told.
    """
    earlier = [
        ChatMessage(utterance.role, _said(utterance, words)) for utterance in history[-UTTERANCES:] if utterance.text
    ]
    question = words.ask_model["question"].format(question=_unfenced(text))
    blocks = [*_blocks(material), *_introduction(asker, words), question]
    return [
        ChatMessage("system", _instructions(worker, words, now.replace(second=0, microsecond=0))),
        *earlier,
        ChatMessage("user", "\n\n".join(blocks)),
    ]


@lru_cache(maxsize=64)
def _instructions(worker: Worker, words: Phrases, now: datetime) -> str:
    """Return what stays the same for a minute: thousands of turns that wait share one text."""
    ask = words.ask_model
    local = now.astimezone(_zone(worker.time_zone))
    moment = f"{local:%Y-%m-%d} {ask['weekdays'][local.weekday()]} {local:%H:%M}"
    lines = [
        ask["identity"].format(name=worker.display_name),
        worker.persona.strip(),
        ask["now"].format(now=moment, zone=worker.time_zone),
        ask[worker.grounding].format(no_answer=NO_ANSWER),
        ask["rules"],
    ]
    return "\n".join(line for line in lines if line)


def _said(utterance: Utterance, words: Phrases) -> str:
    """Return what was said; in a group with the name of who said it, or answers to several would make no sense."""
    text = utterance.text[:UTTERANCE_CHARACTERS]
    if utterance.contact is None:
        return text
    name = _name(utterance.contact.name or utterance.contact.id)
    return str(words.ask_model["said_by"].format(name=name, text=text))


def _introduction(asker: Contact, words: Phrases) -> list[str]:
    """Return how to address who asks; nothing where nobody has told their name."""
    if not asker.name:
        return []
    known = [_name(said) for said in (asker.name, asker.department) if said]
    return [words.ask_model["asker"].format(who=words.ask_model["between"].join(known))]


def _name(said: str) -> str:
    """Return a name on one line: people choose their own, and some choose instructions."""
    return shorten(_unfenced(said), NAME_CHARACTERS)


def _blocks(material: Material) -> list[str]:
    titles = [f"{scored.passage.called} {scored.passage.locator}".strip() for scored in material.passages]
    titles += [""] * len(material.said)
    return [
        f'<material n="{number}" title="{_unfenced(title)}">\n{_unfenced(text[:PASSAGE_CHARACTERS])}\n</material>'
        for number, (title, text) in enumerate(zip(titles, material.texts, strict=True), start=1)
    ]


def _unfenced(text: str) -> str:
    """Return `text` without marks that would end the material it stands in."""
    return _FENCE.sub("material", text)


@lru_cache(maxsize=32)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
