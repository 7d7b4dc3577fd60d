"""Candidates: passages in the running for a question."""

from dataclasses import dataclass

from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.wording import Wording


@dataclass(frozen=True, slots=True)
class Candidate:
    """One passage in the running, seen through its wordings or through its text."""

    key: str
    answer: str
    group: str
    """Candidates of one group do not compete: a section's passages, found by its heading, are all right."""

    rank: float
    figures: tuple[float, ...]
    matched: str
    passage: Passage | None
    titles: bool = False
    """Whether it was found by a document's title, which is no question."""

    heard: tuple[Wording, ...] = ()
    """The wordings by which it was found; none if it was found otherwise."""
