"""What is wrong with a skill, or could be better: looked at before it is used."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ai_worker.skills.reading import read_skill, unknown_fields
from ai_worker.skills.skill import Skill, SkillRefused, matches
from ai_worker.skills.tool import Tool

BODY_TOKENS = 5_000
"""From which on a body costs more than it helps, as the format recommends."""

SHORT = 20
"""Characters of a description below which a model can hardly choose by it."""

Level = Literal["error", "warning"]

Fault = Literal[
    "refused", "unknown_fields", "no_body", "long_body", "short_description", "unknown_tools", "acts", "never_run",
    "no_examples", "example_tools",
]  # fmt: skip
"""What can be found; people are told in their own language, see `SAYS`."""

SAYS: Mapping[Fault, tuple[str, str]] = {
    "refused": ("不能用：{detail}", "cannot be used: {detail}"),
    "unknown_fields": ("头部里有格式没有的字段：{detail}", "the front matter has fields of no meaning: {detail}"),
    "no_body": ("没有正文，用了也没有说明", "there is no body: it says nothing once it is used"),
    "long_body": (
        "正文约 {detail} 个 token，超过 5000；删短，或拆成两个技能",
        "the body has about {detail} tokens, more than 5,000; cut it, or make two skills of it",
    ),
    "short_description": (
        "description 太短，模型看不出什么时候该用它",
        "the description is too short for a model to choose by",
    ),
    "unknown_tools": ("没有哪个工具叫 {detail}", "no tool is called {detail}"),
    "acts": ("允许的工具里有会改动数据的：{detail}", "it allows tools that change something: {detail}"),
    "never_run": ("这些文件不会被读取或运行：{detail}", "these files are never read or run: {detail}"),
    "no_examples": ("没有示例（examples.toml），没法评分", "there are no examples (examples.toml): it has no score"),
    "example_tools": (
        "示例要用的工具不在允许的工具里：{detail}",
        "an example wants a tool that the skill does not allow: {detail}",
    ),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should look at."""

    level: Level
    fault: Fault
    detail: str = ""

    def says(self, language: str) -> str:
        """Return it in words; `zh-CN`, else English."""
        chinese, english = SAYS[self.fault]
        return (chinese if language == "zh-CN" else english).format(detail=self.detail)


def lint(folder: Path, tools: Sequence[Tool] | None) -> list[Finding]:
    """Return what is wrong with the skill in a folder, the worst first.

    Args:
        folder: The skill's own.
        tools: All that the connectors have; `None` where nobody knows: then tools are not looked at.
    """
    try:
        skill = read_skill(folder)
        strange = unknown_fields(folder)
    except SkillRefused as error:
        return [Finding("error", "refused", str(error))]
    found = [Finding("warning", "unknown_fields", ", ".join(strange))] if strange else []
    return [*found, *of_skill(skill, tools)]


def of_skill(skill: Skill, tools: Sequence[Tool] | None) -> list[Finding]:
    """Return what could be better about a skill that can be used."""
    found: list[Finding] = []
    if not skill.body:
        found.append(Finding("warning", "no_body"))
    if (count := tokens(skill.body)) > BODY_TOKENS:
        found.append(Finding("warning", "long_body", f"{count:,}"))
    if len(skill.description) < SHORT:
        found.append(Finding("warning", "short_description"))
    if tools is not None:
        found += _of_tools(skill, tools)
    outside = sorted({name for one in skill.examples for name in one.tools if not skill.allows(name)})
    if outside:
        found.append(Finding("warning", "example_tools", ", ".join(outside)))
    if skill.unread:
        found.append(Finding("warning", "never_run", ", ".join(skill.unread[:5])))
    if not skill.examples:
        found.append(Finding("warning", "no_examples"))
    return found


def _of_tools(skill: Skill, tools: Sequence[Tool]) -> list[Finding]:
    found: list[Finding] = []
    missing = [one for one in skill.allowed_tools if not any(matches(tool.name, [one]) for tool in tools)]
    if missing:
        found.append(Finding("warning", "unknown_tools", ", ".join(missing)))
    acts = [tool.name for tool in tools if tool.acts and skill.allowed_tools and skill.allows(tool.name)]
    if acts:
        found.append(Finding("warning", "acts", ", ".join(acts[:5])))
    return found


_HAN = re.compile(r"[\u3400-\u9fff\u3000-\u303f\uff00-\uffef]")


def tokens(text: str) -> int:
    """Return about how many tokens a text has: one for a Chinese character, one for four others."""
    han = len(_HAN.findall(text))
    return han + (len(text) - han + 3) // 4
