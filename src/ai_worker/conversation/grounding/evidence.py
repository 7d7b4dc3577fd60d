"""Evidence: which sentences of a document an answer may rest on.

Three things count for a sentence. To whom it speaks (`voice.py`): a document tells its readers something;
a sentence that tells the writer of an answer what to write is none of its matter. And whether it bears on
what is asked: a sentence about the question is kept unless it plainly speaks to the writer, one that has
nothing to do with it is kept only if it plainly does not. So what is slipped in has to be about this very
question and to sound like a help text; and what is left out in doubt is what nobody asked for. Where a sentence
stands (`belonging.py`) is the third.

What is left out is neither shown to a model nor quoted, and nothing in an answer may rest on it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ai_worker.conversation.grounding.belonging import HALF, strangers
from ai_worker.conversation.grounding.facts import tokens
from ai_worker.conversation.grounding.parts import REMEMBERED, SILENT, Part, taken_apart
from ai_worker.conversation.grounding.support import terms
from ai_worker.conversation.grounding.voice import SURELY

HARDLY, CARRYING = -2.8, -3.6
"""How much a sentence may speak to the writer that is not about the question; the second, one that has something to
carry over: an address, a code word, a phrase in quotation marks."""

PLAINLY = 3.5
"""And one that is all about the question and has nothing to carry over."""

BEARS = 0.4
"""The share of a question's terms that a sentence has which is all about it."""

BESIDE = 1.5
"""How much stricter a sentence is looked at that stands beside an order."""

IN_CODE = 0.8
"""How far a line of code is about a question that names what the text names: nobody asks in code."""

FAR = 20
"""Sentences that an order may have behind it, as long as none of them is about the question."""

_FORWARD = re.compile(
    r"(?:以下|如下|下面|下列|下一[行句段]|接下来|\bfollowing\b|\bbelow\b|\bnext (?:line|sentence)\b)", re.IGNORECASE
)
_BACKWARD = re.compile(r"(?:上面|上述|上一[行句段]|前[一面]句|\babove\b|\bprevious (?:line|sentence)\b)", re.IGNORECASE)
_OPEN = re.compile(r"[:：—\-]\W*$")


@dataclass(slots=True)
class _Sentence:
    """One sentence beside a question."""

    part: Part
    bears: float
    """How far it is about the question, 0..1; a sentence that says nothing of its own, as far as the one before."""

    own: float
    """How far it is about the question by its own words."""

    strays: bool = False
    """Whether it is a line of settings in a text that is none, and has nothing to do with the question."""

    out: bool = False

    @property
    def answers(self) -> bool:
        """Whether it is all about the question, and has nothing to carry over."""
        return self.own >= 1 and not self.part.carries

    @property
    def bar(self) -> float:
        """From where on it is left out."""
        if self.strays:
            return SILENT
        if self.answers:
            return PLAINLY
        if self.bears >= 1 or self.part.voice < CARRYING:
            return SURELY
        low = CARRYING if self.part.carries else HARDLY
        return low + self.bears * (SURELY - low)


def bears_plainly(text: str, question: str, *, names: tuple[str, ...] = ()) -> bool:
    """Return whether a document has a sentence that is all about a question and does not speak to the writer."""
    parts = taken_apart(text, names).parts
    return any(own >= 1 and part.voice < SURELY for own, part in zip(_own(text, names, question), parts, strict=False))


@lru_cache(maxsize=REMEMBERED)
def _own(text: str, names: tuple[str, ...], question: str) -> tuple[float, ...]:
    """Return of each sentence how far it is about a question by its own words, 0..1; nothing where it has none."""
    asked = terms(question)
    parts = taken_apart(text, names).parts if asked else ()
    return tuple(min(1.0, asked.share_in(part.terms) / BEARS) for part in parts)


@lru_cache(maxsize=REMEMBERED)
def evidence(
    text: str, question: str = "", *, title: str = "", names: tuple[str, ...] = (), elsewhere: bool = False
) -> str:
    """Return a document's text without what no answer to a question may rest on.

    Args:
        text: The passage.
        question: What is asked; empty where nobody knows: then only what plainly speaks to a writer is left out.
        title: What the passage is called.
        names: What the tools on offer are called.
        elsewhere: Whether another passage that was found has a sentence that is plainly about the question.
    """
    document = taken_apart(text, names)
    own = _own(text, names, question)
    sentences = _beside(document.parts, own, technical=bool(tokens(question) & document.named))
    for sentence in sentences:
        sentence.out = sentence.part.voice >= sentence.bar
    if any(sentence.out for sentence in sentences):
        _spread(sentences)
    if own:
        for at in strangers(document, sentences, question, title=title, elsewhere=elsewhere):
            sentences[at].out = True
    if not any(sentence.out for sentence in sentences):
        return document.shown
    return "".join(sentence.part.text for sentence in sentences if not sentence.out).strip()


def _beside(parts: Sequence[Part], about: Sequence[float], *, technical: bool) -> list[_Sentence]:
    """Return the sentences with how far each is about the question.

    Args:
        parts: The sentences.
        about: How far each is about the question by its own words; empty where nothing is asked.
        technical: Whether the question names what the text names, so that lines of code may answer it.
    """
    found: list[_Sentence] = []
    before = 0.0
    for at, part in enumerate(parts):
        own = about[at] if about else 0.0
        bears = own if about else 1.0
        before = max(bears, before) if part.leans else bears
        bears = max(before, IN_CODE) if technical and not part.terms.characters else before
        strays = part.sets and not technical and bears < HALF
        found.append(_Sentence(part, bears, own, strays))
    return found


def _spread(sentences: Sequence[_Sentence]) -> None:
    """Leave out what belongs to an order: what it points to, and what is doubtful beside it."""
    waits = 0
    for at, sentence in enumerate(sentences):
        if waits and not sentence.out:
            waits = waits - 1 if sentence.bears < HALF else 0
            sentence.out = sentence.bears < HALF
        elif sentence.out and sentence.part.voice > SILENT:
            waits = _points_on(sentence.part.text)
            if at and _BACKWARD.search(sentence.part.text):
                sentences[at - 1].out = True
            for beside in sentences[max(0, at - 1) : at + 2]:
                beside.out = beside.out or beside.part.voice >= beside.bar - (0.0 if beside.answers else BESIDE)


def _points_on(sentence: str) -> int:
    """Return into how many more sentences a sentence goes on: it says so, ends open, or its quotation does not end."""
    if _FORWARD.search(sentence) or _OPEN.search(sentence.rstrip()):
        return FAR
    unended = any(sentence.count(begin) > sentence.count(end) for begin, end in ("“”", "「」", "『』", "«»"))
    return 1 if unended or sentence.count('"') % 2 else 0
