"""`ai-worker keys`: API keys, shown once and stored as digests."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli.invocation import Invocation, Json, both

if TYPE_CHECKING:
    from ai_worker.keys.store import StoredKey

DEFAULT_DAYS = 90


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(no_args_is_help=True, help=both("API 密钥", "API keys"))
    keys.command("create", help=both("新建一把密钥，只显示这一次", "Make a key; it is shown this once"))(create)
    keys.command("list", help=both("列出密钥", "List the keys"))(list_keys)
    secret_help = both("显示这把密钥的回复签名用什么验证", "Print what signed replies to this key are verified with")
    keys.command("callback-secret", help=secret_help)(callback_secret)
    keys.command("revoke", help=both("立即停用一把密钥", "End a key at once"))(revoke)
    app.add_typer(keys, name="keys")


def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help=both("谁用它", "Who uses it"))],
    ip: Annotated[
        list[str] | None,
        typer.Option(
            "--ip",
            metavar="CIDR|any",
            help=both("允许的来源网段，可重复；不写就是本机和内网", "Where it may be used from; may repeat"),
        ),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help=both(
                "用途，可重复：chat knowledge feedback tools metrics admin；不写就是前三种",
                "What it is for; may repeat: chat knowledge feedback tools metrics admin; by default the first three",
            ),
        ),
    ] = None,
    days: Annotated[int, typer.Option("--days", help=both("有效天数", "Days it is valid"))] = DEFAULT_DAYS,
    as_json: Json = False,
) -> None:
    """Make a key and print it."""
    from ai_worker.cli.opening import keyring

    invocation = Invocation.of(context)

    async def work() -> "tuple[StoredKey, str, str]":
        async with keyring(invocation.settings()) as ring:
            key, secret = await ring.create(name, scopes=tuple(scope or ()), networks=tuple(ip or ()), days=days)
            return key, secret.reveal(), ring.callback_secret(key.id).reveal()

    key, presented, signs = asyncio.run(work())
    if as_json:
        from ai_worker.cli.output import print_json

        print_json({"id": key.id, "key": presented, "callback_secret": signs, **described(key)})
    else:
        show_new(invocation, key, presented, chosen=not ip)


def list_keys(context: typer.Context, as_json: Json = False) -> None:
    """Print all keys, newest first."""
    from ai_worker.cli.opening import standing
    from ai_worker.cli.output import local, print_json, print_table

    invocation = Invocation.of(context)

    async def work() -> "list[StoredKey]":
        async with standing(invocation.settings()) as opened:
            return await opened.keys.keys() if opened else []

    keys, zone = asyncio.run(work()), invocation.settings().time_zone
    if as_json:
        print_json({"keys": [{"id": key.id, **described(key)} for key in keys]})
    elif not keys:
        print(invocation.say("还没有密钥。", "There are no keys yet."), "→ ai-worker keys create NAME")
    else:
        ended, never = invocation.say("已停用", "revoked"), invocation.say("从未", "never")
        rows = [
            (
                key.id,
                key.name,
                " ".join(key.scopes),
                ended if key.revoked_at else local(key.expires_at, zone),
                local(key.last_used_at, zone) if key.last_used_at else never,
                ", ".join(key.networks),
            )
            for key in keys
        ]
        chinese = ("ID", "名称", "用途", "到期", "上次使用", "允许的来源")
        english = ("ID", "name", "scopes", "expires", "last used", "from")
        print_table(chinese if invocation.language == "zh-CN" else english, rows)


def revoke(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="ID", help=both("密钥的 ID，不是密钥", "The id, not the key"))],
    as_json: Json = False,
) -> None:
    """End a key at once and for good."""
    from ai_worker.cli.opening import keyring
    from ai_worker.cli.output import done, print_json

    invocation = Invocation.of(context)

    async def work() -> "StoredKey":
        async with keyring(invocation.settings()) as ring:
            return await ring.revoke(key_id)

    key = asyncio.run(work())
    if as_json:
        print_json({"id": key.id, **described(key)})
    else:
        done(invocation.say(f"密钥 {key.name}（{key.id}）已停用。", f"Key {key.name} ({key.id}) is revoked."))


def callback_secret(
    context: typer.Context,
    key_id: Annotated[str, typer.Argument(metavar="ID", help=both("密钥的 ID，不是密钥", "The id, not the key"))],
    as_json: Json = False,
) -> None:
    """Print the secret by which a receiver verifies signed replies (Standard Webhooks)."""
    from ai_worker.cli.opening import keyring
    from ai_worker.cli.output import print_json

    invocation = Invocation.of(context)

    async def work() -> str:
        async with keyring(invocation.settings()) as ring:
            await ring.known(key_id)
            return ring.callback_secret(key_id).reveal()

    secret = asyncio.run(work())
    if as_json:
        print_json({"id": key_id, "callback_secret": secret})
    else:
        print(secret)


def described(key: "StoredKey") -> dict[str, Any]:
    """Return what may be said of a key in JSON: everything but its id and itself. Times are UTC."""
    return {
        "name": key.name,
        "scopes": list(key.scopes),
        "networks": list(key.networks),
        "created_at": key.created_at.isoformat(),
        "expires_at": key.expires_at.isoformat(),
        "revoked_at": key.revoked_at.isoformat() if key.revoked_at else None,
        "last_used_at": key.last_used_at.isoformat() if key.last_used_at else None,
        "last_used_from": key.last_used_from or None,
    }


def show_new(invocation: Invocation, key: "StoredKey", presented: str, *, chosen: bool) -> None:
    """Print a key that was just made.

    Args:
        invocation: The running command.
        key: The key as it is stored.
        presented: The key itself.
        chosen: Whether the networks were chosen for the caller, who then is told of it.
    """
    from ai_worker.cli.output import done, local

    expires = local(key.expires_at, invocation.settings().time_zone)
    networks = ", ".join(key.networks)
    done(invocation.say(f"密钥 {key.name}（只显示这一次）", f"Key {key.name} (shown this once)"))
    print(f"  {presented}")
    scopes = " ".join(key.scopes)
    print(invocation.say(f"  到期：{expires} · 用途：{scopes}", f"  until {expires} · scopes {scopes}"))
    if chosen:
        print(
            invocation.say(
                f"  没有写 --ip，所以只允许本机和内网使用：{networks}",
                f"  No --ip was given, so it works from loopback and private ranges only: {networks}",
            )
        )
    else:
        print(invocation.say(f"  允许的来源：{networks}", f"  may be used from {networks}"))
    print(
        invocation.say(
            f"  带 callback_url 的消息，回复怎么验签：ai-worker keys callback-secret {key.id}",
            f"  to verify signed replies: ai-worker keys callback-secret {key.id}",
        )
    )
