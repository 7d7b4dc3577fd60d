"""Fit the weights with which the confidence of the model of intents starts, and print them.

    .venv/bin/python -m benchmarks.quality.fit_intents DATA

Of two sets of English questions under a free licence (CC BY), parts are taken that are as small as
sites are: 10 to 150 entries with 4 to 60 wordings each. Each part holds wordings and entries back, as
a site does for itself; what was found of all of them together is fitted. About two minutes.
"""

import json
import random
import sys
from pathlib import Path

import numpy as np

from ai_worker.knowledge.index import key_of
from ai_worker.knowledge.intents.calibration import ask_held_back, regression
from ai_worker.knowledge.intents.lessons import Taught, lessons_of
from ai_worker.knowledge.intents.model import FIGURES
from ai_worker.knowledge.intents.training import Texts

SETS = ("en-clinc150", "en-banking77")
SIZES = ((10, 5), (10, 12), (20, 4), (20, 10), (20, 40), (40, 5), (40, 10), (40, 25), (75, 5), (75, 10), (75, 60))
ROUNDS = 3


def entries(path: Path) -> list[Taught]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [Taught(key_of("default", row["id"]), (row["question"], *row["aliases"])) for row in rows]


def main() -> None:
    data, chance = Path(sys.argv[1]), random.Random(3)
    rows, right, traffic = [], [], []
    for name in SETS:
        whole = entries(data / name / "kb.jsonl")
        for size, wordings in SIZES * ROUNDS:
            part = chance.sample(whole, size)
            taught = [
                Taught(one.key, tuple(chance.sample(one.wordings, min(wordings, len(one.wordings))))) for one in part
            ]
            lessons = lessons_of(taught)
            assert lessons is not None
            asked = ask_held_back(lessons, Texts.of(lessons.texts, lessons.labels))
            rows += asked.rows
            right += asked.right
            traffic += [count / asked.traffic.sum() for count in asked.traffic]
    counts = np.array(traffic) * len(rows) / sum(traffic)
    weights = regression(np.array(rows), np.array(right, np.float64), counts, np.zeros(FIGURES), 1.0)
    print(f"ANY_SITE = ({', '.join(f'{weight:.2f}' for weight in weights)})")


if __name__ == "__main__":
    main()
