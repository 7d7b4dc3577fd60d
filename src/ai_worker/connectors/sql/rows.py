"""Rows of a database as JSON values: bounded in number and in size."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import msgspec

MAX_TEXT = 4_000
"""Characters of one value."""


@dataclass(slots=True)
class Rows:
    """What a query gave, gathered row by row until it is enough."""

    max_rows: int
    max_bytes: int
    names: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""
    """What is missing; empty: nothing."""

    _size: int = 0

    def begin(self, columns: Sequence[str]) -> None:
        """Take the names of the columns; one that comes twice gets a number."""
        seen: Counter[str] = Counter()
        self.names = []
        for column in columns:
            seen[column] += 1
            self.names.append(column if seen[column] == 1 else f"{column}_{seen[column]}")

    def add(self, row: Sequence[Any]) -> bool:
        """Take one more row; return whether the next is wanted."""
        if len(self.rows) >= self.max_rows:
            self.note = f"only the first {self.max_rows} rows; ask more narrowly"
            return False
        values = [value_of(value) for value in row]
        self._size += sum(map(_size, values))
        if self._size > self.max_bytes:
            self.note = f"only the first {len(self.rows)} rows: more than {self.max_bytes} bytes; ask more narrowly"
            return False
        self.rows.append(dict(zip(self.names, values, strict=True)))
        return True


def _size(value: Any) -> int:
    if isinstance(value, str):
        return len(value)
    return len(msgspec.json.encode(value)) if isinstance(value, dict | list) else 8


def value_of(value: Any) -> Any:
    """Return a database's value as one of JSON. Decimals stay exact: they become text, as the database has them."""
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return value if len(value) <= MAX_TEXT else f"{value[:MAX_TEXT]}… ({len(value)} characters)"
        case Decimal():
            return format(value, "f")
        case datetime() | date() | time():
            return value.isoformat()
        case bytes() | bytearray() | memoryview():
            return {"bytes": len(value)}
        case dict():
            return {str(key): value_of(item) for key, item in value.items()}
        case list() | tuple():
            return [value_of(item) for item in value]
    return value_of(str(value))
