"""Finishing turns: their results are stored and their lanes given back, many in one statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ai_worker.conversation.conversation import State
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import to_micros
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.store import AnswererChanged, Claim
from ai_worker.storage import codec, conversation_rows, rows
from ai_worker.storage.postgres.database import MOMENT, PostgresDatabase
from ai_worker.storage.postgres.lane import FRESH, OWES

FINISHED = "SELECT seq, epoch FROM turn WHERE seq = ANY ($1::bigint[])"

TURN_COLUMNS = (
    *("seq", "conversation_id", "epoch", "channel", "decision", "confidence", "model"),
    *("received_at", "finished_at", "response_ms", "reply", "result", "tainted"),
)
LANE_COLUMNS = (
    *("state", "handoff_reason", "waiting_since", "pending", "unread", "last_at", "last_text", "first"),
    *("newer", "was_owed"),
)

FINISH = f"""
WITH given AS MATERIALIZED (
    SELECT * FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::double precision[],
        $8::text[], $9::bigint[], $10::bigint[], $11::double precision[], $12::text[], $13::text[], $14::boolean[],
        $15::text[], $16::text[], $17::bigint[], $18::text[], $19::integer[], $20::bigint[], $21::text[],
        $22::boolean[], $23::boolean[], $24::boolean[])
    AS row ({", ".join((*TURN_COLUMNS, *LANE_COLUMNS))})
), done AS (
    UPDATE inbound SET state = 'done' FROM given WHERE inbound.seq = given.seq
), freed AS (
    UPDATE conversation SET owner = NULL, node = NULL, waiting = waiting - 1,
        ready_at = CASE WHEN owed_at IS NULL OR was_owed OR {FRESH} OR NOT {OWES} THEN {MOMENT} ELSE owed_at END,
        owed_at = CASE WHEN owed_at IS NOT NULL AND {OWES} THEN CASE WHEN was_owed THEN {MOMENT} ELSE owed_at END END,
        state = given.state, handoff_reason = given.handoff_reason, waiting_since = given.waiting_since,
        pending_question = CASE WHEN newer THEN pending_question ELSE given.pending END,
        unread = given.unread, last_at = given.last_at, last_text = given.last_text,
        first_in_queue = first_in_queue OR given.first
    FROM given WHERE conversation.id = given.conversation_id
)
INSERT INTO turn ({", ".join(TURN_COLUMNS)}) SELECT {", ".join(TURN_COLUMNS)} FROM given
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """A turn that is to be stored, and what is stored of it."""

    claim: Claim
    result: TurnResult
    stored: str
    now: datetime
    response_ms: float


def changed(one: Finished, lane: Any) -> bool:
    """Return whether somebody else answers by now than when the turn began; `lane` is as `OWNED` selects it."""
    return conversation_rows.answerer_changed(one.claim, one.result, lane[3])


def answered_by_another(claim: Claim) -> AnswererChanged:
    """Return the refusal of a turn that was run for another answerer."""
    return AnswererChanged(f"Somebody else answers c-{claim.conversation_id} by now; this turn was not kept.")


async def finished_before(connection: Any, claims: Sequence[Claim]) -> set[int]:
    """Return which of these very claims (by `seq`) were finished already, by a call whose answer was lost."""
    if not claims:
        return set()
    epochs = dict(await connection.fetch(FINISHED, [claim.seq for claim in claims]))
    return {claim.seq for claim in claims if epochs.get(claim.seq) == claim.epoch}


async def finish(database: PostgresDatabase, connection: Any, turns: Sequence[tuple[Finished, Any]]) -> None:
    """Store turns, each with its lane's row, mark their messages as done and free their lanes."""
    made = [(*_turn(one), *_lane(one, lane)) for one, lane in turns]
    await connection.execute(FINISH, database.moment, *(list(column) for column in zip(*made, strict=True)))


def _turn(one: Finished) -> tuple[Any, ...]:
    claim, result = one.claim, one.result
    return (
        claim.seq,
        claim.conversation_id,
        claim.epoch,
        claim.message.channel,
        result.decision,
        result.confidence,
        result.model,
        to_micros(claim.message.received_at),
        to_micros(one.now),
        one.response_ms,
        None if result.reply is None else result.reply.text,
        one.stored,
        result.tainted,
    )


def _lane(one: Finished, lane: Any) -> tuple[Any, ...]:
    _id, _epoch, _owner, state, reason, since, waiting, unread, last_at, last_text, _owed_at = lane
    result, at = one.result, to_micros(one.now)
    if result.decision == "handoff" and state != State.HUMAN:
        state, reason, since = conversation_rows.asking(state, reason, since, result, at)
    if result.decision in ("answer", "clarify") and state != State.HUMAN:
        unread = waiting - 1
    if result.reply is not None:
        last_at, last_text = at, shorten(result.reply.text, rows.LINE)
    pending = None if result.pending is None else codec.encode(result.pending)
    newer = one.claim.overtaken and pending is None  # what was asked back since stays open
    asked = state, reason, since, pending
    return *asked, unread, last_at, last_text, result.first_in_queue, newer, one.claim.owed
