"""Trying a channel out: the platform is asked about the credentials, and sent one message."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from ai_worker.channels.contract import Channel, ChannelHealth, Probe, SendFailed
from ai_worker.conversation.message import Reply
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.foundation.ids import new_id
from ai_worker.pipeline.deadletter import DeadLetterStore, NoSuchDeadLetter
from ai_worker.pipeline.outbox import LIFETIME
from ai_worker.pipeline.push import Pusher
from ai_worker.pipeline.store import OutboundMessage

TRIAL_S = 20.0
"""How long the platform may take to answer somebody who waits."""

LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of a test message."""

    state: Literal["taken", "failed", "waiting"]
    """`taken`: the platform took it. `waiting`: it is in the outbox, and goes out when it can."""

    detail: str = ""
    """Why it failed, or what went wrong at the last try."""


async def ask(channel: Channel) -> Probe:
    """Return what the platform says about the credentials; a failure to ask it is an answer too."""
    try:
        async with asyncio.timeout(TRIAL_S):
            return await channel.probe()
    except TimeoutError:
        return Probe(ok=False, detail=f"no answer within {TRIAL_S:.0f} s")
    except AiWorkerError as error:
        return Probe(ok=False, detail=str(error), fix=error.hint or "")


async def push(
    pusher: Pusher,
    letters: DeadLetterStore,
    channel: str,
    *,
    to: str,
    text: str,
    health: Callable[[], Awaitable[ChannelHealth | None]],
    clock: Clock,
    patience_s: float,
) -> Trial:
    """Send one message by way of the outbox, as all others go, and watch what comes of it.

    Args:
        pusher: Makes it durable.
        letters: Where it is found if it was given up.
        channel: The channel's name.
        to: A contact's id, or `group:` and a group's; empty for a group's robot.
        text: What is said.
        health: Tells how the channel is doing in the process that sends; `None` if nobody knows.
        clock: Tells the time.
        patience_s: For how long it is watched.

    Raises:
        CannotPush: There is no such channel.
        Busy: It is not durable.
    """
    since = clock.now()
    id = await pusher.push(channel, to, text, urgent=True)
    seen: ChannelHealth | None = None
    for look in range(1 + int(patience_s / LOOK_S)):
        await asyncio.sleep(LOOK_S if look else 0)
        try:
            return Trial("failed", (await letters.dead_letter(id)).error)
        except NoSuchDeadLetter:
            seen = await health()
        if seen is not None and seen.last_outbound_at is not None and seen.last_outbound_at >= since:
            return Trial("taken")
    return Trial("waiting", seen.last_error if seen is not None else "")


async def send(channel: Channel, *, to: str, text: str, clock: Clock) -> Trial:
    """Send one message from this process, where no service runs that would do it.

    Args:
        channel: A started channel.
        to: The contact's id on the platform; empty for a group's robot.
        text: What is said.
        clock: Tells the time.
    """
    if not channel.sends_here():
        return Trial("failed", "this process does not hold the long connection by which the channel sends")
    now = clock.now()
    message = OutboundMessage(
        id=new_id("r"),
        turn_id="",
        conversation_id=0,
        channel=channel.name,
        address=channel.reach(to),
        kind="proactive",
        reply=Reply(text),
        created_at=now,
        expires_at=now + LIFETIME,
    )
    try:
        async with asyncio.timeout(TRIAL_S):
            await channel.deliver(message)
    except TimeoutError:
        return Trial("failed", f"no answer within {TRIAL_S:.0f} s")
    except SendFailed as failure:
        return Trial("failed", str(failure))
    return Trial("taken")
