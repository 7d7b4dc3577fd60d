"""`ai-worker connectors catalogue`: which business systems we know, and what is proven of each."""

import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ai_worker.cli.catalogue_showing import (
    SHOWN,
    level_text,
    print_system,
    print_verified,
    row_object,
    standing_object,
    verified_object,
)
from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.connectors.catalogue.system import Category

if TYPE_CHECKING:
    from ai_worker.connectors.catalogue.verify import Seen

Levels = Literal["L0", "L1", "L2", "L3", "L4"]


def register(connectors: typer.Typer) -> None:
    """Add the commands."""
    help_text = both(
        "系统目录：认识哪些业务系统，各自验证到哪一级", "The catalogue: which systems we know, and what is proven"
    )
    commands = typer.Typer(invoke_without_command=True, help=help_text)
    commands.callback()(list_)
    commands.command("show", help=both("看一个系统", "Show one system"))(show)
    commands.command("verify", help=both("从证据重新算出等级", "Compute the levels anew from the evidence"))(verify)
    connectors.add_typer(commands, name="catalogue")


def list_(
    context: typer.Context,
    search: Annotated[
        str, typer.Option("--search", metavar="WORDS", help=both("按名字、厂商或编号找", "By name, vendor or id"))
    ] = "",
    category: Annotated[
        Category | None, typer.Option("--category", help=both("只看一类", "One category alone"))
    ] = None,
    level: Annotated[Levels | None, typer.Option("--level", help=both("这一级及以上", "This level and above"))] = None,
    as_json: Json = False,
) -> None:
    """List systems with their levels, the best proven first."""
    if context.invoked_subcommand is not None:
        return
    from ai_worker.cli.output import print_json, print_table
    from ai_worker.connectors.catalogue import reading

    invocation = Invocation.of(context)
    stands = reading.standings(reading.proofs(), _today())
    found = [
        one
        for one in reading.matching(search, reading.systems())
        if category in (None, one.category) and (level is None or stands[one.id].level >= level)
    ]
    found.sort(key=lambda one: stands[one.id].level, reverse=True)  # among equals by id, as they came
    if as_json:
        print_json({"systems": [row_object(one, stands[one.id]) for one in found]})
        return
    say = invocation.say
    heads = (say("编号", "id"), say("名称", "name"), say("类别", "category"), say("等级", "level"))
    rows = [
        (one.id, say(one.zh, one.en), one.category, level_text(stands[one.id], invocation)) for one in found[:SHOWN]
    ]
    print_table(heads, rows)
    if len(found) > SHOWN:
        more = len(found) - SHOWN
        print(say(f"…… 另有 {more} 个，加 --json 全部列出", f"… {more} more: --json"))


def show(
    context: typer.Context,
    identity: Annotated[str, typer.Argument(metavar="ID", help=both("系统的编号", "The system's id"))],
    as_json: Json = False,
) -> None:
    """Show one system: its facts, its level, and the evidence for it."""
    import msgspec

    from ai_worker.cli.output import print_json
    from ai_worker.connectors.catalogue import evidence, reading
    from ai_worker.connectors.catalogue.levels import standing

    invocation = Invocation.of(context)
    one = reading.system(identity)
    proof = evidence.read(identity)
    stands = standing(one, proof, _today())
    if as_json:
        told = {**msgspec.to_builtins(one), **standing_object(stands), "evidence": msgspec.to_builtins(proof)}
        print_json(told)
        return
    print_system(one, proof, stands, invocation)


def verify(
    context: typer.Context,
    contracts: Annotated[
        Path | None,
        typer.Option(
            "--contracts", metavar="DIR", help=both("手边的契约：重新编译", "Contracts at hand: compile anew")
        ),
    ] = None,
    prism: Annotated[
        str,
        typer.Option("--prism", metavar="PATH", help=both("Prism 程序：重新裁判", "A Prism: have them judged anew")),
    ] = "",
    write: Annotated[bool, typer.Option("--write", help=both("把证据写下来", "Keep the evidence"))] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--evidence", metavar="DIR", help=both("证据所在；默认随包", "Where it is; the package's own")),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=64, help=both("几个进程", "Processes"))] = 1,
    as_json: Json = False,
) -> None:
    """Compute the levels; with contracts, look at them first. Ends with 1 where a level has fallen."""
    from ai_worker.cli.failures import PROBLEM
    from ai_worker.cli.output import print_json
    from ai_worker.connectors.catalogue import evidence, reading
    from ai_worker.connectors.catalogue.verify import kept_with

    invocation, today = Invocation.of(context), _today()
    place = folder or Path(str(evidence.shipped()))
    proofs = reading.proofs(place)
    before = reading.standings(proofs, today)
    if contracts is not None:
        fresh = kept_with(_looked(contracts, prism, today, workers, invocation), place)
        proofs = {**proofs, **fresh}
        if write:
            for one in fresh.values():
                evidence.write(one, place)
    stands = reading.standings(proofs, today)
    fallen = [one for one in stands.values() if one.level < before[one.system].level]
    if as_json:
        print_json(verified_object(stands, proofs, fallen))
    else:
        print_verified(stands, proofs, fallen, invocation)
    if fallen:
        raise typer.Exit(PROBLEM)


def _today() -> date:
    from ai_worker.foundation.clock import SystemClock

    return SystemClock().now().date()


def _looked(folder: Path, prism: str, today: date, workers: int, invocation: Invocation) -> "list[Seen]":
    import asyncio

    from ai_worker.connectors.catalogue import reading, verify

    found = verify.at_hand(folder, reading.systems())
    judge = asyncio.run(verify.judge_version(prism)) if prism else ""
    results = []
    for number, one in enumerate(
        verify.seen(found, prism=prism, judge_name=judge, today=today, workers=workers), start=1
    ):
        results.append(one)
        if sys.stderr.isatty():
            words = invocation.say("已看", "looked at")
            end = "\r\x1b[K" if number == len(found) else ""
            print(f"\r\x1b[K{words} {number}/{len(found)} {one.at_hand.system.id}{end}", end="", file=sys.stderr)
    return results
