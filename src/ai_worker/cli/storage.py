"""`ai-worker storage`: where everything durable is kept, and moving it."""

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from ai_worker.cli.invocation import Invocation, Json, both

if TYPE_CHECKING:
    from ai_worker.storage.migrate import Moved


def register(app: typer.Typer) -> None:
    """Add the commands."""
    storage = typer.Typer(no_args_is_help=True, help=both("数据库", "The database"))
    storage.command("migrate", help=both("把 SQLite 里的数据全部搬到 PostgreSQL", "Move SQLite to PostgreSQL"))(migrate)
    app.add_typer(storage, name="storage")


def migrate(
    context: typer.Context,
    to: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="URL",
            help=both(
                "目标：postgresql://用户@主机/库，可加 ?schema=名称；也可写 env:变量 或 file:文件",
                "Where to: postgresql://USER@HOST/DB, ?schema=NAME; or env:NAME or file:PATH",
            ),
        ),
    ],
    as_json: Json = False,
) -> None:
    """Copy everything, compare the counts, and say what to do next. All or nothing."""
    from pathlib import Path

    from ai_worker.cli.output import done, print_json, print_table
    from ai_worker.foundation.clock import SystemClock
    from ai_worker.settings.references import resolver
    from ai_worker.storage.migrate import NothingToMove, move

    invocation = Invocation.of(context)
    file = invocation.settings().database_file
    if file is None:
        raise NothingToMove("storage.url names no SQLite file")
    try:
        url = resolver(Path.cwd(), invocation.environ)(to)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="--to") from None
    folder = invocation.settings().data_dir
    moved: list[Moved] = asyncio.run(move(file, url, data_dir=folder, clock=SystemClock()))
    if as_json:
        print_json({"tables": {one.table: {"from": one.there, "to": one.here} for one in moved}, "ok": True})
        return
    heads = (invocation.say("表", "table"), "SQLite", "PostgreSQL")
    print_table(heads, [(one.table, f"{one.there:,}", f"{one.here:,}") for one in moved])
    done(
        invocation.say(
            "搬完了，行数一致。接下来：把 [storage] url 改成新地址，再 ai-worker run；旧文件留作备份。",
            "Moved; the counts agree. Now set [storage] url to the new address and `ai-worker run`; keep the old file.",
        )
    )
