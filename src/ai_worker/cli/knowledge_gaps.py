"""`ai-worker knowledge gaps`: the questions that nothing answered."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.foundation.errors import Misconfigured

if TYPE_CHECKING:
    from ai_worker.knowledge.gaps import Gap

SHOWN = 50


class TableNotWritten(Misconfigured):
    """The table of gaps cannot be written where it was to be."""

    code = "gaps.not_written"
    hint = "Name a file in a folder that you may write."


def register(knowledge: typer.Typer) -> None:
    """Add the command."""
    knowledge.command("gaps", help=both("没有答案的问题，问得多的在前", "Unanswered questions, most asked first"))(gaps)


def gaps(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help=both("最多几条", "How many at most"))] = SHOWN,
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv",
            metavar="FILE",
            help=both("全部写成表格，Excel 能直接打开", "Write all of them as a table that Excel opens"),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the questions that nothing answered, or write them into a table."""
    from ai_worker.cli import opening
    from ai_worker.cli.output import local, print_json, print_table
    from ai_worker.knowledge.gaps_csv import MOST

    invocation = Invocation.of(context)
    settings = invocation.settings()

    async def work() -> "list[Gap]":
        async with opening.standing(settings) as stores:
            return await stores.gaps.open_gaps(MOST if csv_file else limit) if stores else []

    found = asyncio.run(work())
    if csv_file:
        _write(invocation, csv_file, found)
        return
    if as_json:
        rows = [
            {
                "question": gap.question,
                "times": gap.times,
                "first_at": gap.first_at.isoformat(),
                "last_at": gap.last_at.isoformat(),
                "turn_id": gap.turn_id,
            }
            for gap in found
        ]
        print_json({"gaps": rows})
    elif not found:
        print(invocation.say("没有答不上来的问题。", "Every question was answered."))
    else:
        heads = ("次数", "最近", "问题") if invocation.language == "zh-CN" else ("times", "last", "question")
        print_table(heads, [(str(gap.times), local(gap.last_at, settings.time_zone), gap.question) for gap in found])


def _write(invocation: Invocation, file: Path, found: "Sequence[Gap]") -> None:
    """Write gaps into a file that only its owner reads: they are contacts' words.

    Raises:
        TableNotWritten: It cannot be written there.
    """
    from zoneinfo import ZoneInfo

    from ai_worker.cli.output import done
    from ai_worker.knowledge.gaps_csv import COLUMNS, gaps_csv

    say = invocation.say
    chinese = ("组", "问题", "问过几次", "怎么了", "第一次", "最近一次", "当时的回答")
    heads = {column: say(word, column) for column, word in zip(COLUMNS, chinese, strict=True)}
    heads |= {"unanswered": say("没有答案", "no answer"), "disliked": say("对方说没帮助", "did not help")}
    text = gaps_csv(found, heads, ZoneInfo(invocation.settings().time_zone))
    try:
        file.touch(mode=0o600)
        file.write_bytes(text.encode("utf-8"))
    except OSError as error:
        raise TableNotWritten(f"{file}: {error.strerror or type(error).__name__}") from None
    done(say(f"{len(found)} 个问题写进了 {file}", f"{len(found)} questions were written to {file}"))
