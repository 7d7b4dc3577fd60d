"""What a claim is told of answers that are owed in its conversation: the same in every database."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ai_worker.conversation.message import Utterance
from ai_worker.pipeline import burst
from ai_worker.pipeline.store import Claim
from ai_worker.storage import codec, contact_rows

LATEST = 6
"""So many of the latest messages that are owed their answers are told."""


def kept(claim: Claim) -> str:
    """Return what is kept of what a message was said under, for the turn that answers it after newer ones."""
    return codec.encode(burst.apart(claim))


def told(claim: Claim, owed: Sequence[Any], replied: int, *, grouped: bool) -> Claim:
    """Return a claim with what it must know of the others.

    Args:
        claim: One whose conversation owes answers.
        owed: The latest messages that are owed theirs, newest first: seq, text, who said it, their name.
        replied: The newest message (seq) that the worker has replied to; 0 if there is none.
        grouped: Whether the conversation is a group's.
    """
    if claim.owed:
        return replace(claim, overtaken=replied > claim.seq)
    before = [row for row in reversed(owed) if row[0] < claim.seq]
    own = max((seq for seq, _, said_by, _ in before if said_by == claim.message.contact.id), default=0)
    said = (
        Utterance("user", text, contact_rows.speaker(by, name) if grouped else None) for _, text, by, name in before
    )
    return replace(claim, behind=tuple(said), promised=own > replied)
