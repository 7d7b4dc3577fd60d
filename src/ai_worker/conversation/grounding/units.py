"""Units: which sentences of a document belong together, as it is laid out.

A list with what leads to it, the lines of a record, a question with its answer: what is true of one of its sentences
is true of all. A talk counts as questions with answers, whoever is said to have had it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ai_worker.conversation.grounding.voice import kinds
from ai_worker.foundation.text import fold

_LABEL = re.compile(r"^[\s\W]*([^\W\d_][\w ]{0,14}(?:\s?[（(][^）)]{1,12}[）)])?)\s*[:：](?!//)")
_ASKS, _ANSWERS = frozenset(("customer", "ask")), frozenset(("staff", "machine", "reply"))
_ASKER = re.compile(r"(?:用户|客户|顾客|提)?问|(?:q|question|甲|me)\d{0,3}")
_ANSWERER = re.compile(r"(?:助手|客服|坐席|回)?答|(?:a|answer|乙|us)\d{0,3}")
_QUESTION = re.compile(r"[?？]\W*$")
_BETWEEN = re.compile(r"[ （()）]+")
_ITEM = re.compile(r"^\s*(?:\d{1,2}[.、)）]|[（(]\d{1,2}[)）]|[-*+•·]\s|第[一二三四五六七八九十]步|[①-⑳])")
_LEADS = re.compile(r"[:：]\s*$")
_FIELD = re.compile(r"^\s*(?:\||[^\s：:。！？!?][^：:。！？!?\n]{0,20}[：:]\s?\S)")

_EXAMPLE = re.compile(
    r"(?:示例|样例|示范|范例|参考)(?:对话|回答|回复|答复|话术|问答|应答)|(?:对话|回答|回复|答复|话术|问答|应答)(?:示例|样例|示范|范例|范文|模板)|范文"
    r"|\b(?:sample|example|model|template)"
    r" (?:dialog(?:ue)?|conversation|chat|reply|replies|answers?|responses?|transcript)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Unit:
    """Sentences that belong together; most sentences are a unit of their own."""

    first: int
    end: int
    asks: bool = False
    """Whether its first sentence is what somebody asks, and the others are what they are answered."""

    shows: bool = False
    """Whether it is an example of what to say, such as `示例对话：…`: nobody says that it is true."""


def units(texts: Sequence[str]) -> tuple[Unit, ...]:
    """Return the units of a text, in order.

    Args:
        texts: Its sentences.
    """
    sides = [_side(text) for text in texts]
    found: list[Unit] = []
    at = 0
    while at < len(texts):
        shows, asks = _EXAMPLE.search(texts[at]) is not None, sides[at] == "asks"
        if shows:
            end = _example_ends(texts, sides, at)
        elif asks:
            end = _turn_ends(texts, sides, at)
        else:
            end = max(_list_ends(texts, at), _record_ends(texts, sides, at))
        found.append(Unit(at, end, asks and not shows, shows))
        at = end
    return tuple(found)


def _side(text: str) -> str:
    """Return whose turn a sentence begins: that of who `asks`, of who `answers`, or nobody's."""
    label = _LABEL.match(text)
    if label is None:
        return ""
    words = [word for word in _BETWEEN.split(fold(label[1]).strip()) if word]
    if any(_ANSWERER.fullmatch(word) for word in words):
        return "answers"
    of = {kind for word in words for kind in kinds().get(word, ())}
    if any(_ASKER.fullmatch(word) for word in words) or of & _ASKS:
        return "asks"
    if of & _ANSWERS:
        return "answers"
    return "asks" if _QUESTION.search(text.rstrip()) else ""


def _turn_ends(texts: Sequence[str], sides: Sequence[str], at: int) -> int:
    """Return where a question and its answer end: at the next one, an empty line, or nobody's line after an answer."""
    answered = False
    for end in range(at + 1, len(texts)):
        if sides[end] == "asks" or texts[end - 1].count("\n") > 1:
            return end
        if answered and not sides[end] and texts[end - 1].endswith("\n"):
            return end
        answered = answered or sides[end] == "answers"
    return len(texts)


def _example_ends(texts: Sequence[str], sides: Sequence[str], at: int) -> int:
    """Return where an example ends that is announced here: with the line after it, and with the turns of a talk."""
    end = _line_ends(texts, at)
    if end < len(texts) and (_LEADS.search(texts[at].rstrip()) or sides[end]):
        end = _line_ends(texts, _next_line(texts, at))
    while end < len(texts) and sides[end]:
        end = _line_ends(texts, end)
    return end


def _list_ends(texts: Sequence[str], at: int) -> int:
    """Return where a list ends that begins here, or after the line that leads to it."""
    if _ITEM.match(texts[at]) is None and _LEADS.search(texts[at]) is None:
        return at + 1
    line = at if _ITEM.match(texts[at]) else _next_line(texts, at)
    end = at + 1
    while line < len(texts) and _ITEM.match(texts[line]):
        end = _line_ends(texts, line)
        line = _next_line(texts, line)
    return end


def _record_ends(texts: Sequence[str], sides: Sequence[str], at: int) -> int:
    """Return where a record ends that begins here: lines of names and values, rows of a table."""
    end = at
    while end < len(texts) and _FIELD.match(texts[end]) and sides[end] != "asks":
        end = _line_ends(texts, end)
    return max(end, at + 1)


def _line_ends(texts: Sequence[str], at: int) -> int:
    """Return where the line of a sentence ends."""
    return next((end + 1 for end in range(at, len(texts)) if texts[end].endswith("\n")), len(texts))


def _next_line(texts: Sequence[str], at: int) -> int:
    """Return where the next line begins that is not empty."""
    line = _line_ends(texts, at)
    return next((next_ for next_ in range(line, len(texts)) if texts[next_].strip()), len(texts))
