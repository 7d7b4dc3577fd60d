"""What the tests of the file and its writer share."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.foundation.clock import SystemClock
from ai_worker.storage.sqlite.database import SqliteDatabase
from ai_worker.storage.sqlite.pipeline import SqlitePipelineStore

PYTHON = sys.executable


def message(number: int | str, *, text: str = "怎么退货？") -> InboundMessage:
    """Return a message of one of seven contacts."""
    who = f"contact-{hash(number) % 7}"
    return InboundMessage(
        channel="service-desk",
        message_id=f"m-{number}",
        conversation_key=who,
        contact=Contact(who, "王芳"),
        text=text,
        received_at=datetime.now(UTC),
    )


def open_database(file: Path, *, accept_deadline_s: float = 2.0) -> SqliteDatabase:
    return SqliteDatabase.open(file, clock=SystemClock(), accept_deadline_s=accept_deadline_s)


def pipeline(database: SqliteDatabase) -> SqlitePipelineStore:
    return SqlitePipelineStore(database, SystemClock())
