"""`ai-worker knowledge show|remove|restore`: looking after single things."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli.invocation import Invocation, Json, both

if TYPE_CHECKING:
    from ai_worker.cli.opening import Desk
    from ai_worker.knowledge.archive import Thing, Version
    from ai_worker.knowledge.curator import Curator
    from ai_worker.knowledge.keeping import Keeping
    from ai_worker.knowledge.passage import Passage

PASSAGES_SHOWN = 200
REMOVED_SHOWN = 200
BY = "cli"

Base = Annotated[str, typer.Option("--base", metavar="NAME", help=both("哪个知识库", "The knowledge base"))]
Id = Annotated[str, typer.Argument(metavar="ID", help=both("问答或资料的编号", "The id of an entry or a document"))]


def register(knowledge: typer.Typer) -> None:
    """Add the commands."""
    commands = (
        ("show", show, both("看一条：内容、条件和版本", "Show one thing: content, conditions, versions")),
        ("remove", remove, both("删除问答、资料或整个知识库", "Remove entries, documents or a base")),
        ("restore", restore, both("恢复删除的，或回到一个版本", "Bring back what was removed, or a version")),
    )
    for name, command, help_ in commands:
        knowledge.command(name, help=help_)(command)


def show(context: typer.Context, id: Id, base: Base = "default", as_json: Json = False) -> None:
    """Print one entry or document with its versions."""
    from ai_worker.cli import opening
    from ai_worker.cli.output import local, print_json

    invocation = Invocation.of(context)
    settings = invocation.settings()

    async def work() -> "tuple[Thing, list[Passage], Keeping, list[Version]]":
        async with opening.desk(settings) as desk:
            archive = desk.curator.archive
            thing = await _thing(desk.curator, base, id)
            if thing.kind == "entry":
                passages = [await archive.entry(base, id)]
                keeping = passages[0].keeping
            else:
                keeping = (await archive.document(base, id)).keeping
                passages = await archive.passages(base, id, PASSAGES_SHOWN)
            return thing, passages, keeping, await archive.versions(thing)

    thing, passages, keeping, versions = asyncio.run(work())
    if as_json:
        print_json(
            {
                "id": thing.id,
                "base": thing.base,
                "kind": thing.kind,
                "keeping": conditions(keeping),
                "passages": [_passage(passage) for passage in passages],
                "versions": [_version(version) for version in versions],
            }
        )
        return
    for passage in passages:
        print(f"{passage.title} {passage.locator}".strip())
        for alias in passage.aliases:
            print(f"  ~ {alias}")
        print(f"  {passage.text}")
    for name, value in conditions(keeping).items():
        if value:
            print(f"  {name}: {', '.join(value) if isinstance(value, list) else value}")
    for version in versions:
        print(f"  {version.number}  {local(version.at, settings.time_zone)}  {version.act}  {version.by}")


def remove(
    context: typer.Context,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="[ID]…", help=both("问答或资料的编号", "Ids of entries or documents"))
    ] = None,
    base: Base = "default",
    whole_base: Annotated[bool, typer.Option("--all", help=both("整个知识库", "The whole base"))] = False,
    purge: Annotated[
        bool, typer.Option("--purge", help=both("彻底删除，不能恢复", "Delete for good; it cannot be restored"))
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove things; they are found no more. They can be restored for a while unless they are purged."""
    from ai_worker.cli import opening
    from ai_worker.cli.output import done, print_json

    invocation = Invocation.of(context)
    settings = invocation.settings()
    if bool(ids) == whole_base:
        raise typer.BadParameter("ID… / --all")

    async def work() -> "tuple[list[Thing], int]":
        async with opening.desk(settings) as desk:
            if whole_base:
                things = await desk.curator.remove_base(base, by=BY)
            else:
                things = [await _thing(desk.curator, base, id, gone=purge) for id in ids or ()]
                for thing in things:
                    await _remove(desk, thing, purge=purge)
            return things, await desk.curator.purge(things, by=BY) if purge else 0

    things, purged = asyncio.run(work())
    if as_json:
        print_json({"removed": [{"id": thing.id, "kind": thing.kind} for thing in things], "purged": purged})
        return
    became = invocation.say("已彻底删除", "deleted for good") if purge else invocation.say("已删除", "removed")
    for thing in things:
        done(f"{thing.id}  {became}")
    if things and not purge:
        print(invocation.say("可以恢复：", "It can be restored:"), "ai-worker knowledge restore ID")


def restore(
    context: typer.Context,
    id: Id,
    base: Base = "default",
    version: Annotated[
        int | None, typer.Option("--version", metavar="N", help=both("哪个版本（见 show）", "Which version (see show)"))
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring back what was removed, or make an old version the current one."""
    from ai_worker.cli import opening
    from ai_worker.cli.output import done, print_json

    invocation = Invocation.of(context)
    settings = invocation.settings()

    async def work() -> "Thing":
        from ai_worker.knowledge.archive import NoSuchThing

        async with opening.desk(settings) as desk:
            thing = await _thing(desk.curator, base, id, gone=True)
            versions = await desk.curator.archive.versions(thing)
            wanted = [one for one in versions if version in (None, one.number)]
            if not wanted or (version is None and wanted[0].act != "removed"):
                raise NoSuchThing(f"{id!r} was not removed, or has no such version.")
            return await desk.curator.restore(wanted[0].number, by=BY)

    thing = asyncio.run(work())
    if as_json:
        print_json({"restored": {"id": thing.id, "kind": thing.kind, "base": thing.base}})
    else:
        done(f"{thing.id}  {invocation.say('已恢复', 'restored')}")


def list_removed(context: typer.Context, *, as_json: bool) -> None:
    """Print what was removed and can come back."""
    from ai_worker.cli import opening
    from ai_worker.cli.output import local, print_json

    invocation = Invocation.of(context)
    settings = invocation.settings()

    async def work() -> "list[Version]":
        async with opening.standing(settings) as stores:
            return await stores.archive.removed(REMOVED_SHOWN) if stores else []

    found = asyncio.run(work())
    if as_json:
        rows = [{"id": v.thing.id, "base": v.thing.base, "kind": v.thing.kind} | dict(_version(v)) for v in found]
        print_json({"removed": rows})
        return
    for v in found:
        print(f"{v.thing.id}  {v.thing.base}  {local(v.at, settings.time_zone)}  {v.by}  {v.title}")


def conditions(keeping: "Keeping") -> dict[str, Any]:
    """Return under which conditions something is kept, as JSON."""
    return {
        "departments": list(keeping.departments),
        "effective_at": keeping.effective_at.isoformat() if keeping.effective_at else None,
        "expires_at": keeping.expires_at.isoformat() if keeping.expires_at else None,
        "owner": keeping.owner,
        "review_by": keeping.review_by.isoformat() if keeping.review_by else None,
    }


async def _thing(curator: "Curator", base: str, id: str, *, gone: bool = False) -> "Thing":
    """Return the document or entry of this id; with `gone`, also one that was removed.

    Raises:
        NoSuchThing: There is none.
    """
    from ai_worker.knowledge.archive import NoSuchThing, Thing

    document, entry = Thing(base, "document", id), Thing(base, "entry", id)
    for thing, look in ((document, curator.archive.document), (entry, curator.archive.entry)):
        try:
            await look(base, id)
        except NoSuchThing:
            if gone and await curator.archive.versions(thing):
                return thing
        else:
            return thing
    raise NoSuchThing(f"There is no entry or document {id!r} in {base!r}.")


async def _remove(desk: "Desk", thing: "Thing", *, purge: bool) -> None:
    """Remove a thing; one that is removed already may still be purged."""
    from ai_worker.knowledge.archive import NoSuchThing

    try:
        await desk.curator.remove(thing, by=BY)
    except NoSuchThing:
        if not purge:
            raise


def _passage(passage: "Passage") -> Mapping[str, Any]:
    return {
        "id": passage.id,
        "title": passage.title,
        "aliases": list(passage.aliases),
        "text": passage.text,
        "locator": passage.locator,
    }


def _version(version: "Version") -> Mapping[str, Any]:
    return {"version": version.number, "at": version.at.isoformat(), "by": version.by, "act": version.act}
