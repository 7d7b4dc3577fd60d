"""`ai-worker skills`: which skills there are, who has them, and what is wrong with them."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli import skills_trial
from ai_worker.cli.invocation import Invocation, Json, both

if TYPE_CHECKING:
    from ai_worker.settings import Settings
    from ai_worker.skills.lint import Finding
    from ai_worker.skills.skill import Skill
    from ai_worker.skills.tool import Tool


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = typer.Typer(
        no_args_is_help=True, help=both("技能：一类事情怎么办", "Skills: how a matter is dealt with")
    )
    commands.command("list", help=both("列出技能", "List the skills"))(list_skills)
    commands.command("lint", help=both("检查技能写得对不对", "Look for what is wrong with skills"))(lint)
    commands.command("enable", help=both("启用一个技能", "Switch a skill on"))(enable)
    commands.command("disable", help=both("停用一个技能，文件还在", "Switch a skill off; its files stay"))(disable)
    skills_trial.register(commands)
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
    having = {
        one.name: [worker.name for worker in workers if one.enabled and shelf_has(worker.skills, one.name)]
        for one in shelf.all
    }
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
            *(
                one.name,
                one.title,
                ", ".join(having[one.name]) or ("–" if one.enabled else say("停用", "off")),
                " ".join(one.allowed_tools) or everything,
            ),
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


def enable(context: typer.Context, name: skills_trial.Name, as_json: Json = False) -> None:
    """Switch a skill on for the workers that the settings give it to."""
    _switch(context, name, on=True, as_json=as_json)


def disable(context: typer.Context, name: skills_trial.Name, as_json: Json = False) -> None:
    """Switch a skill off for all workers; a running service sees it within seconds."""
    _switch(context, name, on=False, as_json=as_json)


def _switch(context: typer.Context, name: str, *, on: bool, as_json: bool) -> None:
    from ai_worker.cli.output import done, print_json
    from ai_worker.skills.shelf import SkillShelf

    invocation = Invocation.of(context)
    SkillShelf(invocation.settings().skills_folder).switch(name, on=on)
    if as_json:
        print_json({"skill": name, "enabled": on})
    elif on:
        done(invocation.say(f"{name} 已启用", f"{name} is switched on"))
    else:
        done(invocation.say(f"{name} 已停用，文件还在", f"{name} is switched off; its files stay"))


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


def _tools(settings: "Settings") -> "list[Tool] | None":
    """Return the tools that the connectors have; `None` where they cannot be opened."""
    from ai_worker.cli import opening
    from ai_worker.connectors.contract import ConnectorRefused

    try:
        return opening.connectors(settings).tools()
    except ConnectorRefused:
        return None


def _findings(found: "list[Finding]", invocation: Invocation) -> list[dict[str, str]]:
    return [{"level": f.level, "fault": f.fault, "message": f.says(invocation.language)} for f in found]


def _described(skill: "Skill") -> dict[str, Any]:
    return {
        "name": skill.name,
        "title": skill.title,
        "description": skill.description,
        "allowed_tools": list(skill.allowed_tools),
        "examples": len(skill.examples),
        "enabled": skill.enabled,
    }
