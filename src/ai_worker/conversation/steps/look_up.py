"""Retrieve: what the knowledge has on a message, also when it leans on the one before."""

from collections.abc import Sequence
from dataclasses import dataclass

from ai_worker.conversation.hearing import hearing, squash
from ai_worker.conversation.history import last_question, last_reply
from ai_worker.conversation.message import Utterance
from ai_worker.conversation.turn import Candidate
from ai_worker.knowledge.passage import Scored
from ai_worker.knowledge.retrieve import Reader, Retriever

LIMIT = 8
CANDIDATES = 5
SEARCHED = 500
"""Characters of a message that are searched for; a question stands in fewer, and a search costs by length."""

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
        return (self.answer_at + self.clarify_at) / 2

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

    def search(self, text: str) -> list[Scored]:
        """Return what fits `text`, best first."""
        return self.retriever.search(text[:SEARCHED], bases=self.bases, limit=LIMIT, reader=self.reader)


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


def look_up(shelves: Shelves, text: str, history: Sequence[Utterance], *, bars: Bars) -> Findings:
    """Search for `text`; if it is weak alone and leans on the last question, for both together.

    What was said last is left out of the second search: nobody asks for the answer they just got.
    """
    alone = Findings(tuple(shelves.search(text)), text, leans=False)
    before = last_question(history)
    if not before or not _leans(text, alone.best, bars):
        return alone
    together = f"{before[: SEARCHED // 2]} {text[: SEARCHED // 2]}"
    heard = last_reply(history)
    found = [scored for scored in shelves.search(together) if not heard or scored.passage.text not in heard]
    if found and found[0].score > alone.best:
        return Findings(tuple(found), together, leans=True)
    return Findings(alone.found, together, leans=True)


def by_id(shelves: Shelves, passage_id: str, label: str) -> Scored | None:
    """Return the passage that a choice stands for; `None` if it is gone from the knowledge."""
    return next((scored for scored in shelves.search(label) if scored.passage.id == passage_id), None)


def says_exactly(scored: Scored, question: str) -> bool:
    """Return whether the question is worded like the entry, punctuation apart."""
    return bool(scored.matched) and squash(scored.matched) == squash(question)


def _leans(text: str, best: float, bars: Bars) -> bool:
    if best >= bars.answer_at:
        return False
    return hearing().points_back(text) or (best < bars.clarify_at and len(squash(text)) <= SHORT)
