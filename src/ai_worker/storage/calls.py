"""What is stored of calls and checks of business systems, the same for every kind of database."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from ai_worker.foundation.clock import from_micros, to_micros
from ai_worker.skills.calls import REFUSALS, CallSums, Checked, Standing
from ai_worker.skills.tool import Called
from ai_worker.storage import codec, rows

GOOD = ", ".join(f"'{code}'" for code in ("ok", *REFUSALS))

SUMS = f"""
WITH ranked AS (
    SELECT connector, code, ms,
        row_number() OVER (PARTITION BY connector ORDER BY ms) AS place,
        count(*) OVER (PARTITION BY connector) AS calls
    FROM connector_call WHERE at >= {{since}}
)
SELECT connector, max(calls), sum(CASE WHEN code IN ({GOOD}) THEN 0 ELSE 1 END),
    min(CASE WHEN place >= 0.95 * calls THEN ms END)
FROM ranked GROUP BY connector
"""  # noqa: S608
"""By connector: its calls, those that failed, and the time within which 95 of 100 were over."""

_checked = msgspec.json.Decoder(Checked)


def call_row(called: Called) -> tuple[str, str, str, float, int, str, str]:
    """Return what is stored of a call."""
    who, turn_id = rows.plain(called.asker), rows.plain(called.turn_id)
    return called.connector, called.tool, called.code, called.ms, to_micros(called.at), who, turn_id


def call(row: Any) -> Called:
    """Return a call."""
    connector, tool, code, ms, at, who, turn_id = row
    return Called(connector, tool, code, ms, from_micros(at), who, turn_id)


def call_sums(found: Iterable[Any]) -> Mapping[str, CallSums]:
    """Return what calls come to, by connector."""
    return {connector: CallSums(int(calls), int(failed), p95) for connector, calls, failed, p95 in found}


def check_row(checked: Checked) -> tuple[str, int, str, int | None, str | None, bool | None]:
    """Return what is stored of a check."""
    said, at = rows.plain(codec.encode(replace(checked, drift=None))), to_micros(checked.at)
    good = checked.code == "ok"
    return checked.connector, at, said, at if good else None, None if good else said, checked.drift


def standings(found: Sequence[Any]) -> Mapping[str, Standing]:
    """Return how connectors stand, by id."""
    return {
        connector: Standing(
            replace(_checked.decode(last), drift=None if drift is None else bool(drift)),
            _moment(good_at),
            _checked.decode(error) if error is not None else None,
        )
        for connector, last, good_at, error, drift in found
    }


def _moment(at: int | None) -> datetime | None:
    return from_micros(at) if at is not None else None
