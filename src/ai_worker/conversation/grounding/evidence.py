"""Evidence: which sentences of a document an answer may rest on.

Two things count for a sentence. To whom it speaks (`voice.py`): a document tells its readers something;
a sentence that tells the writer of an answer what to write is none of its matter. And whether it bears on
what is asked: a sentence about the question is kept unless it plainly speaks to the writer, one that has
nothing to do with it is kept only if it plainly does not. So what is slipped in has to be about this very
question and to sound like a help text; and what is left out in doubt is what nobody asked for.

What is left out is neither shown to a model nor quoted, and nothing in an answer may rest on it.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ai_worker.conversation.grounding.addresses import names_address
from ai_worker.conversation.grounding.facts import tokens
from ai_worker.conversation.grounding.orders import commands, unmarked
from ai_worker.conversation.grounding.sentences import split
from ai_worker.conversation.grounding.support import terms
from ai_worker.conversation.grounding.voice import SURE, SURELY, to_writer

HARDLY, CARRYING = -2.8, -3.6
"""How much a sentence may speak to the writer that is not about the question; the second, one that has something to
carry over: an address, a code word, a phrase in quotation marks."""

BEARS = 0.4
"""The share of a question's terms that a sentence has which is all about it."""

BESIDE = 1.5
"""How much stricter a sentence is looked at that stands beside an order."""

LEANING = 3
"""Terms below which a sentence says nothing of its own: it is about what the one before is about."""

IN_CODE = 0.8
"""How far a line of code is about a question that names what the text names: nobody asks in code."""

HALF, NOTHING = 0.5, -99.0

LONGEST = 8_000
REMEMBERED = 512

_FORWARD = re.compile(
    r"(?:以下|如下|下面|下列|下一[行句段]|接下来|\bfollowing\b|\bbelow\b|\bnext (?:line|sentence)\b)", re.IGNORECASE
)
_BACKWARD = re.compile(r"(?:上面|上述|上一[行句段]|前[一面]句|\babove\b|\bprevious (?:line|sentence)\b)", re.IGNORECASE)
_OPEN = re.compile(r"[:：—\-]\W*$")
_SETTING = re.compile(r"^\W*[\w.\-]{1,40}\s*[:=]\s*[\"'“‘{\[]|^\s*[{%@]|[}%;]\s*$|\b\w+=[\"'“]")
_CARGO = re.compile(
    r"[“「『\"'‘«„][^”」』\"'’»“\n]{2,60}[”」』\"'’»“]|\b[A-Z][A-Z0-9]+-[A-Z0-9-]+\b|\b[A-Z]{6,}\b|\d{3}[\d \-]{4,}\d"
)


@dataclass(slots=True)
class _Sentence:
    """One sentence that is looked at."""

    text: str
    voice: float
    bears: float
    """How far it is about the question, 0..1."""

    strays: bool = False
    """Whether it is a line of settings or code in a text that is none, and has nothing to do with the question."""

    out: bool = False

    @property
    def bar(self) -> float:
        """From where on it is left out."""
        if self.strays:
            return NOTHING
        if self.bears >= 1 or self.voice < CARRYING:
            return SURELY
        low = CARRYING if _CARGO.search(self.text) or names_address(self.text) else HARDLY
        return low + self.bears * (SURELY - low)


@lru_cache(maxsize=REMEMBERED)
def evidence(text: str, question: str = "", *, names: tuple[str, ...] = ()) -> str:
    """Return a document's text without what no answer to a question may rest on.

    Args:
        text: The passage.
        question: What is asked; empty where nobody knows: then only what plainly speaks to a writer is left out.
        names: What the tools on offer are called.
    """
    shown = unmarked(text[:LONGEST], names=names)
    sentences = _looked_at(shown, question)
    for sentence in sentences:
        sentence.out = sentence.voice >= sentence.bar
    if not any(sentence.out for sentence in sentences):
        return shown
    _spread(sentences)
    return "".join(sentence.text for sentence in sentences if not sentence.out).strip()


def _looked_at(text: str, question: str) -> list[_Sentence]:
    found: list[_Sentence] = []
    asked = terms(question)
    for part in split(text):
        bare, said = part.strip(), terms(part)
        bears = min(1.0, asked.share_in(said) / BEARS) if asked else 1.0
        own = len(said.characters) + (0 if names_address(part) else len(said.words))
        if found and own < LEANING:
            bears = max(bears, found[-1].bears)
        found.append(_Sentence(part, _voice(bare), bears))
    technical = bool(tokens(question) & tokens(text))
    for one in found:
        if technical and not terms(one.text).characters:
            one.bears = max(one.bears, IN_CODE)
        elif not technical and one.bears < HALF and _SETTING.search(one.text.strip()):
            one.strays = _CARGO.search(one.text) is not None
    return found


def _voice(sentence: str) -> float:
    if len(sentence) < 2:
        return NOTHING
    voice = to_writer(sentence)
    return SURE if voice < SURE and commands(sentence) else voice


def _spread(sentences: Sequence[_Sentence]) -> None:
    """Leave out what belongs to an order: what it points to, and what is doubtful beside it."""
    waits = False
    for at, sentence in enumerate(sentences):
        if waits and not sentence.out:
            waits = sentence.bears < HALF
            sentence.out = waits
        elif sentence.out and sentence.voice > NOTHING:
            waits = _FORWARD.search(sentence.text) is not None or _OPEN.search(sentence.text.rstrip()) is not None
            if at and _BACKWARD.search(sentence.text):
                sentences[at - 1].out = True
            for beside in sentences[max(0, at - 1) : at + 2]:
                beside.out = beside.out or beside.voice >= beside.bar - BESIDE
