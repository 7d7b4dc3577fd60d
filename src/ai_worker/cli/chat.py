"""`ai-worker chat`: talk to the worker in the terminal, through the same turn engine."""

import asyncio
import sys
from typing import Annotated

import typer

from ai_worker.cli.invocation import Invocation, both


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "chat",
        help=both(
            "在终端里和数字员工说话；一行一句，Ctrl+D 结束", "Talk to the worker here; a line a message, Ctrl+D ends"
        ),
    )(chat)


def chat(
    context: typer.Context,
    worker: Annotated[
        str | None, typer.Option("--worker", metavar="NAME", help=both("和哪个数字员工说话", "Which worker to talk to"))
    ] = None,
) -> None:
    """Read lines from stdin and print the answers, until the input ends. Nothing is stored."""
    invocation = Invocation.of(context)
    staff = invocation.settings().staff()
    chosen = staff.named(worker) if worker else staff.default
    asyncio.run(_talk(invocation, chosen.name, chosen.display_name))


async def _talk(invocation: Invocation, worker: str, display_name: str) -> None:
    from ai_worker.cli import opening
    from ai_worker.cli.asking import Questioner

    prompt = invocation.say("你  ", "You  ") if sys.stdin.isatty() else ""
    async with opening.turns(invocation.settings()) as engine:
        questioner = Questioner(engine, worker)
        while (line := await asyncio.to_thread(_read, prompt)) is not None:
            if not line.strip():
                continue
            _, result = await questioner.ask(line)
            if result.reply:
                print(f"{display_name}  {result.reply.text}")


def _read(prompt: str) -> str | None:
    """Return the next line; `None` at the end of the input."""
    try:
        return input(prompt)
    except EOFError:
        return None
