"""What one turn takes in and gives out."""

from dataclasses import dataclass
from typing import Any, Literal

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Choice, InboundMessage, Reply, Utterance
from ai_worker.conversation.progress import Progress, ToolUse
from ai_worker.knowledge.citation import Citation

Decision = Literal["answer", "clarify", "handoff", "silent"]
"""`silent`: a person has taken over, or it is answered with the next message; there is no reply."""

StepName = Literal["understand", "retrieve", "decide", "act", "compose", "model", "tool", "guard"]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a turn did."""

    name: StepName
    ms: float
    detail: str = ""
    """One short phrase for the console: `3 passages, best 0.91`. Never message text or a secret."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entry or document that could be the answer."""

    id: str
    score: float
    base: str = ""
    """The knowledge base that it stands in."""


@dataclass(frozen=True, slots=True)
class PendingQuestion:
    """A clarifying question that the worker asked last and that may now be answered."""

    choices: tuple[Choice, ...] = ()
    verb: str = ""
    """The tool whose missing slot was asked for; empty when choices were offered."""

    times: int = 1
    """How often it was asked back in a row."""

    asker: str = ""
    """In a group, who was asked, as `Contact.id`; empty elsewhere: there is only one."""

    others: tuple["PendingQuestion", ...] = ()
    """In a group, what other members have been asked and not answered yet, the latest first."""

    burst: tuple[str, ...] = ()
    """What the contact has said just before and is to be answered with their next message; see
    `pipeline.burst`."""

    burst_of: str = ""
    """In a group, who has said that, as `Contact.id`; empty elsewhere."""


@dataclass(frozen=True, slots=True)
class TurnInput:
    """Everything a turn knows when it begins."""

    turn_id: str
    message: InboundMessage
    history: tuple[Utterance, ...]
    """What was said before, oldest first, bounded."""

    worker: str
    pending: PendingQuestion | None = None
    blocked: bool = False
    """The conversation waits for a person and the worker may not answer (see `Reason.blocks`)."""

    human: bool = False
    """A person has taken over."""

    attempt: int = 1
    held: bool = False
    """A holding notice has gone out for this message, or for one before it that it waits with: nobody needs
    to be told again that the real answer is due."""

    last_chance: bool = False
    """It was held for as long as anybody can be asked to wait: what fails now goes to a person."""

    progress: Progress | None = None
    """What an earlier run of this turn did with tools that act; `None` when it did nothing."""

    comfortable: int = 0
    """Characters of an answer that read well where it goes; 0 where any length does."""

    behind: tuple[Utterance, ...] = ()
    """Messages before it whose answers wait for the model, oldest first; `history` has them, too. What
    needs the model waits behind them, and all else is answered at once."""

    overtaken: bool = False
    """Its own answer has waited for the model, and a newer message was answered meanwhile: the answer has
    to say what it answers."""


@dataclass(frozen=True, slots=True)
class TurnResult:
    """What a turn decided and says."""

    decision: Decision
    reply: Reply | None
    confidence: float = 0.0
    """0..1: how sure the worker is that this reply is right."""

    answer_id: str | None = None
    """The entry or document that was answered from; `None` when none was."""

    candidates: tuple[Candidate, ...] = ()
    citations: tuple[Citation, ...] = ()
    tools: tuple[ToolUse, ...] = ()
    steps: tuple[Step, ...] = ()
    reason: Reason | None = None
    """Why it was handed over; `None` unless `decision` is `handoff`."""

    model: str | None = None
    """The model that wrote the reply; `None` when none did."""

    tokens: int = 0
    pending: PendingQuestion | None = None
    """What was asked back, for the next turn to understand `2` or an order number by."""

    hold: bool = False
    """The answer needs a model and none works now: `reply` is a holding notice, try again later."""

    first_words_ms: float | None = None
    """Milliseconds from the turn's start to the first streamed words; `None` when not streamed."""

    first_in_queue: bool = False
    """Of a hand-off: the contact is one of those who do not wait behind others."""

    joined: bool = False
    """There is no reply because the message is answered together with the next one."""

    question: str = ""
    """What was asked, in words that say it without what came before; empty where the message's own do."""

    tainted: bool = False
    """The reply may repeat what may give nobody orders: a document, a business system's words, or what a model
    has made of them. Whoever is shown it in a later turn has read it, too."""


def answer_object(turn_id: str, result: TurnResult) -> dict[str, Any]:
    """Return the public form of a result: what `POST /api/v1/ask` and `knowledge ask` give back.

    `decision` is one of answer, clarify, handoff: a silent turn (a person has taken over) counts as
    a hand-off to the outside.
    """
    return {
        "decision": "handoff" if result.decision == "silent" else result.decision,
        "text": result.reply.text if result.reply else "",
        "answer_id": result.answer_id,
        "confidence": round(result.confidence, 4),
        "candidates": [{"id": c.id, "score": round(c.score, 4)} for c in result.candidates],
        "citations": [
            {"id": c.id, "document": c.document, "title": c.title, "quote": c.quote, "score": c.score}
            for c in result.citations
        ],
        "turn_id": turn_id,
    }
