"""`ai-worker drill`: the product measures its own promises, in a scratch place."""

import asyncio
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, Literal, TypeVar

import typer

from ai_worker.cli.invocation import Invocation, Json, both

Report = TypeVar("Report")

Line = tuple[str, str, Any]
"""What a line of the table says in Chinese, in English, and its value."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    drill = typer.Typer(
        no_args_is_help=True,
        help=both(
            "演练：在临时文件夹里真的杀进程、压满、断模型，数一数丢没丢；不碰本机的数据",
            "Kill, overload and cut off a scratch installation, and count; the site's own data is never touched",
        ),
    )
    drill.command(
        "kill",
        help=both("在负载下随机 kill -9 并重启，数丢失、重复和乱序", "kill -9 at random moments under load, and count"),
    )(kill)
    drill.command(
        "overload", help=both("很多会话同时说话：来不及的要答 503，收下的不能丢", "Let very many speak at once")
    )(overload)
    drill.command(
        "model-outage",
        help=both(
            "负载中模型断开一段时间：先告知，恢复后各答一次", "Cut the model off for a while under load, and count"
        ),
    )(model_outage)
    app.add_typer(drill, name="drill")


def kill(
    context: typer.Context,
    kills: Annotated[
        int, typer.Option("--kills", min=1, metavar="N", help=both("杀多少次", "How often it is killed"))
    ] = 20,
    messages: Annotated[
        int, typer.Option("--messages", min=1, metavar="M", help=both("发多少条消息", "How many messages are sent"))
    ] = 4000,
    path: Annotated[
        Literal["wecom", "api", "both"],
        typer.Option("--path", metavar="wecom|api|both", help=both("消息从哪里进来", "Which way the messages come in")),
    ] = "both",
    nodes: Annotated[
        int,
        typer.Option(
            "--nodes", min=1, metavar="N", help=both("几个节点共用一个 PostgreSQL", "Nodes that share one PostgreSQL")
        ),
    ] = 1,
    as_json: Json = False,
) -> None:
    """Run the kill drill."""
    from ai_worker.drills.kill import KillDrill

    invocation = _begin(context)
    if nodes > 1 and invocation.settings().storage.url.startswith("sqlite:"):
        raise typer.BadParameter(
            invocation.say(
                "--nodes 要求设置里的 [storage] url 是 PostgreSQL：SQLite 文件只属于一台机器",
                "--nodes asks for PostgreSQL in [storage] url: a SQLite file belongs to one machine",
            )
        )
    status = _Status()
    report = _run(
        invocation,
        lambda storage_url: KillDrill(
            storage_url=storage_url,
            nodes=nodes,
            kills=kills,
            messages=messages,
            through=path,
            report=lambda now: status.show(
                invocation.say(
                    f"已杀 {now.kills}/{kills} 次 · 收下 {now.accepted}/{messages} · 已答 {now.replied}",
                    f"killed {now.kills}/{kills} · accepted {now.accepted}/{messages} · replied {now.replied}",
                )
            ),
        ).run(),
    )
    status.clear()
    tally = report.tally
    _end(
        invocation,
        report.as_json(),
        passed=report.passed,
        as_json=as_json,
        lines=[
            ("kill -9 次数", "kill -9", report.kills),
            ("杀时正在接收", "being accepted when killed", report.hit_accept),
            ("杀时已收未答", "accepted and unanswered when killed", report.hit_later),
            ("重复投递", "delivered again on purpose", report.repeated),
            ("收下", "accepted", tally.accepted),
            ("已答", "replied", tally.replied),
            ("丢失", "lost", tally.lost),
            ("重复", "duplicated", tally.duplicated),
            ("乱序", "out of order", tally.out_of_order),
            ("用时（秒）", "seconds", f"{report.seconds:.0f}"),
        ],
    )


def overload(
    context: typer.Context,
    conversations: Annotated[
        int,
        typer.Option("--conversations", min=1, metavar="N", help=both("多少个会话同时说话", "How many speak at once")),
    ] = 10_000,
    as_json: Json = False,
) -> None:
    """Run the overload drill."""
    from ai_worker.drills.overload import OverloadDrill

    invocation = _begin(context)
    status = _Status()
    report = _run(
        invocation,
        lambda storage_url: OverloadDrill(
            storage_url=storage_url,
            conversations=conversations,
            report=lambda accepted, replied: status.show(
                invocation.say(f"收下 {accepted} · 已答 {replied}", f"accepted {accepted} · replied {replied}")
            ),
        ).run(),
    )
    status.clear()
    _end(
        invocation,
        report.as_json(),
        passed=report.passed,
        as_json=as_json,
        lines=[
            ("同时说话的会话", "conversations at once", report.conversations),
            ("收下", "accepted", report.accepted),
            ("已答", "replied", report.replied),
            ("丢失", "lost", report.lost),
            ("请稍后再来（503）", "told to come again (503)", report.refused),
            ("迟到的收下（超过 2 秒）", "acknowledged late (over 2 s)", report.late),
            ("其他回答", "other answers", report.wrong),
            ("最慢的收下（秒）", "slowest acknowledgement, s", f"{report.slowest_s:.2f}"),
            ("内存峰值（MiB）", "peak memory, MiB", report.rss_peak_mb),
            ("用时（秒）", "seconds", f"{report.seconds:.1f}"),
        ],
    )


def model_outage(
    context: typer.Context,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, metavar="S", help=both("模型断开多久", "How long the model is down"))
    ] = 30.0,
    messages: Annotated[
        int, typer.Option("--messages", min=1, metavar="M", help=both("发多少条消息", "How many messages are sent"))
    ] = 300,
    as_json: Json = False,
) -> None:
    """Run the model-outage drill."""
    from ai_worker.drills.outage import OutageDrill

    invocation = _begin(context)
    status = _Status()
    report = _run(
        invocation,
        lambda storage_url: OutageDrill(
            storage_url=storage_url,
            seconds=seconds,
            messages=messages,
            report=lambda accepted, replied: status.show(
                invocation.say(f"收下 {accepted} · 已答 {replied}", f"accepted {accepted} · replied {replied}")
            ),
        ).run(),
    )
    status.clear()
    tally = report.tally
    _end(
        invocation,
        report.as_json(),
        passed=report.passed,
        as_json=as_json,
        lines=[
            ("模型断开（秒）", "model down, s", f"{report.down_s:.0f}"),
            ("收下", "accepted", tally.accepted),
            ("被告知在等", "told that the answer will come", report.held),
            ("被告知不止一次", "told so more than once", report.held_twice),
            ("已答", "replied", tally.replied),
            ("丢失", "lost", tally.lost),
            ("重复", "duplicated", tally.duplicated),
            ("乱序", "out of order", tally.out_of_order),
            ("最晚的告知（秒）", "slowest notice or answer, s", f"{report.slowest_word_s:.1f}"),
            ("用时（秒）", "seconds", f"{report.seconds:.0f}"),
        ],
    )


class _Status:
    """One line that is rewritten in place, where a person can see it."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()

    def show(self, text: str) -> None:
        if self._live:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)

    def clear(self) -> None:
        self.show("")


def _run(invocation: Invocation, drill: Callable[[str], Coroutine[None, None, Report]]) -> Report:
    """Run a drill in a scratch place beside the site's own data."""
    from ai_worker.storage.scratch import scratch

    async def work() -> Report:
        async with scratch(invocation.settings().storage.url) as storage_url:
            return await drill(storage_url)

    return asyncio.run(work())


def _begin(context: typer.Context) -> Invocation:
    from ai_worker.cli.logging import set_up_logging

    invocation = Invocation.of(context)
    set_up_logging("DEBUG" if invocation.debug else "ERROR")
    return invocation


def _end(invocation: Invocation, result: dict[str, Any], *, passed: bool, as_json: bool, lines: Sequence[Line]) -> None:
    """Print what was found, and end with 0 only if nothing was."""
    from ai_worker.cli import output
    from ai_worker.cli.failures import OK, PROBLEM

    if as_json:
        output.print_json(result)
    else:
        heads = (invocation.say("演练", "drill"), invocation.say("结果", "result"))
        output.print_table(heads, [(invocation.say(chinese, english), str(value)) for chinese, english, value in lines])
        print()
        if passed:
            output.done(invocation.say("没有丢失、重复或乱序", "Nothing lost, doubled or out of order"))
        else:
            output.failed(invocation.say("演练没有通过", "The drill has failed"))
    raise typer.Exit(OK if passed else PROBLEM)
