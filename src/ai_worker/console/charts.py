"""Charts, drawn as SVG in Python. Colours come from the style sheet by class."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

SPARK_WIDTH, SPARK_HEIGHT = 112, 36

WIDTH, HEIGHT = 700, 236
LEFT, RIGHT, TOP, BOTTOM = 44, 44, 14, 30
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM

Point = tuple[float, float]


def sparkline(values: Sequence[float | None]) -> Markup:
    """Return a small line over `values`, oldest first; nothing for fewer than two.

    It shows the shape alone and is hidden from screen readers: the figure beside it is the message.
    """
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return Markup("")
    low, high = min(known), max(known)
    step = (SPARK_WIDTH - 6) / (len(known) - 1)
    middle = SPARK_HEIGHT / 2
    points = [
        (3 + index * step, middle if high == low else 6 + (high - value) / (high - low) * (SPARK_HEIGHT - 12))
        for index, value in enumerate(known)
    ]
    line = _path(points)
    area = f"{line} V{SPARK_HEIGHT} H{_n(points[0][0])} Z"
    x, y = points[-1]
    return _drawn(
        f'<svg class="spark" viewBox="0 0 {SPARK_WIDTH} {SPARK_HEIGHT}" aria-hidden="true" focusable="false">'
        f'<path class="area" d="{area}"/><path class="line" d="{line}"/>'
        f'<circle class="dot" cx="{_n(x)}" cy="{_n(y)}" r="2.2"/></svg>'
    )


@dataclass(frozen=True, slots=True)
class Hour:
    """One column of the day chart."""

    label: str
    """Its local time: `14:00`."""

    volume: int
    seconds: float | None
    """Mean response; `None` when nothing was answered."""


def day_chart(hours: Sequence[Hour], *, target: float, target_label: str, sentence: str) -> Markup:
    """Return 24 hours of volume (bars, left axis) and response (line, right axis) with the target.

    Args:
        hours: Oldest first; the last one is still running and drawn darker.
        target: Seconds at which the dashed line is drawn.
        target_label: What stands at that line.
        sentence: What a screen reader says in place of the picture.
    """
    volume_top = nice_ceiling(max((hour.volume for hour in hours), default=0))
    slowest = max((hour.seconds for hour in hours if hour.seconds is not None), default=0.0)
    seconds_top = max(target * 1.2, math.ceil(slowest * 11) / 10)
    return _drawn(
        f'<svg class="day" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(sentence)}">'
        f"{_grid(volume_top, seconds_top)}{_bars(hours, volume_top)}{_hour_labels(hours)}"
        f"{_target(target, seconds_top, target_label)}{_response(hours, seconds_top)}</svg>"
    )


def nice_ceiling(value: int) -> int:
    """Return the smallest of 4, 10, 20, 40, 100, 200, 400, … that is at least `value`."""
    power = 1
    while True:
        for step in (4, 10, 20):
            if value <= step * power:
                return step * power
        power *= 10


def bar(percent: float, limit: float) -> Markup:
    """Return a bar filled to `percent` with a tick at `limit`; the element around it is the meter."""
    filled = _n(min(max(percent, 0.0), 100.0) * 2)
    return _drawn(
        '<svg class="bar" viewBox="0 0 200 14" preserveAspectRatio="none" aria-hidden="true" focusable="false">'
        '<rect class="track" x="0" y="4" width="200" height="6"/>'
        f'<rect class="fill" x="0" y="4" width="{filled}" height="6"/>'
        f'<rect class="tick" x="{_n(limit * 2)}" y="0" width="1" height="14"/></svg>'
    )


def _grid(volume_top: int, seconds_top: float) -> str:
    rows = []
    for share in (0.0, 0.5, 1.0):
        y = _n(TOP + PLOT_HEIGHT * (1 - share))
        rows.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
            f'<text x="{LEFT - 8}" y="{y}" dy="4" text-anchor="end">{round(volume_top * share)}</text>'
            f'<text x="{WIDTH - RIGHT + 8}" y="{y}" dy="4">{seconds_top * share:.1f}s</text>'
        )
    return "".join(rows)


def _bars(hours: Sequence[Hour], volume_top: int) -> str:
    slot = PLOT_WIDTH / max(len(hours), 1)
    bars = []
    for index, hour in enumerate(hours):
        height = PLOT_HEIGHT * hour.volume / volume_top
        current = " now" if index == len(hours) - 1 else ""
        if height:
            bars.append(
                f'<rect class="volume{current}" x="{_n(LEFT + slot * index + slot * 0.18)}" width="{_n(slot * 0.64)}" '
                f'y="{_n(TOP + PLOT_HEIGHT - height)}" height="{_n(height)}" rx="2"/>'
            )
    return "".join(bars)


def _hour_labels(hours: Sequence[Hour]) -> str:
    slot = PLOT_WIDTH / max(len(hours), 1)
    last = len(hours) - 1
    return "".join(
        f'<text x="{_n(LEFT + slot * (index + 0.5))}" y="{HEIGHT - 8}" text-anchor="middle"'
        f"{'' if (last - index) % 8 == 0 else ' class=minor'}>{escape(hour.label)}</text>"
        for index, hour in enumerate(hours)
        if (last - index) % 4 == 0
    )


def _target(target: float, seconds_top: float, label: str) -> str:
    y = _n(TOP + PLOT_HEIGHT * (1 - target / seconds_top))
    return (
        f'<line class="target" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
        f'<text class="target" x="{WIDTH - RIGHT - 4}" y="{y}" dy="-6" text-anchor="end">{escape(label)}</text>'
    )


def _response(hours: Sequence[Hour], seconds_top: float) -> str:
    """Return the response line, broken where an hour had no answers: there is nothing to connect."""
    slot = PLOT_WIDTH / max(len(hours), 1)
    runs: list[list[Point]] = [[]]
    for index, hour in enumerate(hours):
        if hour.seconds is None:
            runs.append([])
        else:
            runs[-1].append((LEFT + slot * (index + 0.5), TOP + PLOT_HEIGHT * (1 - hour.seconds / seconds_top)))
    drawn = []
    for run in runs:
        if len(run) > 1:
            drawn.append(f'<path class="response" d="{_path(run)}"/>')
        elif run:
            drawn.append(f'<circle class="response" cx="{_n(run[0][0])}" cy="{_n(run[0][1])}" r="2.5"/>')
    return "".join(drawn)


def _drawn(svg: str) -> Markup:
    """Mark our own drawing as safe; every word in it was escaped where it was put in."""
    return Markup(svg)  # noqa: S704


def _path(points: Sequence[Point]) -> str:
    return "M" + " L".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
