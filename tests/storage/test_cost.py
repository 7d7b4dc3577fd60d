"""No statement of the hot path reads more rows when more are stored: every one is served by an index."""

import re
from pathlib import Path

import pytest

from ai_worker.storage.sqlite import (
    answers,
    channels,
    contacts,
    deadletters,
    history,
    inbound,
    lane,
    outbox,
    pipeline,
    retention,
)
from ai_worker.storage.sqlite.connect import open_writer

AT_START_ALONE = {lane.FREE_OTHERS, lane.WAITING, outbox.FREE}
"""Read what waits as a whole, once, when the process starts."""

FRAGMENTS = {retention.LEFT, retention.UNDECIDED, retention.EMPTY}

SEARCHED = {contacts.SEARCH}
"""Reads all contacts, when somebody looks for one."""

HOT = [
    pytest.param(statement, id=f"{module.__name__.rsplit('.', 1)[-1]}.{name}")
    for module in (inbound, lane, outbox, history, pipeline, retention, answers, channels, contacts)
    for name, statement in vars(module).items()
    if name.isupper() and isinstance(statement, str) and statement not in AT_START_ALONE | FRAGMENTS | SEARCHED
]


@pytest.mark.parametrize("statement", HOT)
def test_a_statement_is_served_by_an_index(tmp_path: Path, statement: str) -> None:
    connection = open_writer(tmp_path / "store.db")
    named = re.findall(r":(\w+)", statement)
    values = dict.fromkeys(named) if named else [None] * statement.count("?")

    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]

    assert not [step for step in plan if step.startswith("SCAN") or "TEMP B-TREE" in step]
    connection.close()


@pytest.mark.parametrize("statement", [deadletters.MESSAGES, deadletters.REPLIES, deadletters.COUNT])
def test_looking_for_dead_letters_reads_nothing_but_dead_letters(tmp_path: Path, statement: str) -> None:
    connection = open_writer(tmp_path / "store.db")

    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", [None] * statement.count("?"))]

    read = [step for step in plan if step.startswith("SCAN") and step != "SCAN CONSTANT ROW"]
    assert read
    assert all(step.endswith(("USING INDEX inbound_letters", "USING INDEX outbound_letters")) for step in read)
    assert not [step for step in plan if "TEMP B-TREE" in step]
    connection.close()
