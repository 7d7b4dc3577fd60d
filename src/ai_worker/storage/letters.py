"""Dead letters put together from stored rows, the same for every database."""

from datetime import datetime
from typing import Any

from ai_worker.foundation.clock import from_micros
from ai_worker.pipeline.deadletter import DeadLetter, NoSuchDeadLetter
from ai_worker.storage import codec


def missing(letter_id: str) -> NoSuchDeadLetter:
    """Return the refusal for an id that no dead letter has."""
    return NoSuchDeadLetter(f"There is no dead letter {letter_id!r} (any more).")


def age(letter: DeadLetter) -> datetime:
    """Return what dead letters are sorted by."""
    return letter.received_at


def message(row: Any) -> DeadLetter:
    """Return the dead letter that a given-up message is."""
    turn_id, channel, conversation_id, contact_id, contact_name, text, error, attempts, received_at = row
    return DeadLetter(
        turn_id=turn_id,
        channel=channel,
        conversation_id=conversation_id,
        contact_id=contact_id,
        contact_name=contact_name,
        text=text,
        error=error,
        attempts=attempts,
        received_at=from_micros(received_at),
    )


def reply(row: Any) -> DeadLetter:
    """Return the dead letter that an undelivered reply is."""
    turn_id, channel, conversation_id, contact_id, contact_name, body, error, attempts, created_at, state, letter_id = (
        row
    )
    return DeadLetter(
        turn_id=turn_id or "",
        channel=channel,
        conversation_id=conversation_id,
        contact_id=contact_id,
        contact_name=contact_name,
        text=codec.reply(body).text,
        error=error,
        attempts=attempts,
        received_at=from_micros(created_at),
        kind="reply",
        state=state,
        outbound_id=letter_id,
    )
