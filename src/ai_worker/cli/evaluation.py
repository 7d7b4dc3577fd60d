"""`ai-worker eval`: golden questions, whether they are still answered rightly, and thresholds tuned on them."""

import asyncio
import csv
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.foundation.errors import BadInput, NotFound

if TYPE_CHECKING:
    from ai_worker.conversation.evaluation import Comparison, EvalRun, GoldenQuestion, Outcome

SHOWN = 20
"""Questions that are named of those that got worse."""

VERDICTS = {
    "right": ("答对", "right"),
    "refused": ("没有答案，也没有乱答", "rightly not answered"),
    "offered": ("反问，选项里有对的", "asked back, the right one among the choices"),
    "missed": ("有答案但没答", "has an answer, not given"),
    "wrong": ("答错", "wrong"),
    "invented": ("没有答案却答了", "has no answer, one was given"),
}


class BadGoldenFile(BadInput):
    """The file with golden questions cannot be used; nothing of it was added."""

    code = "eval.bad_file"
    hint = "A CSV with the columns id, question, answer_id (several joined by |, empty: nobody knows), topic."


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
    questions = read(file)

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
        _print_run(invocation, done_run, comparison)
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
        return
    known = [
        ("问题", "question", outcome.question),
        ("应当", "should be", " | ".join(outcome.answer_ids) or "–"),
        ("结果", "result", invocation.say(*VERDICTS[outcome.verdict])),
        ("决定", "decision", outcome.decision),
        ("答案", "answer", outcome.answer_id or "–"),
        ("最像的", "best candidate", f"{outcome.best_id or '–'}  {outcome.confidence:.2f}"),
        ("选项", "choices", ", ".join(outcome.offered) or "–"),
    ]
    for chinese, english, value in known:
        print(invocation.say(f"{chinese}：{value}", f"{english}: {value}"))


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
    from ai_worker.cli import opening
    from ai_worker.cli.output import done, print_json
    from ai_worker.conversation.steps.look_up import Bars
    from ai_worker.conversation.thresholds import Tuned
    from ai_worker.conversation.thresholds import tune as tuned_to
    from ai_worker.foundation.clock import SystemClock
    from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT

    invocation = Invocation.of(context)

    async def work() -> Tuned | None:
        async with opening.evaluator(invocation.settings()) as (evaluator, store, _):
            if reset:
                await store.remove_threshold(base)
                return None
            asked = await evaluator.run()
            now, default = SystemClock().now(), Bars(ANSWER_AT, CLARIFY_AT)
            found = tuned_to(asked.outcomes, base=base, target=precision, default=default, now=now)
            if apply:
                await store.put_threshold(found.threshold)
            return found

    found = asyncio.run(work())
    if found is None:
        _said(as_json, {"base": base, "reset": True}, invocation.say("已回到默认阈值", "back to the defaults"))
        return
    told = {
        "base": base,
        "target": precision,
        "answer_at": found.threshold.answer_at,
        "clarify_at": found.threshold.clarify_at,
        "questions": found.threshold.questions,
        "precision": round(found.precision, 4),
        "coverage": round(found.coverage, 4),
        "reached": found.reached,
        "applied": apply,
    }
    if as_json:
        print_json(told)
        return
    if not found.reached:
        print(invocation.say("任何阈值都达不到这个目标。", "No threshold reaches this target."))
    print(
        invocation.say(
            f"知识库 {base}：{found.threshold.questions} 个标准问题；"
            f"置信度 {found.threshold.answer_at:.2f} 起直接回答，"
            f"{found.threshold.clarify_at:.2f} 起反问。答了的有 {found.precision:.0%} 是对的，"
            f"有答案的问题答上 {found.coverage:.0%}。",
            f"Base {base}, {found.threshold.questions} golden questions: answer from {found.threshold.answer_at:.2f}, "
            f"ask back from {found.threshold.clarify_at:.2f}. Of the answers {found.precision:.0%} are right; "
            f"{found.coverage:.0%} of the questions that have an answer get it.",
        )
    )
    if apply:
        done(invocation.say("已生效；运行中的服务几秒内采用。", "In force; a running service follows within seconds."))
    else:
        print(invocation.say("接下来：加上 --apply 生效", "Next: --apply to go by it"))


def read(file: Path) -> "list[GoldenQuestion]":
    """Return the golden questions in a CSV.

    Raises:
        BadGoldenFile: It cannot be read, lacks a column or a value, or has an id twice; the words name the line.
    """
    from ai_worker.conversation.evaluation import GoldenQuestion
    from ai_worker.knowledge.ingest.encoding import decode

    try:
        text = decode(file.read_bytes())
        rows = list(csv.DictReader(text.splitlines()))
    except (OSError, ValueError, csv.Error) as error:
        raise BadGoldenFile(f"{file}: {error}") from None
    if not rows or not {"question", "answer_id"} <= rows[0].keys():
        raise BadGoldenFile(f"{file}: the columns question and answer_id are needed")
    made: dict[str, GoldenQuestion] = {}
    for line, row in enumerate(rows, start=2):
        question = (row["question"] or "").strip()
        id_ = (row.get("id") or "").strip() or f"q{line - 1}"
        if not question:
            raise BadGoldenFile(f"{file}, line {line}: there is no question")
        if id_ in made:
            raise BadGoldenFile(f"{file}, line {line}: the id {id_!r} is that of an earlier question, too")
        ids = tuple(one.strip() for one in (row["answer_id"] or "").split("|") if one.strip())
        made[id_] = GoldenQuestion(id_, question, ids, (row.get("topic") or "").strip())
    return list(made.values())


def described(run: "EvalRun", comparison: "Comparison | None") -> dict[str, Any]:
    """Return a run as JSON has it."""
    return {
        "run": run.number,
        "at": run.at.isoformat(),
        "revision": run.revision,
        "version": run.version,
        "questions": len(run.outcomes),
        "verdicts": {verdict: run.count(verdict) for verdict in VERDICTS},  # type: ignore[arg-type]
        "precision": run.precision,
        "score": run.score,
        "topics": [{"topic": topic, "good": good, "questions": count} for topic, good, count in run.topics()],
        "worse": [_changed(*pair) for pair in comparison.worse] if comparison else None,
        "better": [_changed(*pair) for pair in comparison.better] if comparison else None,
    }


def outcome_object(outcome: "Outcome") -> dict[str, Any]:
    """Return one outcome as JSON has it."""
    fields = ("id", "question", "topic", "answer_ids", "decision", "answer_id", "best_id", "base", "offered", "verdict")
    return {name: getattr(outcome, name) for name in fields} | {"confidence": round(outcome.confidence, 4)}


def _changed(before: "Outcome", now: "Outcome") -> dict[str, Any]:
    return {"id": now.id, "question": now.question, "before": before.verdict, "now": now.verdict}


def _print_run(invocation: Invocation, run: "EvalRun", comparison: "Comparison | None") -> None:
    unnamed = invocation.say("全部" if len(run.topics()) == 1 else "其他", "all" if len(run.topics()) == 1 else "other")
    print(" · ".join(f"{topic or unnamed} {good}/{count}" for topic, good, count in run.topics()))
    precision = "–" if run.precision is None else f"{run.precision:.1%}"
    print(
        invocation.say(
            f"答了 {run.answered} 个，对 {precision}；该转人工而答了 {run.count('invented')}；"
            f"反问里有对的 {run.count('offered')}；有答案没答 {run.count('missed')}",
            f"{run.answered} answered, {precision} of them right; answered without an answer {run.count('invented')}; "
            f"asked back with the right choice {run.count('offered')}; missed {run.count('missed')}",
        )
    )
    if comparison is None:
        print(invocation.say("这是第一次，没有可比的。", "This is the first run: nothing to compare with."))
        return
    worse, better = len(comparison.worse), len(comparison.better)
    print(
        invocation.say(
            f"比上次：进步 {better} 条，退步 {worse} 条", f"Since the last run: {better} better, {worse} worse"
        )
    )
    for before, now in comparison.worse[:SHOWN]:
        was, is_ = invocation.say(*VERDICTS[before.verdict]), invocation.say(*VERDICTS[now.verdict])
        print(f"  {now.id}「{now.question}」 {was} → {is_}   ai-worker eval show {now.id}")
    if worse > SHOWN:
        print(invocation.say(f"  还有 {worse - SHOWN} 条：--json", f"  {worse - SHOWN} more: --json"))


def _said(as_json: bool, told: dict[str, Any], words: str) -> None:
    from ai_worker.cli.output import done, print_json

    if as_json:
        print_json(told)
    else:
        done(words)
