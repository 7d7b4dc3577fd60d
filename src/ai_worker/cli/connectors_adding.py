"""`ai-worker connectors add`: connecting a business system."""

import asyncio
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli import connectors_asking
from ai_worker.cli.connectors_calling import read_arguments
from ai_worker.cli.connectors_site import Id, Site
from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.foundation.errors import BadInput

if TYPE_CHECKING:
    from ai_worker.connectors.connection import Connection
    from ai_worker.connectors.draft import Draft

REFERENCES = ("env:", "file:")
SECRET_FIELDS = ("secret", "refresh_token")
"""Of `[auth]`: what is never taken from the command line as it is, for others read that."""


class SecretInTheOpen(BadInput):
    """A secret stands on the command line, where the history and other users read it."""

    code = "connectors.secret_in_the_open"
    hint = "Write env:NAME or file:PATH, or leave it out at a terminal: then it is asked for, and not shown."


def register(connectors: typer.Typer) -> None:
    """Add the command."""
    help_text = both("接入一个业务系统：写好 connector.toml，加载成功才放进去", "Connect a business system")
    connectors.command("add", help=help_text)(add)


def add(
    context: typer.Context,
    connector_id: Id,
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help=both("系统的种类：openapi 等", "openapi and others"))
    ] = "openapi",
    contract: Annotated[
        Path | None,
        typer.Option(
            "--contract",
            metavar="FILE",
            help=both(
                "契约文件或文件夹，会复制一份；能向运行中的系统要的种类可以不给",
                "Is copied; may be left out where a running system is asked for it",
            ),
        ),
    ] = None,
    base_url: Annotated[
        str, typer.Option("--base-url", metavar="URL", help=both("系统的地址", "The system's address"))
    ] = "",
    name: Annotated[str, typer.Option("--name", help=both("给人看的名称", "What people see"))] = "",
    auth: Annotated[
        list[str] | None,
        typer.Option(
            "--auth",
            metavar="KIND|KEY=VALUE",
            help=both(
                "凭据，可以写几个：bearer secret=env:ERP_TOKEN；密钥只能写 env: 或 file:",
                "Credentials, may repeat: bearer, secret=env:ERP_TOKEN; secrets as env: or file: alone",
            ),
        ),
    ] = None,
    operations: Annotated[
        list[str] | None,
        typer.Option(
            "--operations",
            metavar="NAME",
            help=both("哪些操作，可以写几个；* 是只读的，** 是全部", "May repeat; * all that read, ** all"),
        ),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="KEY=VALUE", help=both("这类系统自己的设置", "What only this kind knows")),
    ] = None,
    networks: Annotated[
        list[str] | None,
        typer.Option("--network", metavar="CIDR", help=both("系统所在的内网", "Its private network")),
    ] = None,
    as_json: Json = False,
) -> None:
    """Connect a business system; what is missing is asked for at a terminal."""
    from ai_worker.cli.output import done, print_json, warned

    invocation = Invocation.of(context)
    site = Site.of(invocation)
    site.bench.vacant(connector_id)
    asks = sys.stdin.isatty() and not as_json
    told = connectors_asking.Told(
        id=connector_id,
        kind=kind,
        name=name,
        contract=contract,
        base_url=base_url,
        auth=_auth(auth or ()),
        operations=list(operations or ()),
        options=read_arguments("", options or ()),
    )
    with tempfile.TemporaryDirectory(prefix="ai-worker-") as folder:
        made, draft, skipped = _installed(invocation, site, told, Path(folder), tuple(networks or ()), asks=asks)
    file = site.root / connector_id / "connector.toml"
    writes = sum(tool.acts for tool in made.tools())
    if as_json:
        facts = {"id": connector_id, "file": str(file), "tools": len(made.tools()), "writes": writes}
        print_json(facts | {"skipped": skipped})
        return
    count = len(made.tools())
    done(
        invocation.say(
            f"{draft.name} 已接入：{count} 个工具，其中 {writes} 个会改动内容。{file}",
            f"{draft.name} is connected: {count} tools, {writes} of which change something. {file}",
        )
    )
    for line in _not_yet(invocation, made):
        warned(line)
    print(invocation.say("接下来：", "Next: "), f"ai-worker connectors test {connector_id}", sep="")


def _not_yet(invocation: Invocation, made: "Connection") -> Iterator[str]:
    """Yield why the worker cannot use the system in a conversation as it stands."""
    tools = made.tools()
    if not tools:
        yield invocation.say(
            "还没有一个工具，数字员工用不上它：在 connector.toml 里写 operations，数据库写 [options.queries]。",
            "There is no tool yet, so the worker cannot use it: write operations, for a database [options.queries].",
        )
    elif invocation.settings().model is None and not any(tool.verb for tool in tools):
        yield invocation.say(
            "没有配置大模型，对话里还用不上它：在 connector.toml 里写 [[verbs]]，或者配置 [model]。",
            "Without a model no conversation can use it yet: write [[verbs]] in connector.toml, or set [model].",
        )


def _installed(
    invocation: Invocation,
    site: Site,
    told: "connectors_asking.Told",
    folder: Path,
    networks: tuple[str, ...],
    *,
    asks: bool,
) -> "tuple[Connection, Draft, int]":
    """Return the new connection, its draft, and how many operations became no tool.

    Raises:
        AddIncomplete: Something is missing.
        ContractRefused: The contract cannot be used.
        ToolFailed: A running system that was asked for its contract did not give it.
    """
    from ai_worker.connectors import adding
    from ai_worker.connectors.draft import Draft

    kind = adding.kind_named(told.kind)
    options = adding.options_of(kind, told.options, site.resolve)
    draft = Draft(
        id=told.id,
        kind=told.kind,
        name=told.name,
        operations=tuple(told.operations) or ("*",),
        base_url=told.base_url,
        auth=told.auth,
        options=told.options,
        networks=networks,
    )
    if told.contract is None and adding.asked_for(kind, options):
        told.contract = asyncio.run(_asked(draft, site, folder))
    compiled = adding.compiled(kind, told.contract, options)
    if asks:
        connectors_asking.ask(invocation, told, compiled)
    if kind.needs_base_url and not told.base_url:
        raise adding.AddIncomplete("base_url: Field required")
    draft = replace(
        draft,
        name=told.name or compiled.title,
        operations=tuple(told.operations) or ("*",),
        base_url=told.base_url,
        contract=told.contract.resolve().name if told.contract is not None else "",
        auth=connectors_asking.kept(invocation, told),
    )
    made = site.bench.install(draft, told.contract, language=invocation.language)
    return made, draft, len(compiled.skipped)


async def _asked(draft: "Draft", site: Site, folder: Path) -> Path:
    from ai_worker.connectors.adding import asked

    return await asked(draft, site.resolve, site.parts, into=folder)


def _auth(words: "list[str] | tuple[str, ...]") -> dict[str, Any]:
    """Return what `--auth` says: the kind alone, and its fields as `key=value`.

    Raises:
        SecretInTheOpen: A secret is written out.
    """
    pairs = [word for word in words if "=" in word]
    found = read_arguments("", pairs)
    for word in words:
        if "=" not in word:
            found["kind"] = word
    secrets = {name: found[name] for name in SECRET_FIELDS if name in found}
    several = found.get("secrets", {})
    for name, value in (secrets | (several if isinstance(several, dict) else {"secrets": several})).items():
        if not str(value).startswith(REFERENCES):
            raise SecretInTheOpen(f"--auth {name}=… is written out")
    return found
