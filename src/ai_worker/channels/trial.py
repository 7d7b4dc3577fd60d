"""Trying a channel out: the platform is asked about the credentials, and sent one message."""

import asyncio

from ai_worker.channels.contract import Channel, Probe, SendFailed, Sent
from ai_worker.conversation.message import Reply
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.foundation.ids import new_id
from ai_worker.pipeline.outbox import LIFETIME
from ai_worker.pipeline.store import OutboundMessage

TRIAL_S = 20.0
"""How long the platform may take to answer somebody who waits."""


async def ask(channel: Channel) -> Probe:
    """Return what the platform says about the credentials; a failure to ask it is an answer too."""
    try:
        async with asyncio.timeout(TRIAL_S):
            return await channel.probe()
    except TimeoutError:
        return Probe(ok=False, detail=f"no answer within {TRIAL_S:.0f} s")
    except AiWorkerError as error:
        return Probe(ok=False, detail=str(error), fix=error.hint or "")


async def send(channel: Channel, *, to: str, text: str, clock: Clock) -> Sent:
    """Send one message, past the outbox: who waits for it wants to hear how it went.

    Args:
        channel: A started channel.
        to: The contact's id on the platform; empty for a group's robot.
        text: What is said.
        clock: Tells the time.

    Raises:
        SendFailed: The platform did not take it.
    """
    if not channel.sends_here():
        detail = "this process does not hold the long connection by which the channel sends"
        raise SendFailed(channel.kind, detail, retry_after=None)
    now = clock.now()
    message = OutboundMessage(
        id=new_id("r"),
        turn_id="",
        conversation_id=0,
        channel=channel.name,
        address={"user": to} if to else {},
        kind="proactive",
        reply=Reply(text),
        created_at=now,
        expires_at=now + LIFETIME,
    )
    try:
        async with asyncio.timeout(TRIAL_S):
            return await channel.deliver(message)
    except TimeoutError:
        detail = f"no answer within {TRIAL_S:.0f} s"
        raise SendFailed(channel.kind, detail, retry_after=None, unsure=True) from None
