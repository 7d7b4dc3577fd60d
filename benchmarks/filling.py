"""A store with many messages in it: some that went the whole way, and copies of them."""

from pathlib import Path

import apsw

from ai_worker.foundation.clock import SystemClock
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sqlite.pipeline import SqlitePipelineStore
from benchmarks.store import Timing, accept_all, answer_all

REAL = 10_000
AT_ONCE = 2_000

TABLES = {
    "conversation": {"id": "id + copy * {conversations}", "key": "key || '-' || copy"},
    "inbound": {
        "seq": "seq + copy * {messages}",
        "message_id": "message_id || '-' || copy",
        "turn_id": "turn_id || '-' || copy",
        "conversation_id": "conversation_id + copy * {conversations}",
    },
    "turn": {"seq": "seq + copy * {messages}", "conversation_id": "conversation_id + copy * {conversations}"},
    "outbound": {
        "n": "n + copy * {messages}",
        "id": "id || '-' || copy",
        "turn_id": "turn_id || '-' || copy",
        "conversation_id": "conversation_id + copy * {conversations}",
    },
}
"""What is another in a copy; all else is as it was."""


async def fill(file: Path, count: int) -> None:
    """Make a store of `count` messages, all answered; ten to a conversation."""
    real = min(REAL, count)
    database = SqliteDatabase.open(file, clock=SystemClock(), accept_deadline_s=60)
    store = SqlitePipelineStore(database, SystemClock())
    await accept_all(store, real, real // 10, AT_ONCE, Timing())
    await answer_all(store, real, AT_ONCE, Timing())
    await database.close()
    if count > real:
        _copy(file, copies=count // real - 1)


def _copy(file: Path, *, copies: int) -> None:
    connection = apsw.Connection(str(file))
    connection.execute("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; PRAGMA cache_size = -200000")
    sizes = {
        "messages": next(connection.execute("SELECT max(seq) FROM inbound"))[0],
        "conversations": next(connection.execute("SELECT max(id) FROM conversation"))[0],
    }
    with connection:
        for table, changed in TABLES.items():
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
            values = ", ".join(changed.get(column, column).format(**sizes) for column in columns)
            connection.execute(
                f"WITH RECURSIVE n(copy) AS (SELECT 1 UNION ALL SELECT copy + 1 FROM n WHERE copy < {copies}) "
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM n CROSS JOIN {table}"
            )
    connection.close()
