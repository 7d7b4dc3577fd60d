"""Fit the weights that tell sentences for the writer of an answer from those for its reader, and write them.

    .venv/bin/python -m benchmarks.quality.fit_orders DATA [--write]

Orders come from templates of our own (`material/orders.*.txt`); the other side from templates of our own,
from this project's guides, and from sets whose licence lets anybody use them (CC BY-SA, Apache-2.0, MIT).
Logistic regression with a proximal gradient, because most weights shall be nothing. Prints what it
reaches on styles that it was not fitted to, each left out in turn.
"""

import math
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ai_worker.conversation.grounding import voice
from ai_worker.conversation.grounding.sentences import split
from benchmarks.quality.material.orders import Templates
from benchmarks.quality.views import read

ROOT = Path(__file__).parents[2]
SETS = ("zh-docqa", "zh-passages", "en-bank-docs")
ORDERS = ("orders.zh.txt", "orders.en.txt")
GUIDES = ("docs/zh", "docs/en")
EACH_ORDER, EACH_HELP = 30, 40
FROM_A_SET, FROM_GUIDES = 14_000, 6_000
OFTEN = 6
"""Sentences that a figure must be in."""

NEVER_FALLS = True
"""Kinds that meet only ever speak for an order: nobody talks one down by adding words."""

STEPS = 800
SPARSE, RIDGE = 5e-6, 2e-6
COMMON = 1.0
"""How much the whole of ordinary text counts, the whole of orders being 1."""

_BETWEEN_ZH, _BETWEEN_EN = "，", ", "


@dataclass(frozen=True)
class Row:
    """One sentence, looked at."""

    text: str
    style: str
    order: bool
    figures: tuple[tuple[str, float], ...]


def rows(data: Path) -> list[Row]:
    """Return all sentences, the same ones every time."""
    chance = random.Random(7)
    helps = [text for _, text in Templates("help.txt").sentences(EACH_HELP, chance)]
    orders = [made for name in ORDERS for made in Templates(name).sentences(EACH_ORDER, chance)]
    common = open_sentences(data, chance)
    made = [Row(text, "help", False, looked_at(text)) for text in helps]
    made += [Row(text, "open", False, looked_at(text)) for text in common]
    made += [Row(text, style, True, looked_at(text)) for style, text in mixed(orders, helps, chance)]
    return made


def mixed(orders: Sequence[tuple[str, str]], helps: Sequence[str], chance: random.Random) -> list[tuple[str, str]]:
    """Return orders, some of them with a piece of help before or behind them in one sentence."""
    chinese = [text for text in helps if not text.isascii()]
    english = [text for text in helps if text.isascii()]
    found = []
    for style, text in orders:
        dice = chance.random()
        other = chance.choice(english if text.isascii() else chinese).rstrip("。.")
        if dice < 0.15:
            text = f"{other}{_BETWEEN_EN if text.isascii() else _BETWEEN_ZH}{text}"
        elif dice < 0.25:
            text = f"{text.rstrip('。.')}{_BETWEEN_EN if text.isascii() else _BETWEEN_ZH}{other}"
        found.append((style, text))
    return found


def open_sentences(data: Path, chance: random.Random) -> list[str]:
    """Return sentences of openly licensed sets and of our own guides."""
    found: list[str] = []
    for name in SETS:
        texts = [row["text"] for row in read(data / name / "kb.jsonl") if not internal(row)]
        found += chance.sample(sentences := list(sentences_of(texts)), min(FROM_A_SET, len(sentences)))
    guides = [path.read_text("utf-8") for folder in GUIDES for path in sorted((ROOT / folder).rglob("*.md"))]
    found += chance.sample(sentences := list(sentences_of(guides)), min(FROM_GUIDES, len(sentences)))
    return found


def internal(row: dict[str, Any]) -> bool:
    """Return whether a document is for agents rather than for customers: it does tell them what to say."""
    return "internal" in str(row.get("title", "")).lower()


def sentences_of(texts: Sequence[str]) -> dict[str, None]:
    return dict.fromkeys(part.strip() for text in texts for part in split(text) if len(part.strip()) > 5)


def looked_at(text: str) -> tuple[tuple[str, float], ...]:
    return tuple(voice.named(*voice.figures(voice.written_out(text))))


def fitted(data: Sequence[Row]) -> dict[str, float]:
    """Return the weights; that of no name is the bias."""
    often = Counter(name for row in data for name, _ in row.figures)
    names = ["", *sorted(name for name, times in often.items() if times >= OFTEN)]
    place = {name: at for at, name in enumerate(names) if name}
    at_row, at_column, much = [], [], []
    for number, row in enumerate(data):
        at_row.append(number)
        at_column.append(0)
        much.append(1.0)
        for name, value in row.figures:
            if name in place:
                at_row.append(number)
                at_column.append(place[name])
                much.append(value)
    right = np.array([row.order for row in data], dtype=np.float64)
    share = np.where(right > 0, 1.0 / right.sum(), COMMON / (len(right) - right.sum()))
    rising = np.array([name.startswith("=") and NEVER_FALLS for name in names])
    found = descend(np.array(at_row), np.array(at_column), np.array(much), right, share / share.sum(), rising)
    return {name: float(weight) for name, weight in zip(names, found, strict=True) if abs(weight) >= 0.01}


Figures = NDArray[np.float64]


def descend(at_row: Any, at_column: Any, much: Figures, right: Figures, share: Figures, rising: Any) -> Figures:
    """Return the weights of a logistic regression: accelerated proximal gradient, scaled per column.

    Args:
        at_row: Of each value, its row.
        at_column: Of each value, its column.
        much: The values.
        right: 1 for a row that is an order.
        share: What each row counts.
        rising: The columns whose weights may not be negative.
    """
    size = len(rising)
    curve = np.bincount(at_column, much * much * share[at_row], minlength=size) + 1e-6
    pace = 1.0 / (8.0 * curve**0.5 + 1e-3)
    weights = ahead = np.zeros(size)
    momentum = 1.0
    for _ in range(STEPS):
        said = np.bincount(at_row, much * ahead[at_column], minlength=len(right))
        miss = (1 / (1 + np.exp(-np.clip(said, -30, 30))) - right) * share
        slope = np.bincount(at_column, much * miss[at_row], minlength=size) + RIDGE * ahead
        moved = ahead - pace * slope
        pull = pace * SPARSE
        pull[0] = 0.0
        following = np.sign(moved) * np.maximum(np.abs(moved) - pull, 0)
        following[rising] = np.maximum(following[rising], 0)
        onward = (1 + math.sqrt(1 + 4 * momentum * momentum)) / 2
        ahead = following + (momentum - 1) / onward * (following - weights)
        weights, momentum = following, onward
    return weights


def score(row: Row, weights: dict[str, float]) -> float:
    return weights.get("", 0.0) + sum(weights.get(name, 0.0) * much for name, much in row.figures)


def told(data: Sequence[Row]) -> None:
    """Print what each style, left out, is caught with, at bars that 1 in 200 and 1 in 20 ordinary sentences pass."""
    chance = random.Random(3)
    common = [row for row in data if not row.order]
    chance.shuffle(common)
    held, kept = common[: len(common) // 5], common[len(common) // 5 :]
    for style in sorted({row.style for row in data if row.order}):
        inside = [row for row in data if row.order and row.style != style]
        outside = [row for row in data if row.style == style]
        weights = fitted([*kept, *inside])
        scores = sorted((score(row, weights) for row in held), reverse=True)
        bars = [scores[len(scores) // 200], scores[len(scores) // 20]]
        caught = [sum(score(row, weights) > bar for row in outside) / len(outside) for bar in bars]
        reached = ", ".join(f"{share:.3f} at {bar:+.2f}" for share, bar in zip(caught, bars, strict=True))
        print(f"{style:28} {len(outside):5} caught {reached}")


def written(weights: dict[str, float]) -> str:
    lines = [f"{name}\t{weight:.2f}" for name, weight in sorted(weights.items())]
    head = "# What each figure of a sentence weighs: made by benchmarks/quality/fit_orders.py. Tab-separated."
    return "\n".join([head, *lines, ""])


def main(arguments: Sequence[str]) -> None:
    data = rows(Path(arguments[0]))
    print(Counter((row.order, row.style if not row.order else "") for row in data))
    if "--write" in arguments:
        (Path(voice.__file__).parent / voice.WEIGHTS).write_text(written(fitted(data)), "utf-8")
    else:
        told(data)


if __name__ == "__main__":
    main(sys.argv[1:])
