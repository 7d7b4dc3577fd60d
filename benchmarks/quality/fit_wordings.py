"""Fit the confidence of the search by wording to questions and answers of our own, and print it.

    .venv/bin/python -m benchmarks.quality.fit_wordings

Logistic regression: whether the first candidate is right, with questions outside the knowledge as one
fifth of the traffic. What ranks the candidates (`WORDING_RANK`) was chosen by hand; hit@1 is printed so
that a change of it shows. Beside each figure in the sample stands the one out of it: for the questions
of a table, with weights fitted to the other tables.
"""

import math
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ai_worker.knowledge import confidence
from ai_worker.knowledge.fit import Question
from ai_worker.knowledge.fusing import fuse
from ai_worker.knowledge.intents.calibration import ANY_SITE
from ai_worker.knowledge.intents.lessons import lessons_in
from ai_worker.knowledge.intents.model import Intents, Meta
from ai_worker.knowledge.intents.training import Texts, tables_of
from ai_worker.knowledge.search import lead_of
from ai_worker.knowledge.view import View
from ai_worker.knowledge.wording_search import by_wording
from benchmarks.quality import material
from benchmarks.quality.regression import dot, logistic_regression
from benchmarks.quality.views import view_of

UNKNOWN = 0.25
"""How much the questions outside a knowledge base count together, for 1 of those inside."""

EVERYWHERE = ("*",)


@dataclass(frozen=True)
class Case:
    """A question that found something: its figures for both confidences, and whether the first is right."""

    table: str
    figures: tuple[float, ...]
    learned: tuple[float, ...] | None
    right: bool
    known: bool
    traffic: float


def asked(table: str, entries: Sequence[material.Entry], *, aliases: bool) -> Iterator[tuple[str, str]]:
    """Yield questions with the id of their entry; an empty id where there is none."""
    chance = random.Random(table)
    for entry in entries:
        own = entry.wordings if aliases else entry.wordings[:1]
        for text in (*entry.questions, *(() if aliases else entry.wordings[1:]), *own):
            yield text, entry.id
            yield material.slip(text, chance), entry.id
    for text, _ in material.strangers(table):
        yield text, ""


def model_of(view: View) -> Intents | None:
    lessons = lessons_in(view)
    if lessons is None:
        return None
    texts = Texts.of(lessons.texts, lessons.labels)
    return Intents(
        Meta("", list(lessons.keys), len(lessons.texts) / len(lessons.keys), list(ANY_SITE)),
        tables_of(texts, len(lessons.keys)),
    )


def case_of(table: str, text: str, gold: str, view: View, *, model: Intents | None, traffic: float) -> Case | None:
    question = Question.of(text, view)
    found = by_wording(question, view, EVERYWHERE)
    if not found:
        return None
    figures, right, learned = (1.0, found[0].rank, lead_of(found), float(question.elsewhere)), found[0].answer, None
    guesses = model.score(question.plain) if model else None
    if guesses:
        ranks = {candidate.key: candidate.rank for candidate in found}
        order = [candidate for _, candidate in fuse([(0.0, one) for one in found], guesses, question, view, EVERYWHERE)]
        first, right = order[0], order[0].answer
        lead = first.rank - order[1].rank if len(order) > 1 else math.inf
        lead = min(confidence.LEARNED_LEAD_LIMIT, lead)
        learned = (1.0, ranks.get(first.key, 0.0), lead, float(question.elsewhere))
    return Case(table, figures, learned, right == gold, bool(gold), traffic)


def cases() -> Iterator[Case]:
    for table in material.TABLES:
        entries = material.entries(table)
        for aliases in (False, True):
            rows = [
                {"id": one.id, "question": one.wordings[0], "answer": one.id, "aliases": one.wordings[1:] * aliases}
                for one in entries
            ]
            with tempfile.TemporaryDirectory() as folder:
                view = view_of(rows, folder)
                model = model_of(view)
                questions = list(asked(table, entries, aliases=aliases))
                known = sum(1 for _, gold in questions if gold)
                unknown = UNKNOWN * known / (len(questions) - known)
                for text, gold in questions:
                    traffic = 1.0 if gold else unknown
                    if case := case_of(table, text, gold, view, model=model, traffic=traffic):
                        yield case


def fitted(some: Sequence[Case], *, learned: bool) -> tuple[float, ...]:
    rows = [one.learned or () if learned else one.figures for one in some]
    return logistic_regression(rows, [one.right for one in some], [one.traffic for one in some])


def loss(weights: Sequence[float], some: Sequence[Case], *, learned: bool) -> float:
    """Return the mean negative log-likelihood, by traffic."""
    total = 0.0
    for one in some:
        sure = confidence.probability(dot(weights, one.learned or () if learned else one.figures))
        total -= one.traffic * math.log(sure if one.right else 1 - sure)
    return total / sum(one.traffic for one in some)


def report(name: str, some: Sequence[Case], *, learned: bool) -> None:
    weights = fitted(some, learned=learned)
    outside = 0.0
    for table in material.TABLES:
        others = [one for one in some if one.table != table]
        own = [one for one in some if one.table == table]
        outside += loss(fitted(others, learned=learned), own, learned=learned) / len(material.TABLES)
    known = [one for one in some if one.known]
    print(f"{name} = ({', '.join(f'{weight:.2f}' for weight in weights)})")
    print(f"  right at first {sum(one.right for one in known) / len(known):.3f} of those that find anything")
    print(f"  loss in the sample {loss(weights, some, learned=learned):.3f}, out of it {outside:.3f}")


def main() -> None:
    every = list(cases())
    report("WORDING_CONFIDENCE", [one for one in every if one.learned is None], learned=False)
    report("LEARNED_CONFIDENCE", [one for one in every if one.learned is not None], learned=True)


if __name__ == "__main__":
    main()
