"""`ai-worker connectors test` and `call`: whether a system is there, and calling one of its tools."""

import asyncio
import getpass
import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli.connectors_site import Id, Site, Yes, fault_of, opened
from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.connectors.contract import NoSuchConnector
from ai_worker.foundation.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ai_worker.connectors.connection import Connection
    from ai_worker.connectors.contract import Preview
    from ai_worker.skills.calls import Checked
    from ai_worker.skills.tool import Called, Tool


class ArgumentsUnreadable(BadInput):
    """The arguments are not written as JSON or as `key=value`."""

    code = "connectors.arguments_unreadable"
    hint = """--args '{"order_id": "ORD12345"}', or order_id=ORD12345; a value that is JSON is taken as JSON."""


class WriteUnconfirmed(BadInput):
    """The tool changes something in the business system, and nobody is there to be asked."""

    code = "connectors.write_unconfirmed"
    hint = "Look at it with --dry-run, then add --yes."


def register(connectors: typer.Typer) -> None:
    """Add the commands."""
    test_help = both("做一次无害的读取：系统在不在、认不认凭据", "One harmless read: is it there, are we let in")
    call_help = both("调用一个工具；--dry-run 只显示请求，不发出", "Call a tool; --dry-run shows the request alone")
    connectors.command("test", help=test_help)(try_out)
    connectors.command("call", help=call_help)(call)


def try_out(context: typer.Context, connector_id: Id, as_json: Json = False) -> None:
    """Look whether a system is there and takes our credentials."""
    from ai_worker.cli.failures import OK, REFUSED, UNREACHABLE
    from ai_worker.cli.output import done, failed, print_json

    invocation = Invocation.of(context)
    connection = Site.of(invocation).connection(connector_id)
    checked = asyncio.run(_check(invocation, connection))
    if as_json:
        facts = {"connector": connector_id, "ok": checked.code == "ok", "code": checked.code, "ms": checked.ms}
        print_json(facts | {"detail": checked.detail, "fix": checked.fix})
    elif checked.code == "ok":
        done(f"{connection.settings.name}  {checked.detail}  {checked.ms:.0f} ms")
    else:
        first, *others = fault_of(invocation, checked.code, checked.detail, checked.fix)
        failed(first)
        for line in (*others, f"  {invocation.say('代码', 'code')} {checked.code}"):
            print(line, file=sys.stderr)
    refused = checked.code in ("tool.refused", "connector.credentials_refused")
    raise typer.Exit(OK if checked.code == "ok" else REFUSED if refused else UNREACHABLE)


def call(
    context: typer.Context,
    tool_name: Annotated[str, typer.Argument(metavar="TOOL", help=both("工具：erp.get_order", "erp.get_order"))],
    pairs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE…]", help=both("参数，一个一个写", "Arguments, one by one")),
    ] = None,
    args: Annotated[
        str, typer.Option("--args", metavar="JSON", help=both("参数，写成一个 JSON 对象", "Arguments as one object"))
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=both("只显示请求，不发出", "Show the request; send nothing"))
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Call one tool once, as an administrator."""
    from ai_worker.cli.output import print_json

    invocation = Invocation.of(context)
    arguments = read_arguments(args, pairs or ())
    connection = Site.of(invocation).connection(tool_name.partition(".")[0])
    tool = _tool(connection, tool_name)
    preview = connection.preview(tool_name, arguments)
    if dry_run:
        print_json(_in_json(preview)) if as_json else print(printed(preview))
        return
    if tool.acts and not yes:
        _confirm(invocation, preview)
    result = asyncio.run(_call(invocation, connection, tool_name, arguments))
    if as_json:
        print_json({"data": result.data, "source": result.source})
    else:
        print(json.dumps(result.data, ensure_ascii=False, indent=2))
        print(result.source, file=sys.stderr)


def read_arguments(text: str, pairs: "Sequence[str]") -> dict[str, Any]:
    """Return arguments that were given as a JSON object, one by one, or both.

    Raises:
        ArgumentsUnreadable: They are written otherwise.
    """
    given: Any = {}
    if text:
        try:
            given = json.loads(text)
        except ValueError as error:
            raise ArgumentsUnreadable(f"--args: {error}") from None
    if not isinstance(given, dict):
        raise ArgumentsUnreadable("--args: not a JSON object")
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise ArgumentsUnreadable(f"{pair!r} is not KEY=VALUE")
        given[name] = _value(value)
    return given


def printed(preview: "Preview") -> str:
    """Return a request as people read it."""
    lines = [f"{preview.method} {preview.address}", *(f"{name}: {value}" for name, value in preview.headers.items())]
    return "\n".join([*lines, "", preview.body] if preview.body else lines)


def _value(text: str) -> Any:
    """Return a value: a number, a truth, a list or an object where it is written as one, else the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if isinstance(value, str) or (isinstance(value, float) and str(value) != text) else value


def _tool(connection: "Connection", name: str) -> "Tool":
    found = next((tool for tool in connection.tools() if tool.name == name), None)
    if found is None:
        raise NoSuchConnector(
            f"{connection.id} offers no tool {name!r}; see ai-worker connectors tools {connection.id}"
        )
    return found


def _confirm(invocation: Invocation, preview: "Preview") -> None:
    if not sys.stdin.isatty():
        raise WriteUnconfirmed("this tool changes something in the business system")
    print(printed(preview), file=sys.stderr)
    question = invocation.say("这会在业务系统里改动内容。发出吗？", "This changes something in the system. Send it?")
    if not typer.confirm(question, default=False):
        raise typer.Exit(0)


def _in_json(preview: "Preview") -> dict[str, Any]:
    return {
        "method": preview.method,
        "address": preview.address,
        "headers": dict(preview.headers),
        "body": preview.body,
    }


def _user() -> str:
    """Return who is at the command line, as the machine knows them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return str(os.getuid())


async def _check(invocation: Invocation, connection: "Connection") -> "Checked":
    from ai_worker.cli.opening import stores
    from ai_worker.connectors.health import check
    from ai_worker.foundation.clock import SystemClock

    async with opened(connection):
        checked = await check(connection, SystemClock())
    async with stores(invocation.settings()) as kept:
        await kept.calls.note(checked)
    return checked


async def _call(invocation: Invocation, connection: "Connection", name: str, arguments: "Mapping[str, Any]") -> Any:
    from ai_worker.cli.opening import stores
    from ai_worker.connectors.registry import ConnectorHub
    from ai_worker.foundation.ids import new_id

    heard: list[Called] = []
    hub = ConnectorHub([connection], heard=heard.append)
    await hub.start()
    try:
        return await hub.call(name, arguments, idempotency_key=new_id("cli"), by=f"cli/{_user()}")
    finally:
        await hub.close()
        async with stores(invocation.settings()) as kept:
            await kept.calls.add(heard)
