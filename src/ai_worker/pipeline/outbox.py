"""The outbox: replies with ids that are derived from their turns, and what age does to them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from ai_worker.conversation.message import InboundMessage, Reply
from ai_worker.foundation.ids import derived_id
from ai_worker.pipeline.sending import Deliverer
from ai_worker.pipeline.store import Claim, OutboundKind, OutboundMessage

LIFETIME = timedelta(hours=2)
"""A reply that could not be sent for this long is not sent any more: the talk has moved on."""

LATE = timedelta(minutes=10)
"""An answer that goes out this long after its question begins with words that say so."""

Uncarried = Callable[[str, Sequence[str]], str]
"""Returns the words of a reply, and the names of what could not go with it, in their language."""

Apology = Callable[[str], str]
"""Returns the words of a late answer with a short apology before them, in their language."""


def reply_id(turn_id: str, kind: OutboundKind = "reply") -> str:
    """Return the id of what a turn sends: always the same, so that a second send is recognisable."""
    return derived_id("r", turn_id, kind)


def outbound(claim: Claim, reply: Reply, kind: OutboundKind, *, now: datetime) -> OutboundMessage:
    """Return the outbound message of a turn. The same turn and kind always give the same id."""
    return OutboundMessage(
        id=reply_id(claim.turn_id, kind),
        turn_id=claim.turn_id,
        conversation_id=claim.conversation_id,
        channel=claim.message.channel,
        address=claim.message.address,
        kind=kind,
        reply=reply,
        created_at=now,
        expires_at=now + LIFETIME,
        asked_at=_asked_at(claim.message),
    )


def _asked_at(message: InboundMessage) -> datetime:
    """Return when the contact began to wait: a platform may have kept the message for us while we were away."""
    return min(message.received_at, message.sent_at or message.received_at)


def as_sent(message: OutboundMessage, *, now: datetime, apology: Apology) -> OutboundMessage:
    """Return a message as it goes out now: an answer that comes late says so. What is stored stays as it is.

    A send that may be a repeat keeps its words: platforms recognise a repeat by them.
    """
    if message.unsure or message.kind not in ("reply", "human"):
        return message
    if now - (message.asked_at or message.created_at) < LATE:
        return message
    return replace(message, reply=replace(message.reply, text=apology(message.reply.text)))


def as_carried(message: OutboundMessage, deliverer: Deliverer, uncarried: Uncarried) -> OutboundMessage:
    """Return a message with those files that can go where it goes, and a word about the others."""
    reply = message.reply
    if not reply.attachments:
        return message
    taken = tuple(attachment for attachment in reply.attachments if deliverer.carries(message, attachment))
    left = [attachment.name for attachment in reply.attachments if attachment not in taken]
    text = uncarried(reply.text, left) if left else reply.text
    return replace(message, reply=replace(reply, text=text, attachments=taken))
