"""`ai-worker skills try` and `eval`: what a skill does, before anybody relies on it."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.foundation.errors import NotFound

if TYPE_CHECKING:
    from ai_worker.conversation.skill_trial import SkillTrial
    from ai_worker.conversation.turn import TurnResult
    from ai_worker.settings import Settings
    from ai_worker.skills.skill import Example

Name = Annotated[str, typer.Argument(metavar="NAME", help=both("技能的名字", "The skill's name"), show_default=False)]
Offline = Annotated[
    bool, typer.Option("--offline", help=both("连只读的业务系统也不调用", "Call no business system, not even to read"))
]
OfWorker = Annotated[
    str | None, typer.Option("--worker", metavar="NAME", help=both("用哪个数字员工", "Which worker answers"))
]


class NoExamples(NotFound):
    """The skill has nothing to be evaluated by."""

    code = "skill.no_examples"
    hint = "Write [[example]] tables into examples.toml beside its SKILL.md."


def register(commands: typer.Typer) -> None:
    """Add the commands."""
    commands.command("try", help=both("试一句话；什么也不会被改动", "Try a question; nothing is changed"))(try_)
    commands.command("eval", help=both("跑它的示例并打分，和上次比", "Run its examples, and compare the score"))(eval_)


def try_(
    context: typer.Context,
    name: Name,
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help=both("一句话", "What somebody says"), show_default=False)
    ],
    offline: Offline = False,
    worker: OfWorker = None,
    as_json: Json = False,
) -> None:
    """Run one turn with this skill alone. Tools that act show the request that they would send, and send nothing."""
    from ai_worker.cli.output import print_json
    from ai_worker.skills.skill import Example

    invocation = Invocation.of(context)
    _warn_without_model(invocation)
    (trial,) = asyncio.run(_run(invocation.settings(), name, [Example(question)], offline, worker))
    told = {
        "skill": name,
        "question": question,
        "used": trial.used,
        "decision": trial.result.decision,
        "text": trial.result.reply.text if trial.result.reply else "",
        "calls": [asdict(call) for call in trial.tried],
        "model": trial.result.model,
    }
    if as_json:
        print_json(told)
        return
    say = invocation.say
    print(told["text"] or say("（没有回复）", "(no reply)"))
    used = (
        say("用了这个技能", "the skill was used") if trial.used else say("没有用到这个技能", "the skill was not used")
    )
    print(f"\n{used} · {trial.result.decision}")
    for call in trial.tried:
        print(f"  {call.tool} {json.dumps(call.arguments, ensure_ascii=False)}")
        if call.request is not None:
            print("    " + say("没有发送", "not sent") + f": {call.request['method']} {call.request['address']}")
            if call.request["body"]:
                print(f"    {call.request['body']}")


def eval_(
    context: typer.Context, name: Name, offline: Offline = False, worker: OfWorker = None, as_json: Json = False
) -> None:
    """Run a skill's examples, keep the score, and compare it with the last; the exit code is 1 if it got worse."""
    from ai_worker.cli.failures import PROBLEM
    from ai_worker.cli.output import done, failed, print_json
    from ai_worker.foundation.clock import SystemClock
    from ai_worker.skills.scores import Scores
    from ai_worker.skills.shelf import SkillShelf

    invocation = Invocation.of(context)
    settings = invocation.settings()
    examples = SkillShelf(settings.skills_folder).get(name).examples
    if not examples:
        raise NoExamples(f"{name} has no examples")
    _warn_without_model(invocation)
    ran = asyncio.run(_run(settings, name, examples, offline, worker))
    outcomes = [_outcome(example, one.result) for example, one in zip(examples, ran, strict=True)]
    scores = Scores(settings.data_dir)
    before = scores.of(name)
    passed = sum(not one["missed"] for one in outcomes)
    model = settings.model.name if settings.model else ""
    now = scores.add(name, passed=passed, examples=len(examples), at=SystemClock().now(), model=model)
    last = before[-1].share if before else None
    if as_json:
        told = {"skill": name, "score": round(now.share, 4), "before": None if last is None else round(last, 4)}
        print_json(told | {"passed": passed, "examples": len(examples), "model": model, "outcomes": outcomes})
    else:
        for one in outcomes:
            if one["missed"]:
                failed(f"{one['question']} → {'; '.join(one['missed'])}")
            else:
                done(one["question"])
        was = "" if last is None else invocation.say(f"，上次 {last:.0%}", f", {last:.0%} last time")
        print(f"{name}: {passed}/{len(examples)}{was}")
    if last is not None and now.share < last:
        raise typer.Exit(PROBLEM)


async def _run(
    settings: "Settings", name: str, examples: "Sequence[Example]", offline: bool, worker: str | None
) -> "list[SkillTrial]":
    """Return what became of each question."""
    from ai_worker.cli import opening
    from ai_worker.skills.shelf import SkillShelf

    staff = settings.staff()
    answers = (staff.named(worker) if worker else staff.default).name
    skill = SkillShelf(settings.skills_folder).get(name)
    async with opening.skill_trials(settings) as trials:
        return [
            await trials.run(skill, one.question, worker=answers, offline=offline, results=one.results)
            for one in examples
        ]


def _outcome(example: "Example", result: "TurnResult") -> dict[str, Any]:
    from ai_worker.skills.trial import misses

    text, called = result.reply.text if result.reply else "", [use.name for use in result.tools]
    missed = misses(example, decision=result.decision, text=text, called=called)
    told = {"question": example.question, "missed": missed, "decision": result.decision}
    return told | {"tools": called, "text": text}


def _warn_without_model(invocation: Invocation) -> None:
    from ai_worker.cli.output import warned

    if invocation.settings().model is None:
        warned(
            invocation.say(
                "没有配置大模型：技能不起作用，只有知识和连接器的业务问题会被回答",
                "No model is configured: skills have no effect, only knowledge and the connectors' verbs answer",
            )
        )
