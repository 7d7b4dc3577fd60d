"""Tables of records: rows that name something, and say things about it."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ai_worker.foundation.text import fold
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.records.lexicon import lexicon
from ai_worker.knowledge.records.row import is_row, joined, read

ROWS_AT_LEAST = 2
DISTINCT = 0.9
"""The share of a column's cells that must differ for it to name the rows."""

NAME_CHARACTERS = 60
FILLED = 0.2
"""The share of rows that must have a column's cell; a line of prose with a colon makes no column."""

_NUMBERS = re.compile(r"[\d\s.,:/%+\-~*()]+[^\W\d]{0,3}")
_ADDRESS = re.compile(r"https?://|\S+@\S+")


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One row, as a thing with a name."""

    passage: Passage
    """Where it stands; of a row in several passages, the first."""

    name: str
    values: Mapping[str, str]
    """What its columns say; an empty cell is not in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The records of one sheet."""

    base: str
    kind: str
    """What its rows are, folded: `门店`; from its title."""

    name_column: str
    columns: Mapping[str, frozenset[str]]
    """Each column but the one with the names, and the words by which it is asked for, folded."""

    records: tuple[Record, ...]


def tables_of(passages: Iterable[Passage]) -> list[Table]:
    """Return the tables of records among these passages, which may come in any order."""
    sheets: dict[tuple[str, str, str], dict[str, list[Passage]]] = defaultdict(lambda: defaultdict(list))
    for passage in sorted(passages, key=_place):
        if passage.kind == "passage" and is_row(passage.locator):
            sheets[passage.base, passage.document_id, passage.title][passage.locator].append(passage)
    found = (_table(title, list(rows.values())) for (_, _, title), rows in sheets.items())
    return [table for table in found if table is not None]


def _place(passage: Passage) -> tuple[str, str, int]:
    number = passage.id.rpartition("#")[2]
    return passage.base, passage.document_id, int(number) if number.isdecimal() else 0


def _table(title: str, rows: Sequence[Sequence[Passage]]) -> Table | None:
    """Return the table that these rows make; `None` if no column names them."""
    cells = [read(joined([part.text for part in parts])) for parts in rows]
    if len(cells) < ROWS_AT_LEAST:
        return None
    headings = _headings(cells)
    name = _name_column(headings, cells)
    if name is None or len(headings) < 2:
        return None
    words = lexicon()
    kind = words.kind(title.rpartition(" › ")[2] or title)
    records = tuple(
        Record(parts[0], row[name], {column: row[column] for column in headings if column != name and column in row})
        for parts, row in zip(rows, cells, strict=True)
        if row.get(name)
    )
    columns = {column: words.ways_to_ask(column) for column in headings if column != name}
    return Table(rows[0][0].base, kind, name, columns, records)


def _headings(rows: Sequence[Mapping[str, str]]) -> list[str]:
    counts: dict[str, int] = {}
    for row in rows:
        for column in row:
            counts[column] = counts.get(column, 0) + 1
    return [column for column, times in counts.items() if times >= max(1.0, FILLED * len(rows))]


def _name_column(headings: Sequence[str], rows: Sequence[Mapping[str, str]]) -> str | None:
    """Return the column that names the rows: one that is called so, or the first that could."""
    fit = [column for column in headings if _names(column, rows)]
    wanted = lexicon().names
    called = [column for column in fit if fold(column) in wanted]
    if called:
        return min(called, key=lambda column: wanted.index(fold(column)))
    return next((column for column in fit if any(word in fold(column) for word in wanted)), fit[0] if fit else None)


def _names(column: str, rows: Sequence[Mapping[str, str]]) -> bool:
    cells = [cell for row in rows if (cell := row.get(column))]
    if len(cells) < DISTINCT * len(rows) or len(set(cells)) < DISTINCT * len(cells):
        return False
    return all(len(cell) <= NAME_CHARACTERS and not _ADDRESS.search(cell) for cell in cells) and not all(
        _NUMBERS.fullmatch(cell) for cell in cells
    )
