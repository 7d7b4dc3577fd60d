"""Fit the weights by which texts are ranked and trusted, and print them.

    .venv/bin/python -m benchmarks.quality.fit_texts DATA

Only from sets whose licence lets anybody use them: encyclopedia questions (CC BY-SA) and the FAQ of two
open products' documentation (CC BY-SA, Apache-2.0). Ranking weights by conditional logit, confidence by
logistic regression; besides the weights it prints what they reach on questions that they were not
fitted to. Plain Python, a few minutes.
"""

import random
import sys
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ai_worker.knowledge import confidence
from ai_worker.knowledge.candidate import Candidate
from ai_worker.knowledge.fit import Question
from ai_worker.knowledge.search import lead_of
from ai_worker.knowledge.text_search import by_text, trust_figures
from benchmarks.quality.regression import Group, conditional_logit, logistic_regression
from benchmarks.quality.views import read, view_of

SETS = {"zh-passages": 1.0, "zh-docqa": 2.0}
"""What a question of each counts for the ranking: the second is small, and of another kind."""

FOLDS = 5
RIDGE = 3e-4
STRANGERS = 150
SMALL = (8, 12, 20, 30, 60, 120)
UNKNOWN_SHARE = 0.25
"""Traffic of questions outside the knowledge, per question inside it."""

Weights = tuple[float, ...]


@dataclass(frozen=True)
class Asked:
    """One question, with what was found."""

    source: str
    question: Question
    found: list[Candidate]
    gold: frozenset[str]
    traffic: float
    fold: int

    def right(self, at: int) -> bool:
        """Return whether a candidate is one that answers."""
        return self.found[at].answer in self.gold


def ask(source: str, rows: Sequence[dict[str, Any]], queries: Sequence[dict[str, Any]], share: float) -> list[Asked]:
    """Ask all queries of a knowledge base. Known and unknown ones each share a fixed part of the traffic."""
    known = sum(1 for query in queries if query["gold"])
    traffic = {True: share / max(1, known), False: UNKNOWN_SHARE * share / max(1, len(queries) - known)}
    asked = []
    with tempfile.TemporaryDirectory() as folder:
        view = view_of(rows, folder)
        for query in queries:
            gold = frozenset(query["gold"])
            question = Question.of(query["text"], view)
            fold = zlib.crc32(min(gold or {query["qid"]}).encode()) % FOLDS
            asked.append(Asked(source, question, by_text(question, view, ("*",)), gold, traffic[bool(gold)], fold))
    return asked


def collect(data: Path) -> tuple[list[Asked], list[Asked]]:
    """Return the questions of whole sets, and those of parts that are as small as a young knowledge base."""
    chance = random.Random(11)
    rows = {name: read(data / name / "kb.jsonl") for name in SETS}
    queries = {name: read(data / name / "queries.jsonl") for name in SETS}
    whole, small = [], []
    for name in SETS:
        others = [query for other in SETS if other != name for query in queries[other] if query["gold"]]
        strangers = [{**query, "gold": []} for query in chance.sample(others, STRANGERS)]
        whole += ask(name, rows[name], [*queries[name], *strangers], 1.0)
        for size in SMALL:
            part = chance.sample(rows[name], size)
            ids = {row["id"] for row in part}
            inside = [query for query in queries[name] if ids & set(query["gold"])]
            outside = [query for query in queries[name] if not ids & set(query["gold"])]
            mixed = inside + [{**query, "gold": []} for query in chance.sample(outside, STRANGERS)]
            small += ask(name, part, mixed, 0.1)
    return whole, small


def reordered(candidates: Sequence[Candidate], weights: Sequence[float]) -> list[Candidate]:
    """Return candidates ranked by weights of their figures, the best first."""
    ranked = [replace(candidate, rank=confidence.weigh(weights, candidate.figures)) for candidate in candidates]
    return sorted(ranked, key=lambda candidate: (-candidate.rank, candidate.key))


def rank_weights(asked: Sequence[Asked]) -> Weights:
    groups = []
    for one in asked:
        right = [one.right(at) for at in range(len(one.found))]
        if any(right) and not all(right):
            groups.append(Group([each.figures for each in one.found], right, SETS[one.source]))
    return conditional_logit(groups, ridge=RIDGE)


def trust_weights(asked: Sequence[Asked], ranking: Weights) -> Weights:
    rows, right, traffic = [], [], []
    for one in asked:
        if found := reordered(one.found, ranking):
            rows.append(trust_figures(found[0], lead_of(found), one.question))
            right.append(found[0].answer in one.gold)
            traffic.append(one.traffic)
    return logistic_regression(rows, right, traffic)


def told(asked: Sequence[Asked], ranking: Weights, trust: Weights) -> list[tuple[float, bool, bool]]:
    """Return of each question how sure the first answer is, whether it is right, and whether there is one."""
    results = []
    for one in asked:
        found = reordered(one.found, ranking)
        sure = right = 0.0
        if found:
            figures = trust_figures(found[0], lead_of(found), one.question)
            sure = confidence.probability(confidence.weigh(trust, figures))
            right = found[0].answer in one.gold
        results.append((sure, bool(right), bool(one.gold)))
    return results


def coverage(results: Sequence[tuple[float, bool, bool]], precision: float) -> float:
    """Return the greatest share of known questions that can be answered rightly at a precision."""
    known = sum(1 for _, _, inside in results if inside)
    unknown_weight = UNKNOWN_SHARE * known / max(1, len(results) - known)
    answered = right = best = 0.0
    for _, good, inside in sorted(results, key=lambda result: -result[0]):
        answered += 1.0 if inside else unknown_weight
        right += good
        if right / answered >= precision:
            best = max(best, right / known)
    return best


def main() -> None:
    whole, small = collect(Path(sys.argv[1]))
    apart: dict[str, list[tuple[float, bool, bool]]] = {name: [] for name in SETS}
    for fold in range(FOLDS):
        ranking = rank_weights([one for one in whole if one.fold != fold])
        trust = trust_weights([one for one in (*whole, *small) if one.fold != fold], ranking)
        for name in SETS:
            apart[name] += told([one for one in whole if one.fold == fold and one.source == name], ranking, trust)
    for name, results in apart.items():
        hits = [right for _, right, inside in results if inside]
        print(f"{name}, {FOLDS}-fold: hit@1 {sum(hits) / len(hits):.4f}, at 95 % {coverage(results, 0.95):.4f}")
    ranking = rank_weights(whole)
    trust = trust_weights([*whole, *small], ranking)
    for label, weights in (("TEXT_RANK", ranking), ("TEXT_CONFIDENCE", trust)):
        print(f"{label} = ({', '.join(f'{weight:.2f}' for weight in weights)})")


if __name__ == "__main__":
    main()
