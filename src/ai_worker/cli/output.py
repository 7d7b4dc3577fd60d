"""How results are printed: for people with aligned columns, for programs as JSON."""

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from rich.cells import cell_len

GREEN, RED, YELLOW, FAINT, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[33m", "\x1b[2m", "\x1b[0m"


def print_json(value: Any) -> None:
    """Print one JSON value: indented for a person at a terminal, on one line for a program."""
    print(json.dumps(value, ensure_ascii=False, indent=2 if sys.stdout.isatty() else None))


def coloured(text: str, colour: str, file: TextIO) -> str:
    """Return `text` in a colour, or as it is when nobody would see one."""
    return f"{colour}{text}{PLAIN}" if file.isatty() and not os.environ.get("NO_COLOR") else text


def done(text: str, *, file: TextIO | None = None) -> None:
    """Print one thing that worked."""
    file = file or sys.stdout
    print(f"{coloured('✓', GREEN, file)} {text}", file=file)


def failed(text: str, *, file: TextIO | None = None) -> None:
    """Print one thing that did not work."""
    file = file or sys.stderr
    print(f"{coloured('✗', RED, file)} {text}", file=file)


def warned(text: str) -> None:
    """Print one thing that worked and that somebody should look at."""
    print(f"{coloured('!', YELLOW, sys.stderr)} {text}", file=sys.stderr)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below their heads. Chinese characters take two cells, which the columns allow for."""
    widths = [max(cell_len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    for number, row in enumerate([heads, *rows]):
        line = "  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        print(coloured(line.rstrip(), FAINT, sys.stdout) if number == 0 else line.rstrip())


def local(moment: datetime | None, zone: str) -> str:
    """Return a moment as people in `zone` write it, to the minute; a dash for `None`."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M") if moment else "–"
