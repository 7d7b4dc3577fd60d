"""`ai-worker connectors`: the business systems, and what a contract becomes."""

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli import (
    connectors_adding,
    connectors_authorize,
    connectors_calling,
    connectors_catalogue,
    connectors_changing,
    connectors_showing,
)
from ai_worker.cli.connectors_site import RISKS
from ai_worker.cli.invocation import Invocation, Json, both

if TYPE_CHECKING:
    from ai_worker.connectors.operation import Contract

SHOWN = 20
"""Tools, skipped operations and warnings that a person is shown; `--json` has all."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = typer.Typer(no_args_is_help=True, help=both("业务系统", "Business systems"))
    help_text = both("看一份 OpenAPI 契约能变成哪些工具；不连任何地址", "Show what tools an OpenAPI contract becomes")
    for module in (connectors_adding, connectors_showing, connectors_calling, connectors_changing):
        module.register(commands)
    commands.command("compile", help=help_text)(compile_)
    connectors_authorize.register(commands)
    connectors_catalogue.register(commands)
    app.add_typer(commands, name="connectors")


def compile_(
    context: typer.Context,
    contract: Annotated[
        Path,
        typer.Argument(
            metavar="CONTRACT",
            help=both(
                "契约文件（OpenAPI 2.0、3.0、3.1，JSON 或 YAML），或装着多个文件的文件夹",
                "The contract's file (OpenAPI 2.0, 3.0, 3.1; JSON or YAML), or the folder of one in several files",
            ),
            show_default=False,
        ),
    ],
    as_json: Json = False,
) -> None:
    """Compile one contract and print what came of it; no address in it is called."""
    from ai_worker.cli.output import print_json
    from ai_worker.connectors.openapi.files import compile_file

    invocation = Invocation.of(context)
    compiled = compile_file(contract, progress=_progress(invocation))
    if as_json:
        print_json(as_printed(compiled))
    else:
        _show(compiled, invocation)


def as_printed(contract: "Contract") -> dict[str, Any]:
    """Return what `--json` prints."""
    from ai_worker.connectors.openapi.compile import level

    return {
        "operations": len(contract.operations) + len(contract.skipped),
        "tools": [
            {
                "name": operation.name,
                "method": operation.method,
                "path": operation.path,
                "input_schema": operation.input_schema,
                "risk": operation.risk,
            }
            for operation in contract.operations
        ],
        "skipped": [{"operation": one.operation, "reason": one.reason} for one in contract.skipped],
        "auth": [
            {"name": scheme.name, "kind": scheme.kind, "in": scheme.place, "key": scheme.key, "flows": [*scheme.flows]}
            for scheme in contract.schemes.values()
        ],
        "level": level(contract),
    }


def _progress(invocation: Invocation) -> Any:
    """Return what shows on a terminal how far it is; whoever reads us from a pipe sees nothing."""
    if not sys.stderr.isatty():
        return None
    words = invocation.say("正在编译", "compiling")

    def show(done: int, count: int) -> None:
        end = "\r\x1b[K" if done == count else ""
        print(f"\r{words} {done}/{count}{end}", end="", file=sys.stderr, flush=True)

    return show


def _show(contract: "Contract", invocation: Invocation) -> None:
    from ai_worker.cli.output import done, failed, print_table
    from ai_worker.connectors.openapi.compile import level

    say, count = invocation.say, len(contract.operations)
    heads = (say("工具", "tool"), say("方法", "method"), say("路径", "path"), say("风险", "risk"))
    shown = contract.operations[:SHOWN]
    print_table(heads, [(one.name, one.method, one.path, _risk(one.risk, invocation)) for one in shown])
    if count > len(shown):
        print(say(f"…… 另有 {count - len(shown)} 个，加 --json 全部列出", f"… {count - len(shown)} more: --json"))
    for skipped in contract.skipped[:SHOWN]:
        failed(f"{skipped.operation}: {skipped.reason}")
    for warning in contract.warnings[:SHOWN]:
        print(f"! {warning}", file=sys.stderr)
    risks = Counter[str](one.risk for one in contract.operations)
    parts = [f"{_risk(risk, invocation)} {risks[risk]}" for risk in RISKS if risks[risk]]
    separator = say("，", ", ")
    total = count + len(contract.skipped)
    done(
        say(
            f"{contract.title}（{contract.kind}）：{total} 个操作，{count} 个成为工具，{level(contract)}",
            f"{contract.title} ({contract.kind}): {total} operations, {count} became tools, {level(contract)}",
        )
    )
    print(f"  {separator.join(parts)}")


def _risk(risk: str, invocation: Invocation) -> str:
    return invocation.say(*RISKS[risk])
