"""A table's row as text, and back: what is kept of a row is a passage that people can read, too."""

import re
from collections.abc import Sequence

from ai_worker.foundation.text import clean

BETWEEN = "："

_LOCATOR = re.compile(r"第 \d+ 行|表 .+!A\d+")


def written(header: Sequence[str], cells: Sequence[str]) -> str:
    """Return a row as text: a line for each cell that says something, each beside its column's name.

    A price means nothing without its column. A cell of several lines becomes one, so that the lines
    can be told apart again.
    """
    pairs = ((_line(name).replace(BETWEEN, ":"), _line(cell)) for name, cell in zip(header, cells, strict=False))
    return "\n".join(f"{name}{BETWEEN}{cell}" if name else cell for name, cell in pairs if cell)


def read(text: str) -> dict[str, str]:
    """Return the cells of a row by column; of a cell whose column has no name, nothing."""
    cells: dict[str, str] = {}
    for line in text.split("\n"):
        name, between, cell = line.partition(BETWEEN)
        if between and name not in cells:
            cells[name] = cell
    return cells


def is_row(locator: str) -> bool:
    """Return whether a passage with this locator is a row of a table."""
    return _LOCATOR.fullmatch(locator) is not None


def joined(parts: Sequence[str]) -> str:
    """Return the text of a row that was cut into passages; a line that was cut in two is one again."""
    text = ""
    for part in parts:
        begins = BETWEEN in part.partition("\n")[0]
        text += f"\n{part}" if text and begins else part
    return text


def _line(cell: str) -> str:
    return " ".join(clean(cell).split())
