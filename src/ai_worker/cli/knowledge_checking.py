"""`ai-worker knowledge sync|check`: keeping knowledge in step, and what somebody should look at."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli.invocation import Invocation, Json, both

if TYPE_CHECKING:
    from ai_worker.knowledge.archive import Due
    from ai_worker.knowledge.sources import RunReport
    from ai_worker.knowledge.store import Document
    from ai_worker.knowledge.twins import Twins


LIKENESS = {
    "answers": ("答案不同", "answers differ"),
    "numbers": ("数字不同", "numbers differ"),
    "copy": ("重复", "duplicate"),
    "near": ("很像", "nearly the same"),
}
"""What the console calls them, too."""


def register(knowledge: typer.Typer) -> None:
    """Add the commands."""
    knowledge.command("sync", help=both("现在就看一遍来源", "Look at the sources now"))(sync)
    knowledge.command("check", help=both("重复、矛盾、该复查的、没读成的", "Duplicates, reviews due, failures"))(check)


def sync(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help=both("来源；不写就是全部", "The source; all by default"))
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at sources now, whether they are due or not."""
    from ai_worker.cli import opening
    from ai_worker.cli.failures import PROBLEM
    from ai_worker.cli.output import done, failed, print_json

    invocation = Invocation.of(context)
    settings = invocation.settings()

    async def work() -> "dict[str, RunReport | None]":
        async with opening.desk(settings) as desk:
            names = [name] if name else list(desk.sync.sources)
            return {one: await desk.sync.run(one) for one in names}

    reports = asyncio.run(work())
    bad = any(report is None or report.code or report.failed for report in reports.values())
    if as_json:
        print_json({"sources": {one: _report(report) for one, report in reports.items()}})
    elif not reports:
        print(invocation.say("设置里没有来源。", "The settings name no source."), "→ [knowledge.sources.NAME]")
    else:
        for one, report in reports.items():
            if report is None:
                failed(f"{one}  {invocation.say('别的进程正在看', 'another process is at it')}")
            elif report.code:
                failed(f"{one}  {report.error}  {report.code}")
            else:
                told = ("checked", "changed", "removed", "missing")
                done(f"{one}  " + "  ".join(f"{key} {getattr(report, key)}" for key in told))
                for missed in report.failed:
                    failed(f"{missed.document}  {missed.reason}  {missed.code}")
    if bad:
        raise typer.Exit(PROBLEM)


def check(context: typer.Context, as_json: Json = False) -> None:
    """Print what somebody should look at; ends with 1 if there is anything."""
    from ai_worker.cli import opening
    from ai_worker.cli.failures import PROBLEM
    from ai_worker.cli.output import done, failed, print_json

    invocation = Invocation.of(context)
    settings = invocation.settings()

    async def work() -> "tuple[list[Twins], list[Due], list[Document]]":
        async with opening.desk(settings) as desk:
            documents = await desk.stores.knowledge.documents()
            bad = [one for one in documents if one.state == "failed" or one.troubles]
            return await desk.curator.twins(), await desk.curator.due(), bad

    twins, due, bad = asyncio.run(work())
    if as_json:
        print_json(
            {
                "twins": [pair_object(one) for one in twins],
                "due": [_due(one) for one in due],
                "failed": [_failed(one) for one in bad],
            }
        )
    else:
        for pair in twins:
            failed(pair_line(invocation, pair))
        for one in due:
            failed(f"{invocation.say('该复查', 'review')}  {one.thing.id}  {one.review_by}  {one.owner}")
        for document in bad:
            for trouble in document.troubles or [document]:
                words = why(invocation, trouble.code, trouble.reason, trouble.place)
                failed(f"{document.id}  {words}  {trouble.code}")
        if not (twins or due or bad):
            done(invocation.say("没有要处理的。", "There is nothing to do."))
    if twins or due or bad:
        raise typer.Exit(PROBLEM)


def _report(report: "RunReport | None") -> Mapping[str, Any] | None:
    if report is None:
        return None
    failed = [{"document": one.document, "code": one.code, "reason": one.reason} for one in report.failed]
    counts = {name: getattr(report, name) for name in ("checked", "changed", "removed", "missing")}
    return {**counts, "failed": failed, "code": report.code, "error": report.error}


def why(invocation: Invocation, code: str, reason: str, place: str) -> str:
    """Return why something was not taken, and where it stands, in the person's language."""
    from ai_worker.foundation.wording import chinese

    words = reason
    if invocation.language == "zh-CN" and (known := chinese().get(code)):
        words = f"{known['words']}{known.get('hint', '')}"
        return f"{place}：{words}" if place else words
    return words


def pair_line(invocation: Invocation, twins: "Twins") -> str:
    """Return two things that are alike in one line, with their ids."""
    likeness = invocation.say(*LIKENESS[twins.likeness])
    return f"{likeness}  {twins.one.id}「{twins.in_one}」  {twins.other.id}「{twins.in_other}」"


def pair_object(twins: "Twins") -> Mapping[str, Any]:
    """Return two things that are alike, for programs."""
    return {
        "likeness": twins.likeness,
        "base": twins.one.base,
        "ids": [twins.one.id, twins.other.id],
        "said": [twins.in_one, twins.in_other],
    }


def _due(due: "Due") -> Mapping[str, Any]:
    thing = due.thing
    told = {"id": thing.id, "base": thing.base, "kind": thing.kind}
    return {**told, "owner": due.owner, "review_by": due.review_by.isoformat()}


def _failed(document: "Document") -> Mapping[str, Any]:
    fields = {name: getattr(document, name) for name in ("id", "base", "code", "reason", "place")}
    left_out = [{"place": one.place, "code": one.code, "reason": one.reason} for one in document.troubles]
    return {**fields, "left_out": left_out}
