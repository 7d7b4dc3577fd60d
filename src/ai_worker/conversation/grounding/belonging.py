"""Belonging: whether a sentence of a document has any business in an answer, by where it stands.

A sentence may sound like a help text and still have nothing to do with what is asked: the code word in the middle of
a page about refunds, the next question of a list of questions, the number to call where the question was how long it
takes. Three things tell, and none of them is how a sentence is worded. A chain of common words leads from the question
or the page's name to what belongs to it. The answer in a talk or a list of questions answers its own question. And an
address, a code or a quotation is given only by what is about the question, or to who asks where to go or what to do.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

from ai_worker.conversation.grounding.facts import numbers, tokens
from ai_worker.conversation.grounding.parts import Document, Part, hanging_together, held, ties
from ai_worker.conversation.grounding.support import terms
from ai_worker.foundation.text import fold

HALF = 0.5
"""How far what is asked in a document must be about the question where another sentence is all about it."""

TOUCHING = 0.35
"""And how far a sentence must be that sends somebody somewhere."""

QUIET = -5.5
"""Up to here a sentence has hardly a word of a talk in it: a name or a number in it is its own matter."""

_SENDS = re.compile(
    r"电话|号码|网址|官网|网站|链接|邮箱|邮件|微信|联系|地址|哪里|哪儿|在哪|去哪|找谁|分机|热线|编号|代码|优惠码|账号|帐号|登录|入口|写信"
    r"|怎么|怎样|如何|咋|步骤|流程|办理|申请|手续|能不能|可以.{0,12}吗"
    r"|\b(?:phone|number|call|contact|e-?mail|website|url|link|address|where|whom?|hotline|extension|code|account)\b"
    r"|\bhow (?:do|to|can|should|would)\b|\bwhat (?:should|do|can|now)\b|\bsteps?\b|\bcan i\b"
)
"""Questions that may well be answered by sending somebody somewhere."""
_EXAMPLES = re.compile(r"示例|样例|示范|范例|范文|模板|话术|\b(?:sample|example|template|model)s?\b")
"""Questions that may well be answered with an example of what to say."""


class Beside(Protocol):
    """One sentence beside a question."""

    @property
    def part(self) -> Part:
        """The sentence."""

    @property
    def own(self) -> float:
        """How far it is about the question by its own words, 0..1."""

    @property
    def out(self) -> bool:
        """Whether it is left out already."""


def strangers(
    document: Document, sentences: Sequence[Beside], question: str, *, title: str, elsewhere: bool
) -> set[int]:
    """Return the places of the sentences that have no business in an answer.

    Args:
        document: The passage.
        sentences: Its sentences beside the question.
        question: What is asked.
        title: What the passage is called.
        elsewhere: Whether another passage has a sentence that is all about the question.
    """
    clear = elsewhere or any(sentence.own >= 1 and not sentence.out for sentence in sentences)
    sends, examples = _asks_where(question), _EXAMPLES.search(fold(question)) is not None
    named = tokens(question) | numbers(question)
    found: set[int] = set()
    for unit, tied in zip(document.units, _tied(document, sentences, question, title, elsewhere), strict=True):
        inside = sentences[unit.first : unit.end]
        about = inside[0].own if unit.asks else max(sentence.own for sentence in inside)
        another = (unit.asks and clear and about < HALF) or (unit.shows and not examples)
        belongs = tied or about >= 1
        for at, sentence in enumerate(inside, start=unit.first):
            part = sentence.part
            near = sentence.own if unit.asks else about
            lost = not belongs and (part.carries or (part.voice > QUIET and not part.named <= named))
            unasked = clear and (part.calls or part.carries) and near < TOUCHING and not (sends and belongs)
            if another or lost or unasked:
                found.add(at)
    return found


def _tied(
    document: Document, sentences: Sequence[Beside], question: str, title: str, elsewhere: bool
) -> Sequence[bool]:
    """Return of each unit whether a chain of common words leads from it to what is asked.

    Where nothing is tied to the question or the title, and no other passage answers, the greater part of the text
    stands for them: it was found for other words than its own.
    """
    about = _about(question, title, elsewhere=elsewhere)
    bodies, holders = document.bodies, document.holders
    if any(sentence.out and sentence.part.ties for sentence in sentences):
        left = [
            frozenset[str]().union(*(one.part.ties for one in sentences[unit.first : unit.end] if not one.out))
            for unit in document.units
        ]
        holders = held(left)
        bodies = hanging_together(left, holders)
    found = {bodies[at] for word in about for at in holders.get(word, ())}
    if not found and not elsewhere:
        found = _greater_part(document, bodies)
    return [body in found for body in bodies]


def _greater_part(document: Document, bodies: Sequence[int]) -> set[int]:
    """Return the body that is more than half of the text; empty if there is none."""
    sizes: Counter[int] = Counter()
    for unit, own, body in zip(document.units, document.words, bodies, strict=True):
        sizes[body] += unit.end - unit.first if own else 0
    return {body for body, size in sizes.most_common(1) if 2 * size > sizes.total()}


def _about(question: str, title: str, *, elsewhere: bool) -> frozenset[str]:
    """Return the words of what is asked and of what the passage is called.

    Where another passage answers, a name of another matter ties nothing: who wrote the text chose the name, too.
    """
    asked, called = ties(terms(question)), ties(terms(title))
    return asked if elsewhere and asked.isdisjoint(called) else asked | called


@lru_cache(maxsize=512)
def _asks_where(question: str) -> bool:
    return _SENDS.search(fold(question)) is not None
