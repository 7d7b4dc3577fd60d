"""Where a turn gets at the records that its asker may read."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Protocol

import msgspec
import structlog

from ai_worker.knowledge.keeping import Keeping
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.records.book import RecordBook
from ai_worker.knowledge.records.table import tables_of
from ai_worker.knowledge.retrieve import ANYBODY, Reader
from ai_worker.knowledge.view import View

RECORDS = 20_000
"""Rows of tables that are kept in memory as records. With more, none is: rows are then found as text alone."""

SHELVES = 32
"""Choices of tables that are remembered as books of their own: what the workers' bases come to."""

log = structlog.get_logger(__name__)


class RecordShelf(Protocol):
    """Has the records of the knowledge."""

    def records(self, *, bases: Sequence[str] = ("*",), reader: Reader = ANYBODY) -> RecordBook:
        """Return the records of these bases that may be read; an empty book if there are none."""
        ...


class RecordShelves:
    """The records of one installation, made anew when its tables change. It is a `RecordShelf`'s inside."""

    def __init__(self) -> None:
        self._mark = b""
        self._book = RecordBook(())
        self._keepings: tuple[frozenset[Keeping], ...] = ()
        self._narrowed = lru_cache(SHELVES)(_narrowed)

    def take(self, view: View) -> None:
        """Take over the tables that the index shows. Blocks for as long as reading them takes."""
        rows = view.rows(RECORDS)
        if rows is None:
            log.warning("knowledge.too_many_records", limit=RECORDS)
            rows = []
        mark = hashlib.blake2b(b"\x00".join(sorted(rows))).digest()
        if mark != self._mark:
            self._book = RecordBook(tables_of(msgspec.json.decode(row, type=Passage) for row in rows))
            self._keepings = tuple(
                frozenset(record.passage.keeping for record in table.records) for table in self._book.tables
            )
            self._mark = mark
            self._narrowed.cache_clear()

    def within(self, bases: Sequence[str], *, reader: Reader, moment: datetime) -> RecordBook:
        """Return the records of these bases that `reader` finds at `moment`: of a table all of them or none.

        Whoever reads the same tables gets the same book.
        """
        book = self._book
        seen = tuple(
            at
            for at, (table, keepings) in enumerate(zip(book.tables, self._keepings, strict=True))
            if ("*" in bases or table.base in bases) and all(reader.finds(keeping, moment) for keeping in keepings)
        )
        return book if len(seen) == len(book.tables) else self._narrowed(book, seen)


def _narrowed(book: RecordBook, seen: tuple[int, ...]) -> RecordBook:
    return RecordBook([book.tables[at] for at in seen])
