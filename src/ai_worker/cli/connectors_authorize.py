"""`ai-worker connectors authorize`: a person's consent, asked for once, to act in a business system."""

import asyncio
import os
import sys
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from ai_worker.cli.invocation import Invocation, both
from ai_worker.foundation.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from ai_worker.connectors.auth_settings import CodeAuth
    from ai_worker.connectors.http.consent import Consent
    from ai_worker.connectors.registry import Described
    from ai_worker.foundation.secret import Secret
    from ai_worker.settings import Settings

WAIT_S = 600
"""For the person and their browser."""

LOOPBACK = ("127.0.0.1", "::1", "localhost")


class NothingToAuthorize(BadInput):
    """The connector is unknown, or needs no person's consent."""

    code = "connector.nothing_to_authorize"
    hint = 'Consent is asked for where [auth] of the connector.toml says kind = "oauth2-code".'


class NobodyToAgree(BadInput):
    """The server names a host for its tokens, and there is no terminal at which somebody could agree to it."""

    code = "connector.nobody_to_agree"
    hint = "If that host is right, write it after --trust."


def register(commands: typer.Typer) -> None:
    """Add the command."""
    help_text = both("请一个人在浏览器里授权一次（OAuth2 授权码）", "Ask a person's consent once (OAuth 2 code)")
    commands.command("authorize", help=help_text)(authorize)


def authorize(
    context: typer.Context,
    connector: Annotated[
        str, typer.Argument(metavar="ID", help=both("连接器的 ID", "The connector's id"), show_default=False)
    ],
    scheme: Annotated[
        str,
        typer.Option("--scheme", metavar="NAME", help=both("[auths] 里的名字", "A name in [auths]")),
    ] = "",
    paste: Annotated[
        bool,
        typer.Option(
            "--paste",
            help=both("不监听，粘贴浏览器跳转后的地址", "Do not listen; paste the address that the browser ends at"),
        ),
    ] = False,
    trust: Annotated[
        list[str] | None,
        typer.Option(
            "--trust",
            metavar="HOST",
            help=both(
                "系统自己说的、可以发放令牌的主机，可以写几个；不写就问",
                "A host that the system names for its tokens; may repeat; left out: it is asked",
            ),
        ),
    ] = None,
    anew: Annotated[
        bool,
        typer.Option("--anew", help=both("重新注册客户端", "Register as a client anew")),
    ] = False,
) -> None:
    """Print where the person consents, wait for the answer, and keep the refresh token."""
    from ai_worker.cli.output import done

    invocation = Invocation.of(context)
    settings = invocation.settings()
    described, auth = _wanted(settings, connector, scheme)

    async def work() -> None:
        asked = await _asked(described, auth, scheme, invocation, trust=trust or (), anew=anew)
        print(invocation.say("请在浏览器里打开，登录并同意：", "Open this in a browser, log in and consent:"))
        print(asked.consent.address(), flush=True)
        redirected = await _redirected(auth, invocation, paste=paste)
        await asked.keep(await asked.consent.exchange(asked.consent.code(redirected)))

    asyncio.run(work())
    done(invocation.say("已授权，刷新令牌已加密保存", "Authorised; the refresh token is kept, encrypted"))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question to a person, and where what comes of it is kept."""

    consent: "Consent"
    keep: "Callable[[Secret], Awaitable[None]]"


async def _asked(
    described: "Described", auth: "CodeAuth", scheme: str, invocation: Invocation, *, trust: "Sequence[str]", anew: bool
) -> _Asked:
    """Return the question, after the system was asked whose it is where the settings do not say."""
    from ai_worker.connectors.http.authenticate import EVERYWHERE
    from ai_worker.connectors.http.connect import kept_as
    from ai_worker.connectors.http.consent import Consent
    from ai_worker.connectors.kept import KeptTokens
    from ai_worker.connectors.kind import Parts
    from ai_worker.foundation.clock import SystemClock

    data_dir = invocation.settings().data_dir
    find = described.kind.find_giver
    if not auth.found_out or find is None:
        keep = partial(KeptTokens(data_dir).consented, kept_as(described.id, scheme or EVERYWHERE))
        return _Asked(Consent(auth, described.settings), keep)

    async def trusts(host: str) -> bool:
        return host in trust or await asyncio.to_thread(_agreed, invocation, described.settings.name, host)

    parts = Parts.kept_in(data_dir, SystemClock())
    giver = await find(described.id, described.settings, parts, trusts, anew)
    consent = Consent(
        giver.auth,
        described.settings,
        issuer=giver.issuer,
        states_issuer=giver.states_issuer,
        networks=giver.networks,
    )
    return _Asked(consent, giver.keep)


def _agreed(invocation: Invocation, name: str, host: str) -> bool:
    """Ask whether a host may give tokens."""
    if not sys.stdin.isatty():
        raise NobodyToAgree(f"{name} says that {host} gives its tokens")
    return typer.confirm(
        invocation.say(
            f"{name} 说它的令牌由 {host} 发放。允许连到那里吗（只用来取令牌）？",
            f"{name} says that {host} gives its tokens. May it be called (for tokens alone)?",
        ),
        err=True,
    )


def _wanted(settings: "Settings", connector: str, scheme: str) -> "tuple[Described, CodeAuth]":
    from ai_worker.connectors.auth_settings import CodeAuth
    from ai_worker.connectors.registry import connector_files, describe, id_of
    from ai_worker.settings.references import resolver

    folder = settings.connectors_folder
    file = next((file for file in connector_files(folder) if id_of(file) == connector), None)
    if file is None:
        raise NothingToAuthorize(f"no file in {folder} describes {connector!r}")
    described = describe(file, resolver(folder.parent, os.environ))
    auth = described.settings.auths.get(scheme) if scheme else described.settings.auth
    if not isinstance(auth, CodeAuth):
        raise NothingToAuthorize(f"{connector}: {f'auths.{scheme}' if scheme else 'auth'} asks for nobody's consent")
    return described, auth


async def _redirected(auth: "CodeAuth", invocation: Invocation, *, paste: bool) -> str:
    """Return the address that the browser ended at."""
    redirect = urlsplit(auth.redirect)
    if paste or redirect.hostname not in LOOPBACK:
        question = invocation.say("粘贴浏览器最后停留的地址", "Paste the address that the browser ended at")
        return str(await asyncio.to_thread(typer.prompt, question))
    return await _listened(redirect.hostname, redirect.port or 80, redirect.path or "/", invocation)


async def _listened(host: str, port: int, path: str, invocation: Invocation) -> str:
    """Return the first address below `path` that a browser on this machine asks us for."""
    from aiohttp import web

    came: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def answer(request: web.Request) -> web.Response:
        if request.path != path or not request.query_string:
            raise web.HTTPNotFound
        if not came.done():
            came.set_result(str(request.url))
        return web.Response(text=invocation.say("可以关掉这一页了。", "You may close this page."))

    application = web.Application()
    application.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            raise NothingToAuthorize(f"port {port} cannot be listened on: {error.strerror}; use --paste") from None
        try:
            async with asyncio.timeout(WAIT_S):
                return await came
        except TimeoutError:
            raise NothingToAuthorize(f"nobody came back within {WAIT_S} s") from None
    finally:
        await runner.cleanup()
