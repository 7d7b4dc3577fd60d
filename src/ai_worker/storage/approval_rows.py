"""What is stored of an approval, and what it is made from again: the same in every database."""

from dataclasses import replace
from typing import Any

from ai_worker.foundation.clock import to_micros
from ai_worker.skills.approval import Approval
from ai_worker.storage import codec


def row_of(approval: Approval) -> dict[str, Any]:
    """Return what is stored."""
    return {
        "id": approval.id,
        "channel": approval.asker.channel,
        "contact_id": approval.asker.id,
        "conversation_key": approval.conversation_key,
        "state": approval.state,
        "approved_by": approval.approved_by,
        "asked_at": to_micros(approval.asked_at),
        "expires_at": to_micros(approval.expires_at),
        "used_by": approval.used_by,
        "body": codec.encode(approval),
    }


def approval_of(body: Any) -> Approval:
    """Return what was stored."""
    return codec.approval(body)


def replaced(body: Any) -> Approval:
    """Return one in whose place its asker has asked for something else."""
    return replace(approval_of(body), state="replaced")
