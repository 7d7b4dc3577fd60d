"""`ai-worker deadletters`: what was given up, in either direction, and what a person decides about it."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.foundation.errors import BadInput

if TYPE_CHECKING:
    from ai_worker.pipeline.deadletter import DeadLetter, DeadLetterStore

LISTED = 100
BATCH = 1_000
SHOWN = 40
"""Characters of a text in the list."""

KINDS = {"message": ("消息", "message"), "reply": ("回复", "reply")}

STATES = {
    "dead": ("没有处理成", "not handled"),
    "failed": ("没有送达", "not delivered"),
    "unknown": ("结果未知", "outcome unknown"),
    "expired": ("过期未发", "expired"),
}

Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID…]", help=both("死信的 ID，可以写几个", "Ids of dead letters"))
]
All = Annotated[bool, typer.Option("--all", help=both("全部死信", "All dead letters"))]
Yes = Annotated[bool, typer.Option("--yes", "-y", help=both("不再确认", "Do not ask"))]

Act = Callable[["DeadLetterStore", str], Awaitable[None]]


class LettersNotNamed(BadInput):
    """The command does not say which dead letters are meant, or says it twice."""

    code = "deadletters.not_named"
    hint = "ai-worker deadletters list"


class Unconfirmed(BadInput):
    """All dead letters are meant, and there is no terminal at which somebody could be asked."""

    code = "deadletters.unconfirmed"
    hint = "Add --yes."


def register(app: typer.Typer) -> None:
    """Add the commands."""
    help_text = both("死信：处理不成的消息和送不到的回复", "Dead letters: messages and replies that were given up")
    letters = typer.Typer(no_args_is_help=True, help=help_text)
    letters.command("list", help=both("列出死信，最新的在前", "List dead letters, newest first"))(list_letters)
    letters.command("show", help=both("看一封死信的全文和原因", "Show one in full, and why it failed"))(show)
    letters.command("resubmit", help=both("重试：消息重新处理，回复重新发送", "Try them again"))(resubmit)
    letters.command("drop", help=both("放弃：不再重试，消息仍留在对话里", "Put them away for good"))(drop)
    app.add_typer(letters, name="deadletters")


def list_letters(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, help=both("最多列几封", "Most that are listed"))] = LISTED,
    as_json: Json = False,
) -> None:
    """Print dead letters."""
    from ai_worker.cli.output import local, print_json, print_table
    from ai_worker.foundation.text import shorten

    invocation = Invocation.of(context)
    letters, count = asyncio.run(_listed(invocation, limit))
    zone = invocation.settings().time_zone
    if as_json:
        print_json({"dead_letters": [described(letter) for letter in letters]})
        return
    if not letters:
        print(invocation.say("没有死信。", "There are no dead letters."))
        return
    rows = [
        (
            letter.id,
            invocation.say(*KINDS[letter.kind]),
            letter.contact_name or letter.contact_id,
            shorten(letter.text, SHOWN),
            invocation.say(*STATES[letter.state]),
            str(letter.attempts),
            local(letter.received_at, zone),
        )
        for letter in letters
    ]
    chinese = ("ID", "种类", "联系人", "内容", "怎么了", "次数", "时间")
    english = ("id", "kind", "contact", "text", "what happened", "tried", "since")
    print_table(chinese if invocation.language == "zh-CN" else english, rows)
    if count > len(letters):
        print(invocation.say(f"共 {count} 封，只列了 {len(letters)} 封。", f"{len(letters)} of {count} are listed."))
    print(invocation.say("接下来：", "Next: "), "ai-worker deadletters show|resubmit|drop ID", sep="")


def show(
    context: typer.Context,
    letter_id: Annotated[str, typer.Argument(metavar="ID", help=both("死信的 ID", "The id of a dead letter"))],
    as_json: Json = False,
) -> None:
    """Print one dead letter."""
    from ai_worker.cli.output import local, print_json

    invocation = Invocation.of(context)
    letter = asyncio.run(_with_store(invocation, lambda store: store.dead_letter(letter_id)))
    if as_json:
        print_json(described(letter))
        return
    known = [
        ("ID", "id", letter.id),
        ("种类", "kind", invocation.say(*KINDS[letter.kind])),
        ("渠道", "channel", letter.channel),
        ("联系人", "contact", letter.contact_name or letter.contact_id),
        ("会话", "conversation", f"c-{letter.conversation_id}"),
        ("时间", "since", local(letter.received_at, invocation.settings().time_zone)),
        ("次数", "tried", str(letter.attempts)),
        ("怎么了", "what happened", invocation.say(*STATES[letter.state])),
        ("原因", "why", letter.error or "–"),
    ]
    for chinese, english, value in known:
        print(invocation.say(f"{chinese}：{value}", f"{english}: {value}"))
    print(f"\n{letter.text}")


def resubmit(
    context: typer.Context, ids: Ids = None, every: All = False, yes: Yes = False, as_json: Json = False
) -> None:
    """Let dead letters be tried again."""
    from ai_worker.foundation.clock import SystemClock

    invocation = Invocation.of(context)
    question = invocation.say("把所有死信重试一遍？", "Try all dead letters again?")
    if not _settled(invocation, ids, every=every, yes=yes, question=question):
        _tell("resubmitted", [], [], invocation.say("没有改动。", "Nothing was changed."), as_json=as_json)
        return
    clock = SystemClock()

    async def again(store: "DeadLetterStore", letter_id: str) -> None:
        await store.resubmit(letter_id, now=clock.now())

    acted, missing = asyncio.run(_with_store(invocation, lambda store: _act(store, ids, again)))
    told = invocation.say(
        f"{len(acted)} 封死信已放回；服务在运行的话，几秒内就会重试。",
        f"{len(acted)} dead letters are back in line; a running service tries them within seconds.",
    )
    _tell("resubmitted", acted, missing, told, as_json=as_json)


def drop(context: typer.Context, ids: Ids = None, every: All = False, yes: Yes = False, as_json: Json = False) -> None:
    """Put dead letters away for good."""
    invocation = Invocation.of(context)
    question = invocation.say("放弃所有死信？放弃后不能再重试", "Drop all dead letters for good?")
    if not _settled(invocation, ids, every=every, yes=yes, question=question):
        _tell("dropped", [], [], invocation.say("没有改动。", "Nothing was changed."), as_json=as_json)
        return

    async def away(store: "DeadLetterStore", letter_id: str) -> None:
        await store.drop(letter_id)

    acted, missing = asyncio.run(_with_store(invocation, lambda store: _act(store, ids, away)))
    told = invocation.say(
        f"{len(acted)} 封死信已放弃，内容仍在各自的对话里。",
        f"{len(acted)} dead letters are dropped; their words stay in their conversations.",
    )
    _tell("dropped", acted, missing, told, as_json=as_json)


def described(letter: "DeadLetter") -> dict[str, Any]:
    """Return what is said of a dead letter in JSON. Times are UTC."""
    return {
        "id": letter.id,
        "kind": letter.kind,
        "state": letter.state,
        "turn_id": letter.turn_id or None,
        "channel": letter.channel,
        "conversation": f"c-{letter.conversation_id}",
        "contact": {"id": letter.contact_id, "name": letter.contact_name},
        "text": letter.text,
        "error": letter.error,
        "attempts": letter.attempts,
        "received_at": letter.received_at.isoformat(),
    }


async def _with_store(invocation: Invocation, work: "Callable[[DeadLetterStore], Awaitable[Any]]") -> Any:
    from ai_worker.cli.opening import stores

    async with stores(invocation.settings()) as opened:
        return await work(opened.dead_letters)


async def _listed(invocation: Invocation, limit: int) -> "tuple[list[DeadLetter], int]":
    from ai_worker.cli.opening import standing

    async with standing(invocation.settings()) as opened:
        if opened is None:
            return [], 0
        return await opened.dead_letters.dead_letters(limit=limit), await opened.dead_letters.count()


def _settled(invocation: Invocation, ids: list[str] | None, *, every: bool, yes: bool, question: str) -> bool:
    """Return whether it is clear which letters are meant; before all of them, whoever is at the terminal is asked.

    Raises:
        LettersNotNamed: Neither ids nor `--all` was given, or both.
        Unconfirmed: All are meant, and nobody is there to be asked.
    """
    if bool(ids) == every:
        raise LettersNotNamed("give ids of dead letters, or --all")
    if not every or yes:
        return True
    if not sys.stdin.isatty():
        raise Unconfirmed("--all asks before it acts, and there is no terminal to ask at")
    print(f"? {question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


async def _act(store: "DeadLetterStore", ids: list[str] | None, act: Act) -> tuple[list[str], list[str]]:
    """Do it to these letters, to all where none is named; return those it was done to, and those not there."""
    from ai_worker.pipeline.deadletter import NoSuchDeadLetter

    acted: list[str] = []
    missing: list[str] = []
    wanted = list(dict.fromkeys(ids or ())) or await _every(store, acted)
    while wanted:
        for letter_id in wanted:
            try:
                await act(store, letter_id)
            except NoSuchDeadLetter:
                missing.append(letter_id)
            else:
                acted.append(letter_id)
        wanted = [] if ids else await _every(store, acted + missing)
    return acted, missing if ids else []


async def _every(store: "DeadLetterStore", seen: list[str]) -> list[str]:
    """Return letters that were not seen yet: one that was resubmitted may be back already."""
    known = set(seen)
    letters = await store.dead_letters(limit=BATCH + len(known))
    return [letter.id for letter in letters if letter.id not in known]


def _tell(key: str, acted: list[str], missing: list[str], told: str, *, as_json: bool) -> None:
    """Print what was done.

    Raises:
        NoSuchDeadLetter: Some letters were not there.
    """
    from ai_worker.cli.output import done, print_json
    from ai_worker.pipeline.deadletter import NoSuchDeadLetter

    if as_json:
        print_json({key: acted, "missing": missing})
    elif acted or not missing:
        done(told)
    if missing:
        raise NoSuchDeadLetter(f"not a dead letter (any more): {', '.join(missing)}")
