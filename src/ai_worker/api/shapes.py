"""Shapes that several rooms of the API read and write."""

from typing import Annotated, Any, Literal

import msgspec

from ai_worker.conversation.message import Utterance
from ai_worker.conversation.turn import TurnResult, answer_object
from ai_worker.foundation.text import clean

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=100_000)]
"""What somebody says."""

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
"""An id or a name of the caller's choice."""

Role = Literal["user", "assistant", "system", "developer", "tool", "function"]


class Said(msgspec.Struct):
    """One earlier utterance. Only `user` and `assistant` are heard."""

    role: Role
    content: Annotated[str, msgspec.Meta(max_length=100_000)]


class CitationShape(msgspec.Struct):
    """A passage that the answer rests on."""

    id: str
    document: str
    title: str
    quote: str
    score: float


class CandidateShape(msgspec.Struct):
    """An entry or document that could be the answer."""

    id: str
    score: float


class Answer(msgspec.Struct):
    """What the worker decided and says."""

    decision: Literal["answer", "clarify", "handoff"]
    text: str
    answer_id: str | None
    confidence: Annotated[float, msgspec.Meta(ge=0, le=1)]
    candidates: list[CandidateShape]
    citations: list[CitationShape]
    turn_id: str


def shown(turn_id: str, result: TurnResult) -> dict[str, Any]:
    """Return a result as the API shows it. A holding notice counts as a hand-off: the answer comes later."""
    answer = answer_object(turn_id, result)
    return answer | {"decision": "handoff"} if result.hold else answer


def heard(history: list[Said]) -> tuple[Utterance, ...]:
    """Return what was said before. Instructions that a caller slips in are not followed, so not heard.

    Nobody here knows what the replies that a caller brings were made of.
    """
    return tuple(
        Utterance("user", text) if said.role == "user" else Utterance("assistant", text, tainted=True)
        for said in history
        if said.role in ("user", "assistant") and (text := clean(said.content))
    )
