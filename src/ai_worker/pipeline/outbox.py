"""The outbox: replies with ids that are derived from their turns, and how long they stay true."""

from datetime import datetime, timedelta

from ai_worker.conversation.message import Reply
from ai_worker.foundation.ids import derived_id
from ai_worker.pipeline.store import Claim, OutboundKind, OutboundMessage

LIFETIME = timedelta(hours=2)
"""A reply that could not be sent for this long is not sent any more: the talk has moved on."""


def outbound(claim: Claim, reply: Reply, kind: OutboundKind, *, now: datetime) -> OutboundMessage:
    """Return the outbound message of a turn. The same turn and kind always give the same id."""
    return OutboundMessage(
        id=derived_id("r", claim.turn_id, kind),
        turn_id=claim.turn_id,
        conversation_id=claim.conversation_id,
        channel=claim.message.channel,
        address=claim.message.address,
        kind=kind,
        reply=reply,
        created_at=now,
        expires_at=now + LIFETIME,
    )
