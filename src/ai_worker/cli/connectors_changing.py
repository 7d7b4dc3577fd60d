"""`ai-worker connectors refresh`, `enable`, `disable`, `remove` and `restore`: changing what is there."""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli.connectors_site import Id, Site, Yes
from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.foundation.errors import BadInput

if TYPE_CHECKING:
    from ai_worker.connectors.changes import Changes
    from ai_worker.connectors.operation import Contract
    from ai_worker.connectors.registry import Described

SHOWN = 20
"""Operations of each sort that a person is shown; `--json` has all."""


class NothingToFetch(BadInput):
    """Systems of this kind cannot be asked for their contract."""

    code = "connectors.nothing_to_fetch"
    hint = "Get the new contract from its vendor, and give it: ai-worker connectors refresh ID --contract FILE"


class RefreshUnconfirmed(BadInput):
    """The contract has changed, and there is no terminal at which somebody could be asked."""

    code = "connectors.refresh_unconfirmed"
    hint = "Add --yes."


def register(connectors: typer.Typer) -> None:
    """Add the commands."""
    refresh_help = both("取来系统现在的契约，看看变了什么，再换上", "Fetch its contract as it is now, compare, replace")
    connectors.command("refresh", help=refresh_help)(refresh)
    connectors.command("enable", help=both("启用", "Switch it on"))(enable)
    connectors.command("disable", help=both("停用，文件留着", "Switch it off; its files stay"))(disable)
    connectors.command("remove", help=both("移进回收文件夹，可以恢复", "Move it to the trash folder"))(remove)
    connectors.command("restore", help=both("恢复最近一次移除的", "Bring back what was removed last"))(restore)


def refresh(
    context: typer.Context,
    connector_id: Id,
    contract: Annotated[
        Path | None,
        typer.Option("--contract", metavar="FILE", help=both("新的契约文件或文件夹", "The new contract")),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=both("只看变了什么", "Show what has changed; write nothing"))
    ] = False,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Compare a connector's contract with the system's, and put it in its place."""
    from ai_worker.cli.output import done, print_json
    from ai_worker.connectors.changes import Changes

    invocation = Invocation.of(context)
    site = Site.of(invocation)
    described = site.described(connector_id)
    if contract is None and described.kind.fetch is None:
        raise NothingToFetch(f"a system of kind {described.kind.name!r} cannot be asked for its contract")
    former = _former(site, described)
    with tempfile.TemporaryDirectory(prefix="ai-worker-") as folder:
        fresh = contract or asyncio.run(_fetched(site, described, Path(folder)))
        changes = Changes.between(former, site.bench.compiled(described.file, fresh))
        written = False
        if not as_json:
            _show(invocation, changes)
        if not (changes.same or dry_run) and _agreed(invocation, yes=yes):
            site.bench.replace_contract(described.file, fresh)
            written = True
            asyncio.run(_not_drifted(invocation, connector_id))
    if as_json:
        print_json({"connector": connector_id, "written": written, **_in_json(changes)})
    elif written:
        done(
            invocation.say(
                "已换上，运行中的服务几秒内生效。", "Replaced; a running service takes it over within seconds."
            )
        )


def enable(context: typer.Context, connector_id: Id, as_json: Json = False) -> None:
    """Switch a connector on, if it can be used."""
    _switch(context, connector_id, enabled=True, as_json=as_json)


def disable(context: typer.Context, connector_id: Id, as_json: Json = False) -> None:
    """Switch a connector off."""
    _switch(context, connector_id, enabled=False, as_json=as_json)


def remove(context: typer.Context, connector_id: Id, as_json: Json = False) -> None:
    """Move a connector into the trash folder."""
    from ai_worker.cli.output import done, print_json
    from ai_worker.foundation.clock import SystemClock

    invocation = Invocation.of(context)
    site = Site.of(invocation)
    place = site.bench.remove(site.file_of(connector_id), now=SystemClock().now())
    if as_json:
        print_json({"connector": connector_id, "moved_to": str(place)})
        return
    done(invocation.say(f"{connector_id} 已移除，放在 {place}", f"{connector_id} was removed; it lies in {place}"))
    print(invocation.say("恢复：", "To bring it back: "), f"ai-worker connectors restore {connector_id}", sep="")


def restore(context: typer.Context, connector_id: Id, as_json: Json = False) -> None:
    """Bring a removed connector back."""
    from ai_worker.cli.output import done, print_json

    invocation = Invocation.of(context)
    file = Site.of(invocation).bench.restore(connector_id)
    if as_json:
        print_json({"connector": connector_id, "file": str(file)})
    else:
        done(invocation.say(f"{connector_id} 已恢复：{file}", f"{connector_id} is back: {file}"))


def _switch(context: typer.Context, connector_id: str, *, enabled: bool, as_json: bool) -> None:
    from ai_worker.cli.output import done, print_json

    invocation = Invocation.of(context)
    site = Site.of(invocation)
    site.bench.enable(site.file_of(connector_id), enabled=enabled)
    if as_json:
        print_json({"connector": connector_id, "enabled": enabled})
    elif enabled:
        done(invocation.say(f"{connector_id} 已启用", f"{connector_id} is switched on"))
    else:
        done(invocation.say(f"{connector_id} 已停用，文件还在", f"{connector_id} is switched off; its files stay"))


def _former(site: Site, described: "Described") -> "Contract":
    """Return the contract in use; one that is fetched for the first time takes the place of an empty one."""
    from ai_worker.connectors.operation import Contract

    if described.settings.contract and not described.contract.exists():
        return Contract(described.kind.name, "", "", "", ())
    return site.connection(described.id).contract


async def _fetched(site: Site, described: "Described", folder: Path) -> Path:
    from ai_worker.connectors.fetching import fetched

    return await fetched(described, site.parts, into=folder)


async def _not_drifted(invocation: Invocation, connector_id: str) -> None:
    """Keep that the contract is the system's again, where somebody has seen that it was not."""
    from dataclasses import replace

    from ai_worker.cli.opening import standing

    async with standing(invocation.settings()) as stores:
        known = (await stores.calls.standings()).get(connector_id) if stores is not None else None
        if stores is not None and known is not None and known.last.drift:
            await stores.calls.note(replace(known.last, drift=False))


def _in_json(changes: "Changes") -> dict[str, Any]:
    return {
        "same": changes.same,
        "added": list(changes.added),
        "removed": list(changes.removed),
        "changed": list(changes.changed),
    }


def _show(invocation: Invocation, changes: "Changes") -> None:
    if changes.same:
        print(invocation.say("契约没有变。", "The contract is the same."))
        return
    sorts = (("+", changes.added), ("-", changes.removed), ("~", changes.changed))
    for mark, names in sorts:
        for name in names[:SHOWN]:
            print(f"{mark} {name}")
        if len(names) > SHOWN:
            print(f"{mark} … {len(names) - SHOWN}")
    added, removed, changed = len(changes.added), len(changes.removed), len(changes.changed)
    print(
        invocation.say(
            f"新增 {added} 个操作，少了 {removed} 个，变了 {changed} 个。",
            f"{added} operations are new, {removed} are gone, {changed} have changed.",
        )
    )


def _agreed(invocation: Invocation, *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise RefreshUnconfirmed("the contract has changed")
    return typer.confirm(invocation.say("换上新的契约？", "Put the new contract in its place?"), default=False)
