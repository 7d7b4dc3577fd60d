"""Evaluation: golden questions, asked through the very turn that contacts get, and what became of them.

A golden question is one whose right answer somebody has confirmed. A run asks all of them, each alone and
without a model, so that the same knowledge gives the same run; two runs name what got better and worse.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.conversation.turn import Decision, TurnInput, TurnResult
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.ids import derived_id

Source = Literal["file", "gap", "feedback"]

Verdict = Literal["right", "refused", "offered", "missed", "wrong", "invented"]
"""`right`: answered, and rightly. `refused`: there is no answer, and none was given. `offered`: asked back,
the right answer among the choices. `missed`: there is an answer, and it was not given. `wrong`: another
one was given. `invented`: there is none, and one was given."""

WORTH: Mapping[Verdict, int] = {"right": 3, "refused": 3, "offered": 2, "missed": 1, "wrong": 0, "invented": 0}
"""What is better than what: an honest "I do not know" is better than a wrong answer."""


@dataclass(frozen=True, slots=True)
class GoldenQuestion:
    """A question whose right answer is known."""

    id: str
    question: str
    answer_ids: tuple[str, ...]
    """Entries or documents, any one of which is right; empty: nothing in the knowledge answers it, so a
    person must be asked for."""

    topic: str = ""
    source: Source = "file"
    added_at: datetime | None = None
    """`None` before it is stored."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one golden question."""

    id: str
    question: str
    topic: str
    answer_ids: tuple[str, ...]
    decision: Decision
    answer_id: str | None
    confidence: float
    """Of the best candidate, 0..1, whatever was decided."""

    best_id: str | None
    base: str
    """The best candidate's knowledge base; empty if there was no candidate."""

    offered: tuple[str, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class EvalRun:
    """All golden questions, asked at one moment."""

    at: datetime
    revision: int
    """Of the knowledge."""

    version: str
    """Of the product."""

    outcomes: tuple[Outcome, ...]
    number: int = 0
    """Counted up by the store; 0 before it is stored."""

    def count(self, *verdicts: Verdict) -> int:
        """Return how many outcomes have one of these verdicts."""
        return sum(outcome.verdict in verdicts for outcome in self.outcomes)

    @property
    def answered(self) -> int:
        """How many questions were answered, rightly or not."""
        return self.count("right", "wrong", "invented")

    @property
    def precision(self) -> float | None:
        """The share of answers that are right; `None` when nothing was answered."""
        return self.count("right") / self.answered if self.answered else None

    @property
    def score(self) -> float | None:
        """The share of questions that were dealt with as they should be; `None` when there are none."""
        return self.count("right", "refused") / len(self.outcomes) if self.outcomes else None

    def topics(self) -> list[tuple[str, int, int]]:
        """Return each topic with how many of its questions were dealt with as they should be, and how many it has."""
        all_of, good = Counter[str](), Counter[str]()
        for outcome in self.outcomes:
            all_of[outcome.topic] += 1
            good[outcome.topic] += outcome.verdict in ("right", "refused")
        return [(topic, good[topic], all_of[topic]) for topic in sorted(all_of)]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a run changed against an earlier one, of the questions that both asked."""

    worse: tuple[tuple[Outcome, Outcome], ...]
    """Before and now."""

    better: tuple[tuple[Outcome, Outcome], ...]


@dataclass(frozen=True, slots=True)
class Threshold:
    """From which confidence on a knowledge base answers and asks back, tuned for a share of right answers."""

    base: str
    target: float
    answer_at: float
    clarify_at: float
    questions: int
    tuned_at: datetime


class EvaluationStore(Protocol):
    """Keeps golden questions, runs and thresholds."""

    async def golden(self) -> list[GoldenQuestion]:
        """Return all golden questions, by id."""
        ...

    async def put_golden(self, questions: Sequence[GoldenQuestion], *, at: datetime) -> None:
        """Add golden questions; one with the same id is replaced."""
        ...

    async def remove_golden(self, ids: Sequence[str]) -> int:
        """Remove golden questions; return how many there were."""
        ...

    async def keep_run(self, run: EvalRun) -> int:
        """Keep a run and forget the oldest beyond `RUNS_KEPT`; return its number."""
        ...

    async def runs(self, limit: int) -> list[EvalRun]:
        """Return runs, the latest first."""
        ...

    async def thresholds(self) -> list[Threshold]:
        """Return what was tuned, by base."""
        ...

    async def put_threshold(self, threshold: Threshold) -> None:
        """Keep what a base was tuned to, in place of what it was before."""
        ...

    async def remove_threshold(self, base: str) -> bool:
        """Let a base go by the product's own thresholds again; return whether it had its own."""
        ...


RUNS_KEPT = 50
"""Runs that are kept to compare with."""


class Turns(Protocol):
    """What answers a message: `TurnEngine`."""

    async def run(self, given: TurnInput) -> TurnResult:
        """Return what the worker decides and says."""
        ...


async def evaluate(
    turns: Turns,
    questions: Iterable[GoldenQuestion],
    *,
    worker: str,
    revision: int,
    version: str,
    clock: Clock,
) -> EvalRun:
    """Ask golden questions, each alone, and return what became of them.

    Args:
        turns: The same kind of engine that contacts are answered by; without a model.
        questions: What to ask.
        worker: Who is asked.
        revision: Of the knowledge that is asked.
        version: Of the product.
        clock: Tells the time.
    """
    outcomes = [await _outcome(turns, question, worker, clock) for question in questions]
    return EvalRun(clock.now(), revision, version, tuple(outcomes))


async def _outcome(turns: Turns, question: GoldenQuestion, worker: str, clock: Clock) -> Outcome:
    message = InboundMessage(
        channel="eval",
        message_id=question.id,
        conversation_key=question.id,
        contact=Contact("eval"),
        text=question.question,
        received_at=clock.now(),
        history=(),
        standalone=True,
    )
    result = await turns.run(TurnInput(derived_id("t", "eval", question.id), message, (), worker))
    best = result.candidates[0] if result.candidates else None
    offered = tuple(choice.id for choice in result.reply.choices) if result.reply else ()
    return Outcome(
        id=question.id,
        question=question.question,
        topic=question.topic,
        answer_ids=question.answer_ids,
        decision=result.decision,
        answer_id=result.answer_id,
        confidence=best.score if best else 0.0,
        best_id=best.id if best else None,
        base=best.base if best else "",
        offered=offered,
        verdict=verdict(question.answer_ids, result, offered),
    )


def verdict(right: Sequence[str], result: TurnResult, offered: Sequence[str]) -> Verdict:
    """Judge one result; `right` are the ids of the right answers, none if there is no answer."""
    if result.decision == "answer" and result.answer_id is not None:
        return "right" if result.answer_id in right else "wrong" if right else "invented"
    if not right:
        return "refused"
    return "offered" if result.decision == "clarify" and set(offered) & set(right) else "missed"


def compare(before: EvalRun, now: EvalRun) -> Comparison:
    """Return what got worse and what got better, of the questions that both runs asked in the same words."""
    known = {(outcome.id, outcome.question): outcome for outcome in before.outcomes}
    pairs = [(known[key], one) for one in now.outcomes if (key := (one.id, one.question)) in known]
    return Comparison(
        worse=tuple(pair for pair in pairs if WORTH[pair[1].verdict] < WORTH[pair[0].verdict]),
        better=tuple(pair for pair in pairs if WORTH[pair[1].verdict] > WORTH[pair[0].verdict]),
    )
