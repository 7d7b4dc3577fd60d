"""`ai-worker channels test` and `resume`: trying a configured channel out, and taking a connection back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.foundation.errors import Busy

if TYPE_CHECKING:
    from ai_worker.channels.contract import Channel, ChannelHealth, Probe
    from ai_worker.conversation.message import InboundMessage
    from ai_worker.learning.feedback import Rating
    from ai_worker.pipeline.store import Accepted
    from ai_worker.storage.opening import Stores

WORDS = ("这是一条测试消息，收到就说明渠道能发送。", "This is a test message; the channel can send.")

PATIENCE_S = 15.0
"""How long a message that the running service sends is waited for."""

HEARD = {
    "credentials": ("凭据可用", "the platform accepted the credentials"),
    "callback": ("平台验证了回调地址", "the platform verified the callback address"),
    "connection": ("长连接建立", "the long connection stood"),
    "message": ("收到消息", "a message came in"),
    "reply": ("消息送出", "a message was taken"),
}

Name = Annotated[str, typer.Argument(metavar="NAME", help=both("渠道的名字", "The channel's name"))]


def register(channels: typer.Typer) -> None:
    """Add the commands."""
    test_help = both("问一问平台凭据对不对，再发一条测试消息", "Ask the platform about the credentials; send a message")
    resume_help = both("连接被别处占用后，由这里重新连接", "Take back a connection that another instance has")
    channels.command("test", help=test_help)(try_out)
    channels.command("resume", help=resume_help)(resume)


def try_out(
    context: typer.Context,
    name: Name,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="CONTACT", help=both("测试消息发给谁（平台上的编号）", "Who gets the message")),
    ] = None,
    as_json: Json = False,
) -> None:
    """Try a channel out; exit code 1 if something is not as it should be."""
    from ai_worker.cli.output import print_json

    invocation = Invocation.of(context)
    _known(invocation, name)
    told = asyncio.run(_try(invocation, name, to))
    if as_json:
        print_json(told)
    else:
        _show(invocation, told)
    if not told["probe"]["ok"] or (told["sent"] and told["sent"]["state"] == "failed"):
        raise typer.Exit(1)


def resume(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Say that this installation is to have the long connection again."""
    from ai_worker.channels.connection import DISPLACED
    from ai_worker.cli.opening import stores
    from ai_worker.cli.output import done, print_json

    invocation = Invocation.of(context)
    _known(invocation, name)

    async def work() -> bool:
        async with stores(invocation.settings()) as opened:
            away = await opened.channels.recall(name, DISPLACED) is not None
            await opened.channels.forget(name, DISPLACED)
            return away

    away = asyncio.run(work())
    if as_json:
        print_json({"name": name, "was_displaced": away})
    elif away:
        done(invocation.say(f"{name} 可以重新连接了，运行中的服务 5 秒内会连。", f"{name} connects again within 5 s."))
    else:
        done(invocation.say(f"{name} 没有被别处占用，不用做什么。", f"{name} was not displaced; nothing to do."))


@asynccontextmanager
async def started(invocation: Invocation, name: str) -> "AsyncIterator[tuple[Channel, Stores]]":
    """Start a configured channel in this process until the block ends; it holds no long connection."""
    from ai_worker.channels import registry
    from ai_worker.cli.opening import stores
    from ai_worker.foundation.clock import SystemClock

    async def unheard(message: "InboundMessage") -> "Accepted":
        raise Busy("a command of its own receives nothing: the running service does")

    async def unrated(rating: "Rating") -> bool:
        return False

    settings = invocation.settings()
    async with stores(settings) as opened:
        channel = registry.build(name, settings.channels[name], clock=SystemClock(), store=opened.channels)
        await channel.start(unheard, unrated, connects=False)
        try:
            yield channel, opened
        finally:
            await channel.stop()


def show_probe(invocation: Invocation, probe: "Probe") -> None:
    """Print what the platform said about the credentials, and what to do about it."""
    from ai_worker.cli.output import done, failed

    if probe.ok:
        done(" · ".join(part for part in (invocation.say("凭据可用", "The credentials work"), probe.detail) if part))
        return
    failed(invocation.say(f"凭据没有通过：{probe.detail}", f"The credentials were not accepted: {probe.detail}"))
    if probe.fix:
        print(f"  → {probe.fix}")


def _known(invocation: Invocation, name: str) -> None:
    from ai_worker.channels.roster import NoSuchChannel

    if name not in invocation.settings().channels:
        raise NoSuchChannel(f"there is no channel called {name!r}")


async def _try(invocation: Invocation, name: str, to: str | None) -> dict[str, Any]:
    from ai_worker.channels import trial
    from ai_worker.channels.sightings import proofs, prove, sighting
    from ai_worker.foundation.clock import SystemClock
    from ai_worker.pipeline.push import Pusher

    clock = SystemClock()
    async with started(invocation, name) as (channel, opened):
        store = opened.channels
        probe = await trial.ask(channel)
        if probe.ok:
            await prove(store, name, "credentials", clock.now())

        async def health() -> "ChannelHealth | None":
            seen = await sighting(store, name)
            return seen.health if seen else None

        sent, text = None, invocation.say(*WORDS)
        if to is not None and await health() is not None:
            pusher = Pusher(opened.pipeline, deliverers={name: channel}, clock=clock)
            sent = await trial.push(
                *(pusher, opened.dead_letters, name),
                to=to,
                text=text,
                health=health,
                clock=clock,
                patience_s=PATIENCE_S,
            )
        elif to is not None:
            sent = await trial.send(channel, to=to, text=text, clock=clock)
        seen = await sighting(store, name)
        proved = await proofs(store, name)
    return {
        "name": name,
        "kind": channel.kind,
        "probe": {"ok": probe.ok, "detail": probe.detail, "fix": probe.fix},
        "sent": {"state": sent.state, "detail": sent.detail} if sent else None,
        "service": {"state": seen.health.state, "detail": seen.health.detail} if seen else None,
        "proofs": {proof: at.isoformat() for proof, at in proved.items()},
    }


def _show(invocation: Invocation, told: dict[str, Any]) -> None:
    from datetime import datetime

    from ai_worker.channels.contract import Probe
    from ai_worker.cli.output import done, failed, local

    show_probe(invocation, Probe(**told["probe"]))
    if told["sent"] is None:
        print(invocation.say("– 没有发测试消息，加 --to 就发", "– No message was sent; --to sends one"))
    elif told["sent"]["state"] == "taken":
        done(invocation.say("测试消息已被平台收下", "The platform took the test message"))
    elif told["sent"]["state"] == "waiting":
        words = (
            "… 测试消息在发件箱里，服务会接着发",
            "… The test message is in the outbox; the service goes on",
        )
        print(invocation.say(*words), told["sent"]["detail"])
    else:
        failed(invocation.say("测试消息没有发出", "The test message was not sent") + f": {told['sent']['detail']}")
    if told["service"] is None:
        print(invocation.say("– 服务没有在运行，不会收消息", "– The service is not running; nothing is received"))
    zone = invocation.settings().time_zone
    for proof, at in told["proofs"].items():
        print(f"  {local(datetime.fromisoformat(at), zone)}  {invocation.say(*HEARD[proof])}")
