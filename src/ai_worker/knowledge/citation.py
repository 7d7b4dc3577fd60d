"""Citations: which passage an answer rests on."""

from dataclasses import dataclass

from ai_worker.foundation.text import shorten
from ai_worker.knowledge.passage import Scored


@dataclass(frozen=True, slots=True)
class Citation:
    """One passage that an answer rests on, as shown to the reader and returned by the API."""

    id: str
    """The passage's id."""

    document: str
    """The document's or table's id, which is its path under the folder that was added."""

    title: str
    """What a person would call it: `售后政策 §3.2`."""

    quote: str
    """The beginning of the passage, one line, at most 120 characters."""

    score: float


def cite(found: Scored) -> Citation:
    """Return the citation of a passage that was found."""
    passage = found.passage
    title = f"{passage.called} {passage.locator}".strip()
    return Citation(passage.id, passage.document_id, title, shorten(passage.text, 120), round(found.score, 4))
