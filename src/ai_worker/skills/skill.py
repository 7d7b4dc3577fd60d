"""A skill: how one matter is dealt with, in an administrator's words, and which tools that takes.

The format is the open Agent Skills one: a folder with a `SKILL.md`, whose front matter says what the skill is
called and when it is used, and whose body is what the model is told once it uses it. Nothing in the folder is
ever run: a skill is words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol

from ai_worker.foundation.errors import Misconfigured, NotFound


class SkillRefused(Misconfigured):
    """A skill's files are not as they must be; the others work without it."""

    code = "skill.bad"
    hint = "ai-worker skills lint"


class NoSuchSkill(NotFound):
    """There is no skill with this name."""

    code = "skill.not_found"
    hint = "ai-worker skills list"


class SkillNotSwitched(Misconfigured):
    """A skill's folder cannot be written, so that it stays as it is."""

    code = "skill.not_switched"
    hint = "Give the user that runs this the right to write the skill's folder, or change `skills` in [workers]."


@dataclass(frozen=True, slots=True)
class Example:
    """A question to a skill, and how it is to be dealt with. What is left empty is not looked at."""

    question: str
    decision: str = ""
    """`answer`, `clarify` or `handoff`."""

    tools: tuple[str, ...] = ()
    """Patterns, each of which one of the called tools must match."""

    words: tuple[str, ...] = ()
    """What the reply must contain, all of it."""

    never: tuple[str, ...] = ()
    """What the reply must not contain: a promise, for one."""

    results: Mapping[str, Any] = field(default_factory=dict)
    """By tool, what it gives in a trial that calls nobody."""


@dataclass(frozen=True, slots=True)
class Skill:
    """One matter that a worker knows how to deal with."""

    name: str
    """1–64 lower case letters, digits and single hyphens; the folder is called the same."""

    description: str
    """What it does and when it is used, for the model to choose by."""

    body: str
    """What the model is told once it uses the skill. Markdown."""

    allowed_tools: tuple[str, ...] = ()
    """Patterns over the names of tools, `erp.get_*`; empty: it limits none."""

    title: str = ""
    """What people read: `退款`; `metadata.title` of the front matter, else the name."""

    license: str = ""
    compatibility: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    unread: tuple[str, ...] = ()
    """Files of its folder that nobody reads or runs: scripts, references, pictures."""

    enabled: bool = True
    """Whether the workers that the settings give it to have it; one that is switched off can still be tried out."""

    def allows(self, tool: str) -> bool:
        """Return whether the skill may use the tool of this name."""
        return not self.allowed_tools or matches(tool, self.allowed_tools)


class Skills(Protocol):
    """Where the skills are."""

    def of(self, names: Sequence[str]) -> Sequence[Skill]:
        """Return the skills with these names, `*` being all, by name. Names that nobody has are passed over."""
        ...


def matches(tool: str, patterns: Sequence[str]) -> bool:
    """Return whether a tool's name fits one of the patterns; `*` stands for any characters."""
    return any(fnmatchcase(tool, pattern) for pattern in patterns)


def chosen(skills: Sequence[Skill], names: Sequence[str]) -> list[Skill]:
    """Return those of the skills that `names` selects; `*` selects all."""
    return [skill for skill in skills if "*" in names or skill.name in names]
