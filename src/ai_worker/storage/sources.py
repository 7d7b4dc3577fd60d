"""What is stored of the sources of knowledge, the same for every kind of database."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.knowledge.sources import RunReport, Seen, SourceState
from ai_worker.storage import codec, rows

_report = msgspec.json.Decoder(RunReport)
_seen = msgspec.json.Decoder(Seen)


def row(state: SourceState) -> tuple[str, int, int, str]:
    """Return what is stored of how a source stands."""
    return state.name, to_micros(state.ran_at), to_micros(state.due_at), rows.plain(codec.encode(state.report))


def state(row: Any) -> SourceState:
    """Return how a source stands."""
    name, ran_at, due_at, report = row
    return SourceState(name, from_micros(ran_at), from_micros(due_at), _report.decode(report))


def seen(text: str) -> Seen:
    """Return what was remembered of a document."""
    return _seen.decode(text)


def items(name: str, seen: Mapping[str, Seen | None]) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
    """Return the rows that are put, and those that are forgotten."""
    put = [(name, rows.plain(id), codec.encode(one)) for id, one in seen.items() if one is not None]
    return put, [(name, rows.plain(id)) for id, one in seen.items() if one is None]
