"""Retrieve: what the knowledge has on a message, also when it leans on the one before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ai_worker.conversation.context.complete import completions, leaned_on
from ai_worker.conversation.context.questions import core_of
from ai_worker.conversation.grounding.sentences import split
from ai_worker.conversation.hearing import hearing, squash
from ai_worker.conversation.history import last_reply
from ai_worker.conversation.message import Utterance
from ai_worker.conversation.turn import Candidate
from ai_worker.knowledge import terms
from ai_worker.knowledge.language.meaning import lexicon
from ai_worker.knowledge.passage import Passage, Scored
from ai_worker.knowledge.retrieve import Reader, Retriever

LIMIT = 8
CANDIDATES = 5
SEARCHED = 500
"""Characters of a message that are searched for; a question stands in fewer, and a search costs by length."""

CLEAR_BY = 0.15
"""How much better than another approved answer the best one must be. On the development questions this costs
0.2 points of answers at most, and asks back where an administrator would."""

OF_EACH = 2
"""Passages that each of several questions adds to what a model reads."""

JUST_BELOW = 0.01

MATTER = frozenset("nvajlie")
"""First letters of the parts of speech that say what a question is about."""

SHORT = 6
"""Characters without punctuation up to which a message that finds nothing may lean on the last one."""


@dataclass(frozen=True, slots=True)
class Bars:
    """The confidences between which a turn decides."""

    answer_at: float
    """From here on it is answered."""

    clarify_at: float
    """From here on it is asked back."""

    @property
    def fallback_at(self) -> float:
        """From here on an approved answer stands in for a model that failed: half-way between the two."""
        return round((self.answer_at + self.clarify_at) / 2, 6)  # 0.8 and 0.4 make 0.6000000000000001

    @property
    def material_at(self) -> float:
        """From here on a passage is worth a model's reading: half of what asking back takes."""
        return self.clarify_at / 2


@dataclass(frozen=True, slots=True)
class Shelves:
    """The knowledge that one turn may look into: its worker's bases, as far as the asker may read."""

    retriever: Retriever
    bases: tuple[str, ...]
    reader: Reader
    vector: Sequence[float] | None = None
    """The message's embedding; `None` where there is none, or none in time."""

    def search(self, text: str) -> list[Scored]:
        """Return what fits `text`, best first."""
        return self.retriever.search(
            text[:SEARCHED], bases=self.bases, limit=LIMIT, reader=self.reader, vector=self.vector
        )


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found."""

    found: tuple[Scored, ...]
    """Best first."""

    question: str
    """What was asked, completed by the message before if it leans on it."""

    leans: bool
    """The message makes sense only after what was said before."""

    @property
    def best(self) -> float:
        """The best confidence; 0 when nothing was found."""
        return self.found[0].score if self.found else 0.0

    def where(self, suits: Callable[[Passage], bool]) -> "Findings":
        """Return the findings without what does not suit."""
        return replace(self, found=tuple(scored for scored in self.found if suits(scored.passage)))

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The best entries and documents, each once."""
        best: dict[str, Candidate] = {}
        for scored in self.found:
            id_ = scored.passage.answer_id
            best.setdefault(id_, Candidate(id_, scored.score, scored.passage.base))
        return tuple(list(best.values())[:CANDIDATES])

    @property
    def base(self) -> str:
        """The knowledge base of the best; empty when nothing was found."""
        return self.found[0].passage.base if self.found else ""


def look_up(
    shelves: Shelves, text: str, history: Sequence[Utterance], *, bars: Bars, corrects: bool = False
) -> Findings:
    """Search for `text`; if it is weak alone and leans on an earlier question, in full as well: the surer wins.

    What was said last is left out of what a completed message finds, and of all that a correction finds:
    nobody asks for the answer they just got.
    """
    heard = last_reply(history)
    found = shelves.search(text)
    alone = Findings(tuple(_news(found, heard) if corrects else found), text, leans=False)
    if alone.best < bars.answer_at and (core := core_of(text)) != text:
        alone = _better(alone, Findings(tuple(shelves.search(core)), core, leans=False), bars)
    if not (corrects or _leans(text, alone.best, bars)) or not (before := leaned_on(text, history)):
        return alone
    in_full = completions(text, before, history, corrects=corrects)
    if alone.best >= bars.answer_at:  # what stands by itself needs no words of another question
        in_full = in_full[:-1]
    best = replace(alone, question=in_full[-1] if in_full else text, leans=True)
    for question in in_full:
        full = Findings(tuple(_news(shelves.search(question), heard)), question, leans=True)
        best = _better(best, full, bars)
        if best.best >= bars.answer_at and is_clear(best):
            break
    if corrects and best.best < bars.answer_at and (again := _once_more(found, text, heard, bars)) is not None:
        return Findings((again,), text, leans=False)
    return best


def in_full(text: str, history: Sequence[Utterance], findings: Findings, *, corrects: bool) -> str:
    """Return what `text` asks in words that say it all; empty if it says it itself.

    A sentence that was made of it, or the question before and a message too short to be one. A short message that
    does not point back is a question of its own: `有班车吗`.
    """
    before = leaned_on(text, history) if findings.leans else ""
    if not before:
        return ""
    ways = completions(text, before, history, corrects=corrects)
    too_short = hearing().points_back(text) and len(squash(text)) <= SHORT
    return ways[0] if len(ways) > 1 or too_short else ""


def _better(one: Findings, other: Findings, bars: Bars) -> Findings:
    """Return the surer of two; a clear answer comes before one that has a rival, if it is sure."""
    if not other.found or not one.found:
        return one if one.found else other
    if other.best < min(one.best, bars.answer_at):
        return one
    return other if (is_clear(other), other.best) > (is_clear(one), one.best) else one


def widened(findings: Findings, shelves: Shelves, parts: Sequence[str], *, bars: Bars) -> Findings:
    """Return the findings with what each question of a message finds, too, for a model to answer all of them.

    What answers one of them surely is no sure answer to the message.
    """
    below = bars.answer_at - JUST_BELOW
    best: dict[str, Scored] = {}
    for scored in (*findings.found, *(scored for part in parts for scored in shelves.search(part)[:OF_EACH])):
        kept = best.get(scored.passage.id)
        if kept is None or scored.score > kept.score:
            best[scored.passage.id] = replace(scored, score=min(scored.score, below))
    return replace(findings, found=tuple(sorted(best.values(), key=lambda scored: -scored.score)))


def _news(found: Sequence[Scored], heard: str) -> list[Scored]:
    """Return what was not said in the latest reply."""
    return [scored for scored in found if not heard or scored.passage.text not in heard]


def _once_more(found: Sequence[Scored], text: str, heard: str, bars: Bars) -> Scored | None:
    """Return the part of the answer just given that says what a correction asks for; `None` if none does.

    Nobody wants the same answer again, but `我问的是餐补` may mean one sentence of it: that sentence, word for
    word. What the correction names stands in it, and not in the question that was taken for the contact's.
    """
    matter = _named(text)
    if not matter:
        return None
    for scored in found:
        passage = scored.passage
        if passage.kind != "entry" or passage.text not in heard or scored.score < bars.clarify_at:
            continue
        sentences = split(passage.text)
        saying = [one for one in sentences if all(word in terms.plain(one) for word in matter)]
        named = all(word in terms.plain(passage.title) for word in matter)
        if saying and not (named and len(saying) == len(sentences)):
            part = replace(passage, text="".join(saying).strip())
            return replace(scored, passage=part, score=max(scored.score, bars.answer_at))
    return None


def _named(text: str) -> list[str]:
    """Return the words of a question that say what it is about, without those that say what is asked of it."""
    known = lexicon()
    aside = known.asking | known.attributes | known.aside
    return [
        word
        for word, tag in terms.tagged(terms.plain(text))
        if len(word) > 1
        and tag[0] in MATTER
        and word not in terms.FUNCTION_WORDS
        and not aside.issuperset(known.meanings.get(word, (word,)))
    ]


def by_id(shelves: Shelves, passage_id: str, label: str) -> Scored | None:
    """Return the passage that a choice stands for; `None` if it is gone from the knowledge."""
    return next((scored for scored in shelves.search(label) if scored.passage.id == passage_id), None)


def is_clear(findings: Findings) -> bool:
    """Return whether the best answer is clear of every other one, or worded exactly like the question."""
    best = findings.found[0]
    rival = next((scored for scored in findings.found[1:] if rivals(scored.passage, best.passage)), None)
    return rival is None or best.score - rival.score >= CLEAR_BY or says_exactly(best, findings.question)


def rivals(passage: Passage, best: Passage) -> bool:
    """Return whether a passage is another answer of the same standing."""
    return (
        passage.kind == best.kind
        and passage.text != best.text
        and (passage.kind == "entry" or passage.document_id != best.document_id)
    )


def says_exactly(scored: Scored, question: str) -> bool:
    """Return whether the question is worded like the entry, punctuation apart."""
    return bool(scored.matched) and squash(scored.matched) == squash(question)


def _leans(text: str, best: float, bars: Bars) -> bool:
    return hearing().points_back(text) or (best < bars.clarify_at and len(squash(text)) <= SHORT)
