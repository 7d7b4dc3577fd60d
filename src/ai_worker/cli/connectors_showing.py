"""`ai-worker connectors list`, `show`, `tools` and `history`: what there is, what it can do, how it does."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli.connectors_site import APPROVERS, RISKS, Id, Site, check_in_json, fault_of, tool_in_json
from ai_worker.cli.invocation import Invocation, Json, both

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ai_worker.skills.calls import CallSums, Standing
    from ai_worker.skills.tool import Called, Tool

LISTED = 50
SHORT = 60
"""Characters of a tool's title in a list."""

STATES = {
    "ready": ("正常", "works"),
    "down": ("失败", "fails"),
    "unchecked": ("还没检查", "not checked"),
    "off": ("已停用", "switched off"),
    "refused": ("文件有误", "its file is refused"),
}


def register(connectors: typer.Typer) -> None:
    """Add the commands."""
    connectors.command("list", help=both("列出业务系统，和它们怎么样", "List the systems, and how they do"))(list_)
    connectors.command("show", help=both("看一个业务系统和它的工具", "Show one system and its tools"))(show)
    connectors.command("tools", help=both("看一个业务系统的工具和参数", "Show its tools and their arguments"))(tools)
    connectors.command("history", help=both("看最近的调用", "Show the latest calls"))(history)


def list_(context: typer.Context, as_json: Json = False) -> None:
    """Print every connector of the folder."""
    from ai_worker.cli.output import print_json, print_table

    invocation = Invocation.of(context)
    site = Site.of(invocation)
    sums, standings = asyncio.run(_known(invocation))
    rows = [_row(site, name, file, sums, standings) for name, file in site.files().items()]
    if as_json:
        print_json({"connectors": rows})
        return
    if not rows:
        empty = invocation.say("还没有业务系统。", "There is no business system yet.")
        print(empty, "→ ai-worker connectors add ID --contract FILE --base-url URL")
        return
    chinese = ("ID", "名称", "类型", "工具", "其中写", "状态", "24 小时调用", "失败", "P95")
    english = ("id", "name", "kind", "tools", "writes", "state", "calls/24 h", "failed", "p95")
    print_table(chinese if invocation.language == "zh-CN" else english, [_cells(invocation, row) for row in rows])
    for row in rows:
        if row["problem"]:
            print(f"\n{row['id']}: {row['problem']}")
        elif row["check"] and not row["check"]["ok"]:
            print(f"\n{row['id']}: " + "\n".join(_fault(invocation, row["check"])))


def show(context: typer.Context, connector_id: Id, as_json: Json = False) -> None:
    """Print one connector: where it is, how it does, and what it can do."""
    from ai_worker.cli.output import print_json

    invocation = Invocation.of(context)
    site = Site.of(invocation)
    described, connection = site.described(connector_id), site.connection(connector_id)
    sums, standings = asyncio.run(_known(invocation))
    row = _row(site, connector_id, described.file, sums, standings)
    contract = connection.contract
    row |= {
        "file": str(described.file),
        "base_url": described.settings.base_url,
        "auth": described.settings.auth.kind,
        "contract": {"title": contract.title, "version": contract.version, "sha256": contract.sha256},
        "operations": len(contract.operations),
        "warnings": list(contract.warnings),
    }
    if as_json:
        print_json(row | {"tools_offered": [tool_in_json(tool) for tool in connection.tools()]})
        return
    say = invocation.say
    facts = [
        (say("名称", "name"), row["name"]),
        (say("类型", "kind"), row["kind"]),
        (say("地址", "address"), row["base_url"] or "–"),
        (say("凭据", "credentials"), row["auth"]),
        (say("契约", "contract"), f"{contract.title} {contract.version} · {contract.sha256[:12]}"),
        (say("文件", "file"), row["file"]),
        (say("状态", "state"), say(*STATES[row["state"]])),
    ]
    for label, value in facts:
        print(say(f"{label}：{value}", f"{label}: {value}"))
    if row["check"] and not row["check"]["ok"]:
        print("  " + "\n".join(_fault(invocation, row["check"])))
    print()
    _print_tools(invocation, connection.tools())


def tools(context: typer.Context, connector_id: Id, as_json: Json = False) -> None:
    """Print the tools of one connector with their arguments."""
    from ai_worker.cli.output import print_json

    invocation = Invocation.of(context)
    found = Site.of(invocation).connection(connector_id).tools()
    if as_json:
        print_json({"tools": [tool_in_json(tool) for tool in found]})
        return
    for tool in found:
        print(f"{tool.name}  [{invocation.say(*RISKS[tool.risk])} · {_approver(invocation, tool)}]")
        print(f"  {tool.title or tool.description}")
        needed = set(tool.parameters.get("required", ()))
        for name, schema in tool.parameters.get("properties", {}).items():
            must = invocation.say("，必填", ", required") if name in needed else ""
            kind = schema.get("type", "any") if isinstance(schema, dict) else "any"
            words = schema.get("description", "") if isinstance(schema, dict) else ""
            print(f"    {name} ({kind}{must}) {words}".rstrip())


def history(
    context: typer.Context,
    connector_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help=both("只看这个连接器", "Of this connector alone"))
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help=both("最多列几次", "Most that are listed"))] = (
        LISTED
    ),
    as_json: Json = False,
) -> None:
    """Print the latest calls, the newest first. Nobody keeps what was asked or answered.

    Raises:
        NoSuchConnector: No connector has this id, and none ever had that was called.
    """
    from ai_worker.cli.output import local, print_json, print_table

    invocation = Invocation.of(context)
    calls = asyncio.run(_calls(invocation, connector_id, limit))
    if connector_id is not None and not calls:
        Site.of(invocation).file_of(connector_id)
    if as_json:
        rows = [
            {
                "tool": one.tool,
                "code": one.code,
                "ms": one.ms,
                "at": one.at.isoformat(),
                "asker": one.asker,
                "turn_id": one.turn_id,
            }
            for one in calls
        ]
        print_json({"calls": rows})
        return
    if not calls:
        print(invocation.say("还没有调用过。", "Nothing was called yet."))
        return
    zone = invocation.settings().time_zone
    chinese, english = ("时间", "工具", "结果", "毫秒", "为谁", "回合"), ("at", "tool", "outcome", "ms", "for", "turn")
    heads = chinese if invocation.language == "zh-CN" else english
    print_table(
        heads, [(local(one.at, zone), one.tool, one.code, f"{one.ms:.0f}", one.asker, one.turn_id) for one in calls]
    )


async def _known(invocation: Invocation) -> "tuple[Mapping[str, CallSums], Mapping[str, Standing]]":
    """Return what is kept of the calls of a day, and of checks; nothing where there is no database yet."""
    from ai_worker.cli.opening import standing
    from ai_worker.foundation.clock import SystemClock

    async with standing(invocation.settings()) as stores:
        if stores is None:
            return {}, {}
        since = SystemClock().now() - timedelta(days=1)
        return await stores.calls.sums(since), await stores.calls.standings()


async def _calls(invocation: Invocation, connector_id: str | None, limit: int) -> "Sequence[Called]":
    from ai_worker.cli.opening import standing

    async with standing(invocation.settings()) as stores:
        return await stores.calls.latest(connector_id, limit=limit) if stores is not None else []


def _row(
    site: Site, name: str, file: "Path", sums: "Mapping[str, CallSums]", standings: "Mapping[str, Standing]"
) -> dict[str, Any]:
    """Return what is said of one connector in JSON."""
    from ai_worker.connectors.contract import ConnectorRefused
    from ai_worker.connectors.registry import connect, describe
    from ai_worker.skills.calls import NO_CALLS

    called, standing = sums.get(name, NO_CALLS), standings.get(name)
    row: dict[str, Any] = {"id": name, "name": name, "kind": "", "tools": 0, "writes": 0, "problem": ""}
    state = "unchecked" if standing is None else "ready" if standing.last.code == "ok" else "down"
    try:
        described = describe(file, site.resolve)
        row |= {"name": described.settings.name, "kind": described.kind.name}
        if described.settings.enabled:
            offered = connect(described, site.parts).tools()
            row |= {"tools": len(offered), "writes": sum(tool.acts for tool in offered)}
        else:
            state = "off"
    except ConnectorRefused as refused:
        state = "refused"
        row["problem"] = str(refused)
    return row | {
        "state": state,
        "check": check_in_json(standing),
        "calls_24h": called.calls,
        "failed_percent": round(called.failed_percent, 2),
        "p95_ms": called.p95_ms,
    }


def _cells(invocation: Invocation, row: dict[str, Any]) -> tuple[str, ...]:
    return (
        *(row["id"], row["name"], row["kind"], str(row["tools"]), str(row["writes"])),
        *(invocation.say(*STATES[row["state"]]), str(row["calls_24h"]), f"{row['failed_percent']:g} %"),
        f"{row['p95_ms']:.0f} ms" if row["p95_ms"] is not None else "–",
    )


def _fault(invocation: Invocation, check: "Mapping[str, Any]") -> list[str]:
    return fault_of(invocation, check["code"], check["detail"], check["fix"])


def _print_tools(invocation: Invocation, found: "Sequence[Tool]") -> None:
    from ai_worker.cli.output import print_table
    from ai_worker.foundation.text import shorten

    chinese, english = ("工具", "做什么", "风险", "谁批准"), ("tool", "what it does", "risk", "who approves")
    rows = [
        (
            tool.name,
            shorten(tool.title or tool.description, SHORT),
            invocation.say(*RISKS[tool.risk]),
            _approver(invocation, tool),
        )
        for tool in found
    ]
    print_table(chinese if invocation.language == "zh-CN" else english, rows)


def _approver(invocation: Invocation, tool: "Tool") -> str:
    return invocation.say(*APPROVERS["nobody" if not tool.acts or tool.unattended else tool.approved_by])
