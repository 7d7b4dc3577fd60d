"""`ai-worker knowledge`: what the worker may say, and where it comes from."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ai_worker.cli import knowledge_checking, knowledge_gaps, knowledge_keeping
from ai_worker.cli.invocation import Invocation, Json, both

if TYPE_CHECKING:
    from ai_worker.conversation.turn import TurnResult
    from ai_worker.knowledge.ingest.addition import AddReport
    from ai_worker.knowledge.store import Document
    from ai_worker.knowledge.twins import Twins

TWINS_SHOWN = 20
"""Duplicates and contradictions that `add` prints; `check` prints all."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    knowledge = typer.Typer(no_args_is_help=True, help=both("知识库", "Knowledge"))
    knowledge.command("add", help=both("添加文件、文件夹或问答表", "Add files, folders or FAQ tables"))(add)
    knowledge.command("ask", help=both("问一句，看会怎么答、依据什么", "Ask something, and see what it rests on"))(ask)
    knowledge.command("list", help=both("列出文档", "List the documents"))(list_documents)
    knowledge_gaps.register(knowledge)
    knowledge_keeping.register(knowledge)
    knowledge_checking.register(knowledge)
    app.add_typer(knowledge, name="knowledge")


def add(
    context: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help=both("文件或文件夹", "Files or folders"), show_default=False)
    ],
    base: Annotated[
        str, typer.Option("--base", metavar="NAME", help=both("放进哪个知识库", "The knowledge base to put it in"))
    ] = "default",
    department: Annotated[
        list[str] | None,
        typer.Option(
            "--department",
            metavar="PATH",
            help=both(
                "只给这个部门看，如 总部/财务；可重复", "Only for this department, as Company/Finance; may repeat"
            ),
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Read documents and make them findable; a running service sees them within seconds."""
    from ai_worker.cli import opening
    from ai_worker.cli.failures import PROBLEM
    from ai_worker.cli.output import print_json
    from ai_worker.knowledge.keeping import Keeping, paths_of

    invocation = Invocation.of(context)
    settings = invocation.settings()
    watched = sys.stderr.isatty() and not as_json

    def show(document: str) -> None:
        print(f"\r\x1b[K  {document}", end="", file=sys.stderr, flush=True)

    async def work() -> "tuple[AddReport, list[Twins]]":
        async with opening.desk(settings) as desk:
            keeping = Keeping(paths_of("、".join(department))) if department else None
            show_one = show if watched else None
            added = await desk.library.add(paths, base=base, progress=show_one, keeping=keeping, by="cli")
            return added, await desk.curator.twins(added.taken) if added.taken else []

    report, twins = asyncio.run(work())
    if watched:
        print("\r\x1b[K", end="", file=sys.stderr)
    if as_json:
        failed = [
            {"document": f.document, "code": f.code, "reason": f.reason} | ({"place": f.place} if f.place else {})
            for f in report.failed
        ]
        told = {"documents": report.documents, "passages": report.passages, "failed": failed}
        print_json(told | {"twins": [knowledge_checking.pair_object(pair) for pair in twins]})
    else:
        _show_report(invocation, report)
        _show_twins(invocation, twins)
    if report.failed:
        raise typer.Exit(PROBLEM)


def ask(
    context: typer.Context,
    text: Annotated[str, typer.Argument(metavar="TEXT", help=both("问题", "The question"))],
    as_json: Json = False,
) -> None:
    """Answer one question that stands alone, in this process; nothing of it is kept."""
    from ai_worker.cli import opening
    from ai_worker.cli.asking import Questioner
    from ai_worker.cli.output import print_json
    from ai_worker.conversation.turn import answer_object

    invocation = Invocation.of(context)
    settings = invocation.settings()

    async def work() -> "tuple[str, TurnResult]":
        async with opening.turns(settings) as engine:
            return await Questioner(engine, settings.staff().default.name).ask(text)

    turn_id, result = asyncio.run(work())
    if as_json:
        print_json(answer_object(turn_id, result))
        return
    print(result.reply.text if result.reply else "")
    for citation in result.citations:
        print(f"  {invocation.say('依据', 'rests on')} {citation.title} · {citation.document}")
    print(f"  {result.decision} · {result.confidence:.2f}")


def list_documents(
    context: typer.Context,
    removed: Annotated[
        bool, typer.Option("--removed", help=both("删除了、可以恢复的", "What was removed and can come back"))
    ] = False,
    as_json: Json = False,
) -> None:
    """Print all documents, with why one could not be read."""
    if removed:
        knowledge_keeping.list_removed(context, as_json=as_json)
        return
    from ai_worker.cli import opening
    from ai_worker.cli.output import local, print_json, print_table

    invocation = Invocation.of(context)
    settings = invocation.settings()

    async def work() -> "list[Document]":
        async with opening.standing(settings) as stores:
            return await stores.knowledge.documents() if stores else []

    documents = asyncio.run(work())
    if as_json:
        fields = ("id", "base", "title", "state", "passages", "reason", "code", "place", "source")
        rows = [
            {name: getattr(d, name) for name in fields}
            | {"added_at": d.added_at.isoformat()}
            | {"keeping": knowledge_keeping.conditions(d.keeping)}
            for d in documents
        ]
        print_json({"documents": rows})
    elif not documents:
        print(invocation.say("知识库是空的。", "There is no knowledge yet."), "→ ai-worker knowledge add PATH")
    else:
        states = {"ready": invocation.say("可用", "ready"), "failed": invocation.say("失败", "failed")}
        chinese = ("文档", "知识库", "状态", "段落", "添加于", "原因")
        english = ("document", "base", "state", "passages", "added", "reason")
        print_table(
            chinese if invocation.language == "zh-CN" else english,
            [
                (
                    *(d.id, d.base, states[d.state], str(d.passages), local(d.added_at, settings.time_zone)),
                    _trouble(invocation, d),
                )
                for d in documents
            ],
        )


def _trouble(invocation: Invocation, document: "Document") -> str:
    """Return why a document could not be read, or how much of it was left out."""
    if document.reason:
        return knowledge_checking.why(invocation, document.code, document.reason, document.place)
    left_out = len(document.troubles)
    said = invocation.say(f"{left_out} 处没有收下", f"{left_out} left out")
    return f"{said} → ai-worker knowledge check" if left_out else ""


def _show_report(invocation: Invocation, report: "AddReport") -> None:
    from ai_worker.cli.output import done, failed

    if report.documents or not report.failed:
        done(
            invocation.say(
                f"{report.documents} 份文档，{report.passages} 段",
                f"{report.documents} documents, {report.passages} passages",
            )
        )
    for failure in report.failed:
        words = knowledge_checking.why(invocation, failure.code, failure.reason, failure.place)
        failed(f"{failure.document}  {words}  {failure.code}")


def _show_twins(invocation: Invocation, twins: "Sequence[Twins]") -> None:
    """Point out what repeats or contradicts something; it was added all the same."""
    from ai_worker.cli.output import warned

    for pair in twins[:TWINS_SHOWN]:
        warned(knowledge_checking.pair_line(invocation, pair))
    if len(twins) > TWINS_SHOWN:
        more = len(twins) - TWINS_SHOWN
        warned(invocation.say(f"还有 {more} 处", f"{more} more") + " → ai-worker knowledge check")
