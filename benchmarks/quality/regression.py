"""The two regressions that fit ranking and confidence, by Newton's method in plain Python."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

Row = Sequence[float]
RIDGE = 3e-3


@dataclass(frozen=True)
class Group:
    """The candidates of one question, which of them are right, and how much the question counts."""

    rows: Sequence[Row]
    right: Sequence[bool]
    traffic: float


def dot(one: Row, other: Row) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def solve(matrix: list[list[float]], vector: list[float]) -> list[float]:
    """Return x of matrix · x = vector, by Gaussian elimination with pivoting."""
    size = len(vector)
    rows = [[*matrix[at], vector[at]] for at in range(size)]
    for at in range(size):
        pivot = max(range(at, size), key=lambda row: abs(rows[row][at]))
        rows[at], rows[pivot] = rows[pivot], rows[at]
        for below in range(at + 1, size):
            factor = rows[below][at] / rows[at][at]
            rows[below] = [a - factor * b for a, b in zip(rows[below], rows[at], strict=True)]
    found = [0.0] * size
    for at in reversed(range(size)):
        rest = sum(rows[at][column] * found[column] for column in range(at + 1, size))
        found[at] = (rows[at][size] - rest) / rows[at][at]
    return found


def climb(
    size: int,
    value: Callable[[Row], float],
    slope: Callable[[Row], tuple[list[float], list[list[float]]]],
) -> tuple[float, ...]:
    """Return the weights at which a concave `value` is greatest; `slope` gives its gradient and -Hessian."""
    weights = [0.0] * size
    for _ in range(30):
        gradient, hessian = slope(weights)
        step, part, before = solve(hessian, gradient), 1.0, value(weights)
        while part > 1e-3 and value([a + part * b for a, b in zip(weights, step, strict=True)]) < before:
            part /= 2
        weights = [a + part * b for a, b in zip(weights, step, strict=True)]
        if max(map(abs, step)) < 1e-4:
            break
    return tuple(weights)


def _add(gradient: list[float], hessian: list[list[float]], row: Row, pull: float, spread: float, about: Row) -> None:
    away = [a - b for a, b in zip(row, about, strict=True)]
    for i, figure in enumerate(row):
        gradient[i] += pull * figure
        if bend := spread * away[i]:
            hessian[i] = [a + bend * b for a, b in zip(hessian[i], away, strict=True)]


def _blank(weights: Row, ridge: float) -> tuple[list[float], list[list[float]]]:
    size = len(weights)
    return [-ridge * weight for weight in weights], [[ridge * (i == j) for j in range(size)] for i in range(size)]


def conditional_logit(groups: Sequence[Group], *, ridge: float = RIDGE) -> tuple[float, ...]:
    """Return the weights by which the right candidates of each question rank first."""
    size = len(groups[0].rows[0])
    ridge *= sum(group.traffic for group in groups)

    def shares(group: Group, weights: Row) -> list[float]:
        scores = [dot(weights, row) for row in group.rows]
        powers = [math.exp(score - max(scores)) for score in scores]
        return [power / sum(powers) for power in powers]

    def value(weights: Row) -> float:
        total = -ridge * dot(weights, weights) / 2
        for group in groups:
            logs = [math.log(max(share, 1e-300)) for share in shares(group, weights)]
            total += group.traffic * dot(logs, [right / sum(group.right) for right in group.right])
        return total

    def slope(weights: Row) -> tuple[list[float], list[list[float]]]:
        gradient, hessian = _blank(weights, ridge)
        for group in groups:
            share = shares(group, weights)
            mean = [dot(share, [row[at] for row in group.rows]) for at in range(size)]
            for row, part, right in zip(group.rows, share, group.right, strict=True):
                pull = group.traffic * (right / sum(group.right) - part)
                _add(gradient, hessian, row, pull, group.traffic * part, mean)
        return gradient, hessian

    return climb(size, value, slope)


def logistic_regression(rows: Sequence[Row], right: Sequence[bool], traffic: Sequence[float]) -> tuple[float, ...]:
    """Return the weights whose logistic is the probability of being right."""
    size = len(rows[0])
    ridge = RIDGE / 10 * sum(traffic)
    origin = [0.0] * size

    def chance(weights: Row, row: Row) -> float:
        return 1 / (1 + math.exp(-max(-35.0, min(35.0, dot(weights, row)))))

    def value(weights: Row) -> float:
        total = -ridge * dot(weights, weights) / 2
        for row, good, weight in zip(rows, right, traffic, strict=True):
            sure = chance(weights, row)
            total += weight * math.log(max(1e-300, sure if good else 1 - sure))
        return total

    def slope(weights: Row) -> tuple[list[float], list[list[float]]]:
        gradient, hessian = _blank(weights, ridge)
        for row, good, weight in zip(rows, right, traffic, strict=True):
            sure = chance(weights, row)
            _add(gradient, hessian, row, weight * (good - sure), weight * sure * (1 - sure), origin)
        return gradient, hessian

    return climb(size, value, slope)
