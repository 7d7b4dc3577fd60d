"""Gaps as a table that a spreadsheet opens: nothing in a cell is ever taken for a formula."""

import csv
import io
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from ai_worker.knowledge.gaps import GROUPED, Gap, groups

COLUMNS = ("group", "question", "times", "kind", "first_at", "last_at", "said")
"""Wordings that ask the same have the same number in `group`."""

MOST = 10_000
"""Wordings that are taken away as a table at once."""

BYTE_ORDER_MARK = "\ufeff"
"""Without it Excel reads Chinese as GBK."""

_FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula; some take the wide ones for it, too."""


def gaps_csv(gaps: Sequence[Gap], heads: Mapping[str, str], zone: ZoneInfo) -> str:
    """Return the gaps as CSV with a byte order mark, groups together, the most frequent first.

    Args:
        gaps: Open ones; those after the first `GROUPED` each stand alone.
        heads: What the columns are called; one without a name here is called as in `COLUMNS`.
        zone: In which times are written.
    """
    written = io.StringIO()
    table = csv.writer(written)
    table.writerow([heads.get(column, column) for column in COLUMNS])
    together = [*(group.gaps for group in groups(gaps)), *((gap,) for gap in gaps[GROUPED:])]
    for number, wordings in enumerate(together, 1):
        for gap in wordings:
            times = [moment.astimezone(zone).isoformat(timespec="seconds") for moment in (gap.first_at, gap.last_at)]
            cells = (number, gap.question, gap.times, heads.get(gap.kind, gap.kind), *times, gap.said)
            table.writerow([defused(cell) if isinstance(cell, str) else cell for cell in cells])
    return BYTE_ORDER_MARK + written.getvalue()


def defused(cell: str) -> str:
    """Return a text that no spreadsheet takes for a formula: with an apostrophe before what would be one."""
    return f"'{cell}" if cell.lstrip(" ").startswith(_FORMULAS) else cell
