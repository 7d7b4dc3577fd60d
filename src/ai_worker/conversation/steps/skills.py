"""Skills in a turn: the model is told their names, reads the one that it needs, and keeps to its tools.

A skill is written by the administrator, as the worker's persona is: it may give orders, and whoever has read
it is not tainted. It can only take tools away, never add any.
"""

import json
from collections.abc import Iterator, Sequence

from ai_worker.conversation.model import ChatMessage, ToolCall, ToolSchema
from ai_worker.conversation.phrases import Phrases
from ai_worker.foundation.text import shorten
from ai_worker.skills.skill import Skill, matches
from ai_worker.skills.tool import Tool

USE = "use_skill"

MOST = 20
"""Skills that a model is told of."""

TOLD = 300
"""Characters of a description that it is told."""

BODY = 24_000
"""Characters of a body that it reads: a good deal more than the format recommends."""

ALLOWED = 40
"""Tools that a skill is said to allow, at most."""


def told(skills: Sequence[Skill], words: Phrases) -> str:
    """Return what a model is told of skills at first: what they are for. Empty where there are none."""
    if not skills:
        return ""
    lines = [f"- {skill.name}: {shorten(skill.description, TOLD)}" for skill in skills[:MOST]]
    return "\n".join([str(words.ask_model["skills"]).format(use=USE), *lines])


class Practice:
    """The skills of one turn: those that its model may use, and those that it does."""

    def __init__(self, skills: Sequence[Skill] = (), said: Sequence[ChatMessage] = ()) -> None:
        """Prepare.

        Args:
            skills: Those that the worker has.
            said: What was said in an earlier run of the turn: skills in use there stay in use.
        """
        self._skills = {skill.name: skill for skill in skills[:MOST]}
        self._used: dict[str, Skill] = {}
        self.places = frozenset(place for place, wanted in _answered(said) if self._use(wanted) is not None)
        """Where in `said` a skill stands, which the administrator has written."""

    def opened(self, wanted: ToolCall, tools: Sequence[Tool]) -> str | None:
        """Return the skill that is wanted, with the tools that are left; `None`: it is none that there is."""
        skill = self._use(wanted)
        if skill is None:
            return None
        told = {"skill": skill.name, "instructions": skill.body[:BODY]}
        if skill.allowed_tools:
            told["tools"] = ", ".join([tool.name for tool in self.left(tools)][:ALLOWED]) or "none"
        return json.dumps(told, ensure_ascii=False)

    def left(self, tools: Sequence[Tool]) -> list[Tool]:
        """Return the tools that may still be used: those that the skills in use name, if they name any."""
        return [tool for tool in tools if self.allows(tool.name)]

    def allows(self, name: str) -> bool:
        """Return whether the skills in use leave the tool of this name."""
        patterns = [pattern for skill in self._used.values() for pattern in skill.allowed_tools]
        return not patterns or matches(name, patterns)

    @property
    def latest(self) -> str:
        """The skill that was opened last, as a step's detail: `skill refund`."""
        return f"skill {list(self._used)[-1]}" if self._used else ""

    def schemas(self) -> list[ToolSchema]:
        """Return the tool that opens a skill; nothing where there is none."""
        if not self._skills:
            return []
        about = "Read how a matter is to be dealt with, before dealing with it."
        names = {"type": "string", "enum": list(self._skills)}
        return [ToolSchema(USE, about, {"type": "object", "properties": {"name": names}, "required": ["name"]})]

    def _use(self, wanted: ToolCall) -> Skill | None:
        if wanted.name != USE:
            return None
        try:
            given = json.loads(wanted.arguments or "{}")
        except (ValueError, RecursionError):
            return None
        name = given.get("name") if isinstance(given, dict) else None
        skill = self._skills.get(name) if isinstance(name, str) else None
        if skill is not None:
            self._used.pop(skill.name, None)
            self._used[skill.name] = skill
        return skill


def _answered(said: Sequence[ChatMessage]) -> Iterator[tuple[int, ToolCall]]:
    """Yield each call that was answered, with the place of its answer.

    By the order of things: there are servers that give every call the same id.
    """
    wanted: list[ToolCall] = []
    for place, message in enumerate(said):
        if message.role == "assistant":
            wanted = list(message.tool_calls)
        elif message.role == "tool" and wanted:
            yield place, wanted.pop(0)
