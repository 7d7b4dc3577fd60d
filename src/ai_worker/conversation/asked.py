"""Who was asked back. In a group each member answers for themselves, and nobody for another."""

from dataclasses import replace

from ai_worker.conversation.message import InboundMessage
from ai_worker.conversation.turn import PendingQuestion

AT_ONCE = 5
"""Members of one group whose questions are kept open at once; the oldest gives way."""


def own(open_: PendingQuestion | None, message: InboundMessage) -> PendingQuestion | None:
    """Return the question that the sender of `message` may be answering; `None` if they were asked none."""
    if open_ is None or not message.group:
        return open_
    asked = (one for one in (open_, *open_.others) if one.asker == message.contact.id)
    return next(asked, None)


def offers_to_others(open_: PendingQuestion | None, message: InboundMessage) -> bool:
    """Return whether somebody else in the group has choices before them, and the sender of `message` has not."""
    return (
        open_ is not None
        and message.group
        and own(open_, message) is None
        and any(one.choices for one in (open_, *open_.others))
    )


def still_open(
    asked: PendingQuestion | None, before: PendingQuestion | None, message: InboundMessage
) -> PendingQuestion | None:
    """Return what is open after a turn.

    Args:
        asked: What the turn has asked the sender back; `None` if nothing.
        before: What was open before it.
        message: The message of a group that the turn answered. It ends what was asked of its sender, of nobody else.
    """
    sender = message.contact.id
    now = [] if asked is None else [replace(asked, asker=sender)]
    if before is not None:
        now += [one for one in (before, *before.others) if one.asker != sender]
    alone = [replace(one, others=()) for one in now[:AT_ONCE]]
    return replace(alone[0], others=tuple(alone[1:])) if alone else None
