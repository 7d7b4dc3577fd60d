"""What is proven of business systems, for people and as JSON."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ai_worker.cli.invocation import Invocation

if TYPE_CHECKING:
    from ai_worker.connectors.catalogue.evidence import Evidence
    from ai_worker.connectors.catalogue.levels import Standing
    from ai_worker.connectors.catalogue.system import BeyondContract, System

SHOWN = 30
"""Lines of a list that are printed; `--json` has them all."""

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


def row_object(one: "System", stands: "Standing") -> dict[str, Any]:
    """Return one system of a list as JSON has it."""
    names = {"id": one.id, "zh": one.zh, "en": one.en, "category": one.category, "vendor": one.vendor}
    return {**names, **standing_object(stands)}


def standing_object(stands: "Standing") -> dict[str, Any]:
    """Return how a system stands as JSON has it."""
    return {"level": stands.level, "missing": list(stands.missing), "contract": stands.contract}


def level_text(stands: "Standing", invocation: Invocation) -> str:
    """Return a level with what it means."""
    return f"{stands.level} {invocation.say(*LEVEL_WORDS[stands.level])}"


def _missing(word: str, invocation: Invocation) -> str:
    name, _, detail = word.partition(":")
    return invocation.say(*MISSING_WORDS[name]) + (f": {detail}" if detail else "")


def print_system(one: "System", proof: "Evidence", stands: "Standing", invocation: Invocation) -> None:
    """Print one system: its facts, its level, and the evidence for it."""
    say = invocation.say
    print(f"{say(one.zh, one.en)}  {one.id}  {one.category}  {one.vendor}".rstrip())
    print(f"{say('等级', 'level')}: {level_text(stands, invocation)}")
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
    parts += [f"{name}: {prefix}…" for name, prefix in beyond.secrets.items()]
    parts += [f"?{name}={value}" for name, value in beyond.query.items()]
    if beyond.idempotency_header:
        parts.append(f"{beyond.idempotency_header}: …")
    if (proof := beyond.proof) is not None:
        parts.append(f"{proof.place} {proof.key}: {proof.prefix}…")
        parts += [address for address in (proof.authorize_url, proof.token_url) if address]
    said = "; ".join(parts) or invocation.say("无", "nothing")
    print(f"  {invocation.say('契约之外还要带', 'besides the contract')}: {said}  ({beyond.source})")


def verified_object(
    stands: "Mapping[str, Standing]", proofs: "Mapping[str, Evidence]", fallen: "Sequence[Standing]"
) -> dict[str, Any]:
    """Return the levels of all systems as JSON has them; `fallen` are those whose level is lower than before."""
    import msgspec

    from ai_worker.connectors.catalogue import reading

    counts = reading.counted(list(stands.values()))
    return {
        "systems": len(stands),
        "levels": counts.levels,
        "missing": counts.missing,
        "evidence": msgspec.to_builtins(reading.totals(proofs.values())),
        "fallen": [one.system for one in fallen],
        "standings": [{"system": one.system, **standing_object(one)} for one in stands.values()],
    }


def print_verified(
    stands: "Mapping[str, Standing]",
    proofs: "Mapping[str, Evidence]",
    fallen: "Sequence[Standing]",
    invocation: Invocation,
) -> None:
    """Print how many systems stand where and why, the figures of the evidence, and which have fallen."""
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
