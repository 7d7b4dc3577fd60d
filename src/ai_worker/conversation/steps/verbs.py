"""Verbs: business questions that a tool answers without any model."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from ai_worker.conversation.context.dates import dates_in
from ai_worker.conversation.hearing import hearing, squash
from ai_worker.conversation.history import said_by_contact
from ai_worker.conversation.message import Utterance
from ai_worker.foundation.text import fold
from ai_worker.knowledge.records.lexicon import is_likewise, lexicon
from ai_worker.skills.tool import Slot, Tool, Verb

RESUMED_IS_WORTH = 1.5
"""Triggers: `订单号是 ORD12345` answers what was asked, `订单 ORD12345 到哪了` asks something else."""

LONGEST_VALUE = 500
"""Characters of one field of a result that an answer shows."""

_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")
"""A link of Markdown: what a system's text calls a name must not hide where it leads."""

_FIELD = re.compile(r"\{([^{}]+)\}")


@dataclass(frozen=True, slots=True)
class Plan:
    """A verb that the message may be about, and the values that it needs."""

    tool: Tool
    verb: Verb
    values: Mapping[str, str]
    missing: Slot | None
    """The first slot without a value; `None` when the tool can be called."""

    own: bool
    """The message itself names the values, or points back at them: `那它到哪了`."""

    triggers: int
    """How many of the verb's words stand in it."""

    resumed: bool
    """It answers what the worker asked for."""

    gained: bool = False
    """And brings a value: the next question is a new one, not the same again."""

    @property
    def ready(self) -> bool:
        """Whether nothing is missing."""
        return self.missing is None


def plan(
    tools: Sequence[Tool],
    *,
    text: str,
    question: str,
    history: Sequence[Utterance],
    pending_tool: str,
    today: date | None = None,
    may_ask: bool = False,
) -> Plan | None:
    """Return the verb that fits best; `None` if none does.

    Args:
        tools: The worker's tools.
        text: The message.
        question: The message, completed by the one before if it leans on it.
        history: What was said before; the contact's latest words come first for missing values.
        pending_tool: The tool whose slot the worker asked for; empty if it asked for none.
        today: The day that it is where the worker works, for slots that take one; `None`: they take none.
        may_ask: Whether a person can be asked for their word: verbs that act are looked at, too.
    """
    plans = [
        _plan(
            tool,
            tool.verb,
            text=text,
            question=question,
            history=history,
            resumed=tool.name == pending_tool,
            today=today,
        )
        for tool in tools
        if tool.verb is not None and (not tool.acts or may_ask)
    ]
    fitting = [fits for fits in plans if fits is not None]

    def fit(plan: Plan) -> tuple[float, bool]:
        # What acts was triggered in this very message: said in full, it is no answer to another question.
        said_in_full = plan.tool.acts and plan.ready and plan.triggers > 0
        return plan.triggers + RESUMED_IS_WORTH * (plan.resumed + said_in_full), plan.ready

    return max(fitting, key=fit, default=None)


def _plan(
    tool: Tool,
    verb: Verb,
    *,
    text: str,
    question: str,
    history: Sequence[Utterance],
    resumed: bool,
    today: date | None,
) -> Plan | None:
    here = {slot.name: value for slot in verb.slots if (value := slot_value(slot, text, today))}
    triggers = _triggers(verb, text)
    bare = False
    if not tool.acts:  # what acts is wanted in so many words
        triggers = triggers or (_triggers(verb, question) if question != text else 0)
        bare = any(squash(value) == squash(text) for value in here.values())
    likewise = False
    if here and not (triggers or bare or resumed or tool.acts) and is_likewise(_beside(verb, text, today)):
        triggers = _triggered_before(verb, history, today)
        likewise = triggers > 0
    if not (triggers or bare or resumed):
        return None
    # A number that was asked for again was missing before, or was one that the system does not know.
    earlier = () if resumed and not here else history
    before = {slot.name: _earlier(slot, earlier, today) for slot in verb.slots} if tool.acts else {}
    if resumed and (asked := next((name for name, value in before.items() if not value and name in here), "")):
        # It answers what was asked for; a second date in a talk about two does not replace the first.
        here = {name: value for name, value in here.items() if name == asked or not before[name]}
    values = {slot.name: here.get(slot.name) or _earlier(slot, earlier, today) for slot in verb.slots}
    missing = next((slot for slot in verb.slots if not values[slot.name]), None)
    named = bool(here) and (len(here) == len(verb.slots) or resumed)
    filled = {name: value for name, value in values.items() if value}
    return Plan(
        tool,
        verb,
        filled,
        missing,
        own=missing is None and (named or likewise or (bool(filled) and hearing().points_back(text))),
        triggers=triggers,
        resumed=resumed,
        gained=resumed and bool(here),
    )


def slot_value(slot: Slot, text: str, today: date | None = None) -> str:
    """Return the slot's value in `text`, in the case in which the pattern is written; empty if none.

    Full-width digits are read as digits, and small letters where the pattern wants capitals. A slot
    whose pattern takes `2026-11-25` takes `明天` and `下周三`, too: the day that they are seen from `today`.
    """
    words = unicodedata.normalize("NFKC", text)
    for spelled in (words, words.upper()):
        if found := _compiled(slot.pattern).search(spelled):
            return found[1] if found.lastindex else found[0]
    if today is not None and _compiled(slot.pattern).fullmatch(today.isoformat()):
        return next((said.day.isoformat() for said in dates_in(text, today)), "")
    return ""


def told(template: str, data: Any, *, values: Mapping[str, str], no_value: str) -> str:
    """Fill a verb's template with the tool's result.

    Args:
        template: `订单 {id} {status_text}。`; a dotted name reaches into the result.
        data: The result.
        values: The slots' values, for names that the result does not have.
        no_value: Stands where neither has one.
    """

    def field(name: re.Match[str]) -> str:
        value = data
        for part in name[1].split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        value = values.get(name[1]) if value is None else value
        return no_value if value is None else _LINK.sub(r"\1（\2）", str(value))[:LONGEST_VALUE]

    return _FIELD.sub(field, template)


def asked_beside(data: Any, question: str, told: str) -> list[tuple[str, str]]:
    """Return the fields of a result that a question asks for and a verb's template leaves out, with what they say.

    Args:
        data: The result; only plain values at its top are looked at.
        question: What was asked.
        told: What the template has made of it.
    """
    if not isinstance(data, Mapping):
        return []
    words, folded = lexicon(), fold(question)
    found: list[tuple[str, str]] = []
    for name, value in data.items():
        if not isinstance(value, str | int | float) or isinstance(value, bool) or not str(value).strip():
            continue
        said = _LINK.sub(r"\1（\2）", str(value))[:LONGEST_VALUE]
        heading = str(name).replace("_", " ")
        if said not in told and words.asks_for(heading, folded):
            found.append((heading, said))
    return found


def _triggers(verb: Verb, text: str) -> int:
    words = fold(text)
    return sum(fold(trigger) in words for trigger in verb.triggers)


def _triggered_before(verb: Verb, history: Sequence[Utterance], today: date | None) -> int:
    """Return how many of a verb's words stand in the question that `那 ORD12346 呢` asks again."""
    for text in said_by_contact(history):
        if triggers := _triggers(verb, text):
            return 0 if hearing().asks_how(text) else triggers
        if not is_likewise(_beside(verb, text, today)):
            break
    return 0


def _beside(verb: Verb, text: str, today: date | None) -> str:
    """Return what a text says beside the values of a verb's slots."""
    words = unicodedata.normalize("NFKC", text)
    for slot in verb.slots:
        if (
            found := _compiled(slot.pattern).search(words) or _compiled(slot.pattern).search(words.upper())
        ) is not None:
            words = words[: found.start()] + " " + words[found.end() :]
        elif today is not None and _compiled(slot.pattern).fullmatch(today.isoformat()):
            words = fold(words)
            for said in reversed(dates_in(words, today)):
                words = words[: said.start] + " " + words[said.end :]
    return fold(words)


def _earlier(slot: Slot, history: Sequence[Utterance], today: date | None) -> str:
    return next((value for text in said_by_contact(history) if (value := slot_value(slot, text, today))), "")


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
