"""`ai-worker eval`: golden questions, whether they are still answered rightly, and thresholds tuned on them."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli import golden_file
from ai_worker.cli.evaluation_showing import (
    described,
    outcome_object,
    print_outcome,
    print_run,
    print_tuned,
    tuned_object,
)
from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.foundation.errors import NotFound

if TYPE_CHECKING:
    from ai_worker.conversation.evaluation import Comparison, EvalRun, GoldenQuestion
    from ai_worker.conversation.thresholds import Tuned


class NoGoldenQuestions(NotFound):
    """There is nothing to ask."""

    code = "eval.none"
    hint = "ai-worker eval add FILE"


class NoSuchQuestion(NotFound):
    """There is no golden question with this id."""

    code = "eval.unknown_question"
    hint = "ai-worker eval list"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    help_text = both("评测：标准问题还答得对吗", "Evaluation: are the golden questions still answered rightly")
    commands = typer.Typer(no_args_is_help=True, help=help_text)
    commands.command("add", help=both("从 CSV 添加标准问题", "Add golden questions from a CSV"))(add)
    commands.command("list", help=both("列出标准问题", "List the golden questions"))(list_questions)
    commands.command("remove", help=both("删除标准问题", "Remove golden questions"))(remove)
    commands.command("run", help=both("全部问一遍，和上次比", "Ask them all, and compare with the last run"))(run)
    commands.command("show", help=both("看一个问题这次怎么答的", "Show what became of one question"))(show)
    commands.command("tune", help=both("按“答了的至少有多少是对的”调阈值", "Tune thresholds to a precision"))(tune)
    app.add_typer(commands, name="eval")


def add(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=both("CSV 文件", "A CSV file"), show_default=False)],
    as_json: Json = False,
) -> None:
    """Add golden questions; one with the same id is replaced."""
    from ai_worker.cli import opening
    from ai_worker.cli.output import done, print_json
    from ai_worker.foundation.clock import SystemClock

    invocation = Invocation.of(context)
    questions = golden_file.read(file)

    async def work() -> None:
        async with opening.stores(invocation.settings()) as stores:
            await stores.evaluation.put_golden(questions, at=SystemClock().now())

    asyncio.run(work())
    if as_json:
        print_json({"added": len(questions)})
    else:
        done(invocation.say(f"{len(questions)} 个标准问题", f"{len(questions)} golden questions"))
        print(invocation.say("接下来：", "Next: "), "ai-worker eval run", sep="")


def list_questions(context: typer.Context, as_json: Json = False) -> None:
    """Print the golden questions."""
    from ai_worker.cli import opening
    from ai_worker.cli.output import print_json, print_table

    invocation = Invocation.of(context)

    async def work() -> "list[GoldenQuestion]":
        async with opening.standing(invocation.settings()) as stores:
            return await stores.evaluation.golden() if stores else []

    questions = asyncio.run(work())
    if as_json:
        fields = ("id", "question", "answer_ids", "topic", "source")
        print_json({"questions": [{name: getattr(one, name) for name in fields} for one in questions]})
    elif not questions:
        print(invocation.say("还没有标准问题。", "There are no golden questions yet."), "→ ai-worker eval add FILE")
    else:
        heads = (
            ("ID", "主题", "问题", "答案") if invocation.language == "zh-CN" else ("id", "topic", "question", "answer")
        )
        nobody = invocation.say("（没有）", "(none)")
        print_table(heads, [(o.id, o.topic, o.question, " | ".join(o.answer_ids) or nobody) for o in questions])


def remove(
    context: typer.Context,
    ids: Annotated[list[str], typer.Argument(metavar="ID…", help=both("标准问题的 ID", "Ids of golden questions"))],
    as_json: Json = False,
) -> None:
    """Remove golden questions."""
    from ai_worker.cli import opening
    from ai_worker.cli.output import done, print_json

    invocation = Invocation.of(context)

    async def work() -> int:
        async with opening.stores(invocation.settings()) as stores:
            return await stores.evaluation.remove_golden(ids)

    removed = asyncio.run(work())
    if not removed:
        raise NoSuchQuestion(f"no golden question has the id {ids[0]!r}")
    if as_json:
        print_json({"removed": removed})
    else:
        done(invocation.say(f"删除了 {removed} 个", f"{removed} removed"))


def run(context: typer.Context, as_json: Json = False) -> None:
    """Ask all golden questions, each alone and without a model; the exit code is 1 if one got worse."""
    from ai_worker.cli import opening
    from ai_worker.cli.failures import PROBLEM
    from ai_worker.cli.output import print_json

    invocation = Invocation.of(context)

    async def work() -> "tuple[EvalRun, Comparison | None]":
        async with opening.evaluator(invocation.settings()) as (evaluator, store, _):
            if not await store.golden():
                raise NoGoldenQuestions("there are no golden questions")
            return await evaluator.before_and_now()

    done_run, comparison = asyncio.run(work())
    if as_json:
        print_json(described(done_run, comparison))
    else:
        print_run(invocation, done_run, comparison)
    if comparison is not None and comparison.worse:
        raise typer.Exit(PROBLEM)


def show(
    context: typer.Context,
    question_id: Annotated[str, typer.Argument(metavar="ID", help=both("标准问题的 ID", "A golden question's id"))],
    as_json: Json = False,
) -> None:
    """Print what became of one question in the latest run."""
    from ai_worker.cli import opening
    from ai_worker.cli.output import print_json

    invocation = Invocation.of(context)

    async def work() -> "list[EvalRun]":
        async with opening.standing(invocation.settings()) as stores:
            return await stores.evaluation.runs(1) if stores else []

    outcomes = [one for latest in asyncio.run(work()) for one in latest.outcomes if one.id == question_id]
    if not outcomes:
        raise NoSuchQuestion(f"the latest run has no question with the id {question_id!r}")
    (outcome,) = outcomes
    if as_json:
        print_json(outcome_object(outcome))
    else:
        print_outcome(invocation, outcome)


def tune(
    context: typer.Context,
    precision: Annotated[
        float,
        typer.Option("--precision", min=0.5, max=1.0, help=both("答了的至少有多少是对的", "Share of right answers")),
    ] = 0.95,
    base: Annotated[str, typer.Option("--base", metavar="NAME", help=both("哪个知识库", "Which base"))] = "default",
    apply: Annotated[bool, typer.Option("--apply", help=both("用起来", "Go by it from now on"))] = False,
    reset: Annotated[bool, typer.Option("--reset", help=both("回到默认阈值", "Go by the defaults again"))] = False,
    as_json: Json = False,
) -> None:
    """Find the threshold from which on so many answers are right; a running service takes it over within seconds."""
    from ai_worker.cli.output import done, print_json

    invocation = Invocation.of(context)
    if reset:
        asyncio.run(_reset(invocation, base))
        _said(as_json, {"base": base, "reset": True}, invocation.say("已回到默认阈值", "back to the defaults"))
        return
    found = asyncio.run(_tuned(invocation, base, precision, apply=apply))
    if as_json:
        print_json(tuned_object(found, applied=apply))
        return
    print_tuned(invocation, found)
    if apply:
        done(invocation.say("已生效；运行中的服务几秒内采用。", "In force; a running service follows within seconds."))
    else:
        print(invocation.say("接下来：加上 --apply 生效", "Next: --apply to go by it"))


async def _reset(invocation: Invocation, base: str) -> None:
    from ai_worker.cli import opening

    async with opening.evaluator(invocation.settings()) as (_, store, _):
        await store.remove_threshold(base)


async def _tuned(invocation: Invocation, base: str, precision: float, *, apply: bool) -> "Tuned":
    """Ask all golden questions and return the thresholds that give this precision; `apply` puts them in force."""
    from ai_worker.cli import opening
    from ai_worker.conversation.steps.look_up import Bars
    from ai_worker.conversation.thresholds import tune as tuned_to
    from ai_worker.foundation.clock import SystemClock
    from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT

    async with opening.evaluator(invocation.settings()) as (evaluator, store, _):
        asked = await evaluator.run()
        now, default = SystemClock().now(), Bars(ANSWER_AT, CLARIFY_AT)
        found = tuned_to(asked.outcomes, base=base, target=precision, default=default, now=now)
        if apply:
            await store.put_threshold(found.threshold)
        return found


def _said(as_json: bool, told: dict[str, Any], words: str) -> None:
    from ai_worker.cli.output import done, print_json

    if as_json:
        print_json(told)
    else:
        done(words)
