"""`ai-worker connectors catalogue`: which business systems we know, and what is proven of each."""

import sys
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.connectors.catalogue.system import Category

if TYPE_CHECKING:
    from ai_worker.connectors.catalogue.evidence import Evidence
    from ai_worker.connectors.catalogue.levels import Standing
    from ai_worker.connectors.catalogue.system import BeyondContract, System
    from ai_worker.connectors.catalogue.verify import Seen

SHOWN = 30

LEVEL_WORDS = {
    "L0": ("只在目录里", "listed only"),
    "L1": ("契约可编译", "its contract compiles"),
    "L2": ("契约已验证", "contract-tested"),
    "L3": ("真机已验证", "live-tested"),
    "L4": ("现场在用", "used in the field"),
}
MISSING_WORDS = {
    "no_contract": (
        "没有拿到契约（在厂商或运行中的系统那里）",
        "no contract at hand: the vendor has it",
    ),
    "no_evidence": ("有契约，还没验证", "a contract, not verified yet"),
    "no_hash_or_licence": ("没有记下契约的散列或许可", "no hash or licence recorded"),
    "contract_changed": ("契约变了，证据作废", "the contract has changed; the evidence counts no more"),
    "does_not_compile": ("契约无法编译", "the contract does not compile"),
    "too_few_tools": ("成为工具的操作不到 95 %", "fewer than 95 % of the operations became tools"),
    "gateway_code": ("调用要经过网关里的程序", "its calls go through a program in a gateway"),
    "gateway_policy": ("调用要经过网关的改写", "its calls are rewritten by a gateway"),
    "not_judged": ("裁判没有看过，或读不了这份契约", "not judged, or the judge cannot read the contract"),
    "too_few_accepted": ("裁判接受的操作太少", "the judge accepts too few operations"),
    "reads_and_writes": ("读和写没有都被接受", "not both reads and writes are accepted"),
    "incomplete_calls_sent": ("缺参数的调用没有全部拦下", "calls that lack an argument were sent"),
    "auth_not_applied": ("凭据没有放到契约要求的位置", "credentials were not applied"),
    "beyond_not_applied": (
        "厂商在契约之外要求的请求头没有带上",
        "headers that the vendor wants besides the contract were not sent",
    ),
    "auth_not_in_contract": ("认证方式没写在契约里", "how to authenticate does not stand in the contract"),
    "live_test": ("还没在真实系统上试过", "not tested against the real system yet"),
    "field_use": ("还没有现场使用记录", "no record of use in the field"),
}

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
        print_json({"systems": [_row(one, stands[one.id]) for one in found]})
        return
    say = invocation.say
    heads = (say("编号", "id"), say("名称", "name"), say("类别", "category"), say("等级", "level"))
    rows = [(one.id, say(one.zh, one.en), one.category, _level(stands[one.id], invocation)) for one in found[:SHOWN]]
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
        told = {**msgspec.to_builtins(one), **_standing(stands), "evidence": msgspec.to_builtins(proof)}
        print_json(told)
        return
    _show(one, proof, stands, invocation)


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
        print_json(_verified(stands, proofs, fallen))
    else:
        _tell(stands, proofs, fallen, invocation)
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


def _row(one: "System", stands: "Standing") -> dict[str, Any]:
    names = {"id": one.id, "zh": one.zh, "en": one.en, "category": one.category, "vendor": one.vendor}
    return {**names, **_standing(stands)}


def _standing(stands: "Standing") -> dict[str, Any]:
    return {"level": stands.level, "missing": list(stands.missing), "contract": stands.contract}


def _level(stands: "Standing", invocation: Invocation) -> str:
    return f"{stands.level} {invocation.say(*LEVEL_WORDS[stands.level])}"


def _missing(word: str, invocation: Invocation) -> str:
    name, _, detail = word.partition(":")
    return invocation.say(*MISSING_WORDS[name]) + (f": {detail}" if detail else "")


def _show(one: "System", proof: "Evidence", stands: "Standing", invocation: Invocation) -> None:
    say = invocation.say
    print(f"{say(one.zh, one.en)}  {one.id}  {one.category}  {one.vendor}".rstrip())
    print(f"{say('等级', 'level')}: {_level(stands, invocation)}")
    for word in stands.missing:
        print(f"  {say('还差', 'missing')}: {_missing(word, invocation)}")
    for name, words in (
        (say("认证", "auth"), ", ".join(one.auth)),
        (say("分页", "paging"), f"{one.paging.kind} ({one.paging.argument})" if one.paging else ""),
        (say("限流", "limits"), ", ".join(one.limits)),
        (say("业务动词", "verbs"), ", ".join(f"{verb} → {operation}" for verb, operation in one.verbs.items())),
    ):
        if words:
            print(f"{name}: {words}")
    for fact in one.contracts[:SHOWN]:
        print(f"{say('契约', 'contract')}: {fact.way} {fact.version}  {fact.address}  {fact.sha256[:12]}".rstrip())
        if fact.beyond is not None:
            _show_beyond(fact.beyond, invocation)
    for found in proof.contracts:
        judged = found.judged
        said = f"{judged.judge}: {judged.accepted}/{judged.calls}" if judged else say("未裁判", "not judged")
        print(f"{say('证据', 'evidence')}: {found.date}  {found.tools}/{found.operations}  {said}  {found.sha256[:12]}")


def _show_beyond(beyond: "BeyondContract", invocation: Invocation) -> None:
    parts = [f"{name}: {value}" for name, value in beyond.headers.items()]
    if beyond.idempotency_header:
        parts.append(f"{beyond.idempotency_header}: …")
    if (proof := beyond.proof) is not None:
        parts.append(f"{proof.place} {proof.key}: {proof.prefix}…")
        parts += [address for address in (proof.authorize_url, proof.token_url) if address]
    said = "; ".join(parts) or invocation.say("无", "nothing")
    print(f"  {invocation.say('契约之外还要带', 'besides the contract')}: {said}  ({beyond.source})")


def _verified(
    stands: "Mapping[str, Standing]", proofs: "Mapping[str, Evidence]", fallen: "Sequence[Standing]"
) -> dict[str, Any]:
    import msgspec

    from ai_worker.connectors.catalogue import reading

    counts = reading.counted(list(stands.values()))
    return {
        "systems": len(stands),
        "levels": counts.levels,
        "missing": counts.missing,
        "evidence": msgspec.to_builtins(reading.totals(proofs.values())),
        "fallen": [one.system for one in fallen],
        "standings": [{"system": one.system, **_standing(one)} for one in stands.values()],
    }


def _tell(
    stands: "Mapping[str, Standing]",
    proofs: "Mapping[str, Evidence]",
    fallen: "Sequence[Standing]",
    invocation: Invocation,
) -> None:
    from ai_worker.cli.output import failed, print_table
    from ai_worker.connectors.catalogue import reading

    say = invocation.say
    counts, total = reading.counted(list(stands.values())), reading.totals(proofs.values())
    levels = [(level, say(*LEVEL_WORDS[level]), f"{count:,}") for level, count in counts.levels.items()]
    print_table((say("等级", "level"), say("含义", "meaning"), say("系统数", "systems")), levels)
    print()
    lacks = [(_missing(word, invocation), f"{count:,}") for word, count in counts.missing.items()]
    print_table((say("下一级还差什么", "missing for the next level"), say("系统数", "systems")), lacks)
    print()
    figures = (
        (say("编译的契约", "contracts compiled"), total.compiled, total.contracts),
        (say("成为工具的操作", "operations that became tools"), total.tools, total.operations),
        (say("裁判接受的调用", "calls accepted by the judge"), total.accepted, total.calls),
        (say("其中裁判有可能接受的", "of those that it can accept at all"), total.accepted, total.possible),
        (say("发出前拦下的缺参数调用", "incomplete calls stopped"), total.stopped, total.negatives),
        (say("带对了凭据的调用", "calls that carried their credential"), total.auth_applied, total.auth_needed),
    )
    rows = [(name, f"{done:,} / {of:,}", f"{done / of:.1%}" if of else "–") for name, done, of in figures]
    print_table((say("证据", "evidence"), say("数量", "count"), say("比例", "share")), rows)
    for one in fallen:
        failed(f"{one.system}  {one.level}  {', '.join(_missing(word, invocation) for word in one.missing)}")
    tested, live = counts.levels["L2"], counts.levels["L3"] + counts.levels["L4"]
    print()
    print(
        say(
            f"{tested} 个系统达到 L2（契约已验证），{live} 个达到 L3 及以上（真机已验证），共收录 {len(stands)} 个。",
            f"{tested} systems at L2 (contract-tested), {live} at L3 or above (live-tested), {len(stands)} listed.",
        )
    )
