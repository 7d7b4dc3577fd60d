"""`ai-worker skills`: which skills there are, what is wrong with them, and what they do before anybody relies on it."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli.invocation import Invocation, Json, both
from ai_worker.foundation.errors import NotFound

if TYPE_CHECKING:
    from ai_worker.conversation.turn import TurnResult
    from ai_worker.settings import Settings
    from ai_worker.skills.lint import Finding
    from ai_worker.skills.skill import Example, Skill
    from ai_worker.skills.tool import Tool
    from ai_worker.skills.trial import Sandbox

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


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = typer.Typer(
        no_args_is_help=True, help=both("技能：一类事情怎么办", "Skills: how a matter is dealt with")
    )
    commands.command("list", help=both("列出技能", "List the skills"))(list_skills)
    commands.command("lint", help=both("检查技能写得对不对", "Look for what is wrong with skills"))(lint)
    commands.command("try", help=both("试一句话；什么也不会被改动", "Try a question; nothing is changed"))(try_)
    commands.command("eval", help=both("跑它的示例并打分，和上次比", "Run its examples, and compare the score"))(eval_)
    app.add_typer(commands, name="skills")


def list_skills(context: typer.Context, as_json: Json = False) -> None:
    """Print the skills, who has them, and what their latest evaluation gave."""
    from ai_worker.cli.output import failed, print_json, print_table
    from ai_worker.skills.scores import Scores
    from ai_worker.skills.shelf import SkillShelf

    invocation = Invocation.of(context)
    settings = invocation.settings()
    shelf, scores = SkillShelf(settings.skills_folder), Scores(settings.data_dir)
    workers = settings.staff().workers
    having = {one.name: [worker.name for worker in workers if shelf_has(worker.skills, one.name)] for one in shelf.all}
    if as_json:
        described = [
            _described(one) | {"workers": having[one.name], "scores": [asdict(s) for s in scores.of(one.name)]}
            for one in shelf.all
        ]
        print_json({"folder": str(shelf.folder), "skills": described, "refused": dict(shelf.refused)})
        return
    if not shelf.all and not shelf.refused:
        print(
            invocation.say(f"还没有技能。放在 {shelf.folder}/<名字>/SKILL.md", f"No skills yet: {shelf.folder}/NAME/")
        )
        return
    say, everything = invocation.say, invocation.say("不限", "any")
    heads = (say("技能", "skill"), say("名称", "title"), say("数字员工", "workers"), say("工具", "tools"))
    rows = [
        (
            *(one.name, one.title, ", ".join(having[one.name]) or "–", " ".join(one.allowed_tools) or everything),
            f"{latest[-1].passed}/{latest[-1].examples}" if (latest := scores.of(one.name)) else "–",
        )
        for one in shelf.all
    ]
    print_table((*heads, say("示例", "examples")), rows)
    for reason in shelf.refused.values():
        failed(reason)


def shelf_has(names: tuple[str, ...], skill: str) -> bool:
    """Return whether a worker that has the skills `names` has this one."""
    return "*" in names or skill in names


def lint(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="FOLDER",
            help=both("一个技能的文件夹，或放技能的文件夹", "A skill's folder, or the folder of several"),
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at skills without using them; the exit code is 1 if one cannot be used."""
    from ai_worker.cli.failures import PROBLEM
    from ai_worker.cli.output import done, failed, print_json, warned
    from ai_worker.skills import lint as linter
    from ai_worker.skills.shelf import folders_in
    from ai_worker.skills.skill import NoSuchSkill

    invocation = Invocation.of(context)
    settings = invocation.settings()
    where = folder or settings.skills_folder
    tools = _tools(settings)
    found = {one: linter.lint(one, tools) for one in folders_in(where)}
    if not found and folder is not None:
        raise NoSuchSkill(f"{folder} holds no folder with a SKILL.md")
    if as_json:
        rows = [{"name": one.name, "folder": str(one), "findings": _findings(found[one], invocation)} for one in found]
        print_json({"skills": rows, "tools_known": tools is not None})
    else:
        if tools is None:
            warned(
                invocation.say(
                    "连接器打不开，没有核对工具名", "The connectors cannot be opened: tools are not looked at"
                )
            )
        for one, findings in found.items():
            if not findings:
                done(one.name)
            for finding in findings:
                (failed if finding.level == "error" else warned)(f"{one.name}: {finding.says(invocation.language)}")
    if any(finding.level == "error" for findings in found.values() for finding in findings):
        raise typer.Exit(PROBLEM)


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
    ((result, sandbox),) = asyncio.run(_run(invocation.settings(), name, [Example(question)], offline, worker))
    told = {
        "skill": name,
        "question": question,
        "used": any(step.detail == f"skill {name}" for step in result.steps),
        "decision": result.decision,
        "text": result.reply.text if result.reply else "",
        "calls": sandbox,
        "model": result.model,
    }
    if as_json:
        print_json(told)
        return
    say = invocation.say
    print(told["text"] or say("（没有回复）", "(no reply)"))
    used = (
        say("用了这个技能", "the skill was used") if told["used"] else say("没有用到这个技能", "the skill was not used")
    )
    print(f"\n{used} · {result.decision}")
    for call in sandbox:
        print(f"  {call['tool']} {call['arguments']}")
        if (request := call["request"]) is not None:
            not_sent = say("没有发送", "not sent")
            print(f"    {not_sent}: {request['method']} {request['address']}")
            if request["body"]:
                print(f"    {request['body']}")


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
    outcomes = [_outcome(example, result) for example, (result, _) in zip(examples, ran, strict=True)]
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
    settings: "Settings", name: str, examples: "list[Example] | tuple[Example, ...]", offline: bool, worker: str | None
) -> "list[tuple[TurnResult, list[dict[str, Any]]]]":
    """Return what became of each question, with the calls of its trial."""
    from ai_worker.cli import opening
    from ai_worker.cli.asking import Questioner
    from ai_worker.connectors.registry import ConnectorHub
    from ai_worker.skills.shelf import SkillShelf
    from ai_worker.skills.trial import OnlyThis, Sandbox

    staff = settings.staff()
    answers = (staff.named(worker) if worker else staff.default).name
    skill = SkillShelf(settings.skills_folder).get(name)
    made: list[Sandbox] = []

    def around(hub: ConnectorHub) -> "Sandbox":
        made.append(Sandbox(hub, preview=lambda tool, given: asdict(hub.preview(tool, given)), offline=offline))
        return made[0]

    ran = []
    async with opening.turns(settings, around=around, skills=OnlyThis(skill)) as engine:
        for example in examples:
            made[0].begin(example.results)
            _, result = await Questioner(engine, answers).ask(example.question)
            ran.append((result, [asdict(one) for one in made[0].tried]))
    return ran


def _outcome(example: "Example", result: "TurnResult") -> dict[str, Any]:
    from ai_worker.skills.trial import misses

    text, called = result.reply.text if result.reply else "", [use.name for use in result.tools]
    missed = misses(example, decision=result.decision, text=text, called=called)
    told = {"question": example.question, "missed": missed, "decision": result.decision}
    return told | {"tools": called, "text": text}


def _tools(settings: "Settings") -> "list[Tool] | None":
    """Return the tools that the connectors have; `None` where they cannot be opened."""
    from ai_worker.cli import opening
    from ai_worker.connectors.contract import ConnectorRefused

    try:
        return opening.connectors(settings).tools()
    except ConnectorRefused:
        return None


def _warn_without_model(invocation: Invocation) -> None:
    from ai_worker.cli.output import warned

    if invocation.settings().model is None:
        warned(
            invocation.say(
                "没有配置大模型：技能不起作用，只有知识和连接器的业务问题会被回答",
                "No model is configured: skills have no effect, only knowledge and the connectors' verbs answer",
            )
        )


def _findings(found: "list[Finding]", invocation: Invocation) -> list[dict[str, str]]:
    return [{"level": f.level, "fault": f.fault, "message": f.says(invocation.language)} for f in found]


def _described(skill: "Skill") -> dict[str, Any]:
    return {
        "name": skill.name,
        "title": skill.title,
        "description": skill.description,
        "allowed_tools": list(skill.allowed_tools),
        "examples": len(skill.examples),
    }
