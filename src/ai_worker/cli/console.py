"""`ai-worker console`: a one-time link into the console."""

import asyncio

import typer

from ai_worker.cli.invocation import Invocation, Json, both

EVERYWHERE = ("0.0.0.0", "::", "")  # noqa: S104  (compared with, not bound to)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "console",
        help=both("给出控制台的一次性登录链接", "Print a link into the console that works once"),
    )(console)


def console(context: typer.Context, as_json: Json = False) -> None:
    """Print a link that works once, for ten minutes."""
    from ai_worker.cli.opening import console_links
    from ai_worker.cli.output import print_json

    invocation = Invocation.of(context)
    settings = invocation.settings()

    async def work() -> str:
        async with console_links(settings) as links:
            return (await links.issue()).reveal()

    host = "127.0.0.1" if settings.console.host in EVERYWHERE else settings.console.host
    host = f"[{host}]" if ":" in host else host
    url = f"http://{host}:{settings.console.port}/start?t={asyncio.run(work())}"
    if as_json:
        print_json({"url": url, "expires_in": 600})
        return
    print(url)
    print(invocation.say("10 分钟内有效，只能用一次。", "It works once, within 10 minutes."))
