"""What a conversation is made from again, and who may answer in it: the same in every database."""

from datetime import datetime
from typing import Any

from ai_worker.conversation.conversation import Conversation, State
from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.handoff_store import AWAKE, SeatAsleep
from ai_worker.conversation.store import AlreadyTaken
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import from_micros
from ai_worker.pipeline.store import Claim


def answerer_changed(claim: Claim, result: TurnResult, state: str) -> bool:
    """Return whether a turn was run for another answerer than the one that its conversation has now."""
    if claim.state is State.HUMAN:
        return result.decision == "silent" and state != State.HUMAN
    return state == State.HUMAN and result.reply is not None and not claim.held


def asking(state: str, reason: str, since: int | None, result: TurnResult, at: int) -> tuple[str, str, int]:
    """Return state, reason and since when a person is waited for; a reason that blocks is not weakened."""
    if state == State.WAITING and since is not None:
        blocked = bool(reason) and Reason(reason).blocks
        return state, reason if blocked or result.reason is None else result.reason.value, since
    return State.WAITING.value, result.reason.value if result.reason else "", at


def awake(spoken: Conversation, taken_at: int, at: datetime) -> None:
    """Make sure that a colleague and a contact have been talking.

    Raises:
        SeatAsleep: They have not, for a long time.
    """
    if at - max(spoken.last_at, from_micros(taken_at)) > AWAKE:
        raise SeatAsleep(f"Nothing was said in {spoken.label} for a long time.", spoken)


def not_theirs(found: Conversation, person: str) -> AlreadyTaken:
    """Return the refusal for a person who does not answer a conversation."""
    who = found.person or "Nobody"
    return AlreadyTaken(f"{person} does not answer {found.label} now; {who} has taken it over.")


def conversation(row: Any) -> Conversation:
    """Return a conversation as its row tells."""
    number, channel, key, contact_id, contact_name, worker, state, reason, since, opened, last, text, unread, *rest = (
        row
    )
    who, department, grouped, group_name, first_in_queue = rest
    return Conversation(
        id=number,
        channel=channel,
        key=key,
        contact_id=contact_id,
        contact_name=contact_name,
        worker=worker,
        state=State(state),
        handoff_reason=reason,
        waiting_since=None if since is None else from_micros(since),
        opened_at=from_micros(opened),
        last_at=from_micros(last),
        last_text=text,
        unread=unread,
        person=who,
        department=department,
        group=bool(grouped),
        group_name=group_name,
        first_in_queue=bool(first_in_queue),
    )
