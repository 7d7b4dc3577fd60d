"""Belonging: whether a sentence of a document has to do with what is asked, as the document is built.

A sentence may sound like a help text and still have no business in an answer: the code word in the middle of a page
about refunds, the other question of a list of questions, the number to call in a text that was asked how long it takes.
What tells is where it stands: whether a chain of words ties it to the page and the question, and whose turn of a talk
it is. Whoever slips something in has to write about this very page to pass.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ai_worker.conversation.grounding.support import Terms, joined, terms
from ai_worker.conversation.grounding.voice import kinds
from ai_worker.foundation.text import fold

TALK = frozenset(
    ("reply", "say", "write", "place", "machine", "staff", "customer", "tell", "you", "polite", "always", "must",
     "please", "before", "forget", "rules", "role", "thistext", "now", "wordform", "verbatim", "contact", "ask",
     "talk", "summarise", "format", "yours", "system", "call")
)  # fmt: skip
"""Kinds of words that tie nothing to anything: they are of talks, whatever the page is about."""

HALF = 0.5
"""How far a sentence must be about the question, where another one is all about it."""

_SENDS = re.compile(
    r"电话|号码|网址|官网|网站|链接|邮箱|邮件|微信|联系|地址|哪里|哪儿|在哪|去哪|找谁|分机|热线|编号|代码|优惠码|账号|帐号|登录|入口|写信"
    r"|怎么|怎样|如何|咋|步骤|流程|办理|申请|手续|能不能|可以.{0,12}吗"
    r"|\b(?:phone|number|call|contact|e-?mail|website|url|link|address|where|whom?|hotline|extension|code|account)\b"
    r"|\bhow (?:do|to|can|should|would)\b|\bwhat (?:should|do|can|now)\b|\bsteps?\b|\bcan i\b"
)
"""Questions that may well be answered by sending somebody somewhere."""

_LABEL = re.compile(r"^[\s\W]*([^\W\d_][\w 　]{0,14}(?:\s?[（(][^）)]{1,12}[）)])?)\s*[:：](?!//)")
_ASKS, _ANSWERS = frozenset(("customer", "ask")), frozenset(("staff", "machine", "reply"))
_ASKER = re.compile(r"(?:问|提问|q|question|甲|me)\d{0,3}")
_ANSWERER = re.compile(r"(?:答|回答|a|answer|乙|us)\d{0,3}")
_ITEM = re.compile(r"^\s*(?:\d{1,2}[.、)）]|[（(]\d{1,2}[)）]|[-*+•·]\s|第[一二三四五六七八九十]步|[①-⑳])")
_FIELD = re.compile(r"^\s*(?:\||[^\s：:。！？!?][^：:。！？!?\n]{0,20}[：:]\s?\S)")
_QUESTION = re.compile(r"[?？]\W*$")
_LEADS = re.compile(r"[:：]\s*$")


@dataclass(frozen=True, slots=True)
class Look:
    """What is known of one sentence."""

    text: str
    terms: Terms
    bears: float
    """How far it is about the question itself, 0..1."""

    carries: bool
    """Whether it has something to carry over: a name, a number, a quotation, an address."""

    calls: bool
    """Whether it has an address, a telephone number or a code in it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """Sentences that belong together: a list, a question with its answer, or one sentence."""

    first: int
    end: int
    terms: Terms
    asks: bool
    """Whether its first sentence is what somebody asks."""


def strangers(looks: Sequence[Look], question: str, title: str, *, elsewhere: bool) -> list[bool]:
    """Return of each sentence whether it has no business in an answer.

    Args:
        looks: The sentences of one passage that might be shown.
        question: What is asked.
        title: What the passage is called.
        elsewhere: Whether another passage has a sentence that is plainly about the question.
    """
    if not question:
        return [False] * len(looks)
    clear = elsewhere or any(look.bears >= 1 for look in looks)
    parted = units([look.text for look in looks], [look.terms for look in looks])
    joins = tied(parted, _about(question, title, elsewhere=elsewhere), alone=not elsewhere)
    sends = _SENDS.search(fold(question)) is not None
    found = [False] * len(looks)
    for unit, belongs in zip(parted, joins, strict=True):
        inside = looks[unit.first : unit.end]
        listed = max(look.bears for look in inside) if not unit.asks else 0.0
        belongs = belongs or (listed >= 1 or (unit.asks and inside[0].bears >= 1))
        for at, look in enumerate(inside, start=unit.first):
            another = clear and unit.asks and inside[0].bears < HALF
            lost = not belongs and look.carries
            unasked = clear and look.calls and max(look.bears, listed) < HALF and not (sends and belongs)
            found[at] = another or lost or unasked
    return found


def _about(question: str, title: str, *, elsewhere: bool) -> Terms:
    """Return what is asked and what the passage is called.

    Where another passage answers, a name of another matter ties nothing: whoever wrote the text chose the name, too.
    """
    asked, called = terms(question), terms(title)
    return asked if elsewhere and _ties(asked).isdisjoint(_ties(called)) else asked | called


def units(texts: Sequence[str], of: Sequence[Terms]) -> tuple[Unit, ...]:
    """Return the units of a text, in order."""
    found: list[Unit] = []
    at = 0
    while at < len(texts):
        asks = _side(texts[at]) == "asks"
        end = _turn_ends(texts, at) if asks else max(_list_ends(texts, at), _record_ends(texts, at))
        found.append(Unit(at, end, joined(of[at:end]), asks))
        at = end
    return tuple(found)


def tied(of: Sequence[Unit], about: Terms, *, alone: bool) -> list[bool]:
    """Return of each unit whether a chain of common words leads from it to what is asked.

    Args:
        of: The units.
        about: The title and the question.
        alone: Whether, where nothing is tied to those, the greater part of the text may stand for them.
    """
    words = [_ties(unit.terms) for unit in of]
    found = _reached(words, _ties(about))
    if alone and not any(found):
        size = [unit.end - unit.first if word else 0 for unit, word in zip(of, words, strict=True)]
        for start in range(len(of)):
            body = _reached(words, words[start])
            if 2 * sum(one for one, inside in zip(size, body, strict=True) if inside) > sum(size):
                return body
    return found


def _reached(words: Sequence[frozenset[str]], seed: frozenset[str]) -> list[bool]:
    reached, found, grows = set(seed), [False] * len(words), True
    while grows:
        grows = False
        for at, own in enumerate(words):
            if not found[at] and not reached.isdisjoint(own):
                found[at] = grows = True
                reached |= own
    return found


@lru_cache(maxsize=8_192)
def _ties(of: Terms) -> frozenset[str]:
    """Return the words of a text that say what it is about."""
    known = kinds()
    return frozenset(word for word in (*of.pairs, *of.words) if TALK.isdisjoint(known.get(word, ())))


def _side(text: str) -> str:
    """Return whose turn a sentence begins: that of who `asks`, of who `answers`, or nobody's."""
    label = _LABEL.match(text)
    if label is None:
        return ""
    words = [word for word in re.split(r"[ （()）]+", fold(label[1]).strip()) if word]
    if any(_ANSWERER.fullmatch(word) for word in words):
        return "answers"
    of = {kind for word in words for kind in kinds().get(word, ())}
    if any(_ASKER.fullmatch(word) for word in words) or of & _ASKS:
        return "asks"
    return "answers" if of & _ANSWERS else "asks" if _QUESTION.search(text.strip()) else ""


def _turn_ends(texts: Sequence[str], at: int) -> int:
    """Return where a question and its answer end: at the next one, an empty line, or a line of nobody after an answer."""
    answered = False
    for end in range(at + 1, len(texts)):
        side = _side(texts[end])
        if side == "asks" or "\n\n" in texts[end - 1] or texts[end - 1].strip() == "" and texts[end].strip() == "":
            return end
        if answered and not side and texts[end - 1].endswith("\n"):
            return end
        answered = answered or side == "answers"
    return len(texts)


def _list_ends(texts: Sequence[str], at: int) -> int:
    """Return where a list ends that begins here, with what leads to it; a sentence is a list of its own."""
    end, items = at + 1, 0
    if _LEADS.search(texts[at]) is None and _ITEM.match(texts[at]) is None:
        return end
    line = at
    if _ITEM.match(texts[at]) is None:
        line = end
        while line < len(texts) and not texts[line].strip():
            line += 1
    while line < len(texts) and _ITEM.match(texts[line]) is not None:
        items += 1
        while line < len(texts) and not texts[line].endswith("\n"):
            line += 1
        line = end = min(len(texts), line + 1)
        while line < len(texts) and not texts[line].strip():
            line += 1
    return end if items > 1 or end == at + 1 else max(end, at + 1)


def _record_ends(texts: Sequence[str], at: int) -> int:
    """Return where a record ends that begins here: lines of names and values, a row of a table."""
    end = at
    while end < len(texts) and _FIELD.match(texts[end]) is not None and _side(texts[end]) != "asks":
        while end < len(texts) and not texts[end].endswith("\n"):
            end += 1
        end = min(len(texts), end + 1)
    return max(end, at + 1)
