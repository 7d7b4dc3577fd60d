"""`ai-worker channels`: the configured connections to platforms, setting one up, and trying it out."""

import asyncio
from typing import TYPE_CHECKING, Any

import typer

from ai_worker.cli import channels_setup, channels_trial
from ai_worker.cli.invocation import Invocation, Json, both

if TYPE_CHECKING:
    from datetime import datetime

    from ai_worker.channels.contract import Proof
    from ai_worker.channels.sightings import Sighting

STATES = {
    "ready": ("正常", "ready"),
    "connecting": ("正在连接", "connecting"),
    "degraded": ("受限", "degraded"),
    "down": ("断开", "down"),
}


def register(app: typer.Typer) -> None:
    """Add the commands."""
    channels = typer.Typer(no_args_is_help=True, help=both("渠道", "Channels"))
    channels.command("list", help=both("列出已配置的渠道", "List the configured channels"))(list_channels)
    channels_setup.register(channels)
    channels_trial.register(channels)
    app.add_typer(channels, name="channels")


def list_channels(context: typer.Context, as_json: Json = False) -> None:
    """Print the channels of the settings, with the worker that answers each and how it is doing."""
    from ai_worker.cli.output import print_json, print_table

    invocation = Invocation.of(context)
    settings = invocation.settings()
    staff, seen = settings.staff(), asyncio.run(_seen(invocation))
    rows = [
        {
            "name": name,
            "kind": channel.kind,
            "worker": staff.of_channel(name).name,
            "callback": f"/channels/{name}/callback",
            **_described(*seen[name]),
        }
        for name, channel in settings.channels.items()
    ]
    if as_json:
        print_json({"channels": rows})
    elif not rows:
        print(invocation.say("还没有配置渠道。", "No channel is configured."), "→ ai-worker channels setup KIND")
    else:
        unseen = invocation.say("服务没有在运行", "the service is not running")
        shown = [
            (
                row["name"],
                row["kind"],
                row["worker"],
                row["callback"],
                invocation.say(*STATES[row["state"]]) if row["state"] else unseen,
            )
            for row in rows
        ]
        chinese = ("名称", "类型", "数字员工", "回调地址", "状态")
        english = ("name", "kind", "worker", "callback", "state")
        print_table(chinese if invocation.language == "zh-CN" else english, shown)


async def _seen(invocation: Invocation) -> "dict[str, tuple[Sighting | None, dict[Proof, datetime]]]":
    """Return what the running service says of each channel, and what was proved of it, now or earlier."""
    from ai_worker.channels.sightings import proofs, sighting
    from ai_worker.cli.opening import standing

    settings = invocation.settings()
    async with standing(settings) as opened:
        if opened is None:
            return {name: (None, {}) for name in settings.channels}
        store = opened.channels
        return {name: (await sighting(store, name), await proofs(store, name)) for name in settings.channels}


def _described(seen: "Sighting | None", proved: "dict[Proof, datetime]") -> dict[str, Any]:
    """Return what is said of a channel in JSON. Times are UTC."""
    health = seen.health if seen else None
    return {
        "state": health.state if health else None,
        "detail": health.detail if health else "",
        "displaced": bool(health and health.displaced),
        "last_error": health.last_error if health else "",
        "proofs": {proof: at.isoformat() for proof, at in proved.items()},
    }
