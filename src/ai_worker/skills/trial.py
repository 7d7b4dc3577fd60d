"""Trying a skill out: tools that act show what they would send, and send nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ai_worker.skills.skill import Example, Skill, chosen, matches
from ai_worker.skills.tool import Asker, Tool, Toolbox, ToolFailed, ToolResult

Preview = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
"""Returns the request that a call would send, for people to look at; raises ToolFailed."""

DRY = "dry run: nothing was sent"


class NotInATrial(ToolFailed):
    """The trial calls nobody, and its example does not say what this tool would give."""

    code = "skill.offline"
    hint = "Try it without --offline, or add results to the skill's examples.toml."


@dataclass(frozen=True, slots=True)
class Tried:
    """One call of a trial."""

    tool: str
    arguments: Mapping[str, Any]
    request: Mapping[str, Any] | None
    """What would have been sent, of a call that was not made; `None` of one that was, or that an example
    gave the result of."""


class Sandbox:
    """A toolbox in which nothing can be changed. What only reads is read, unless the trial is offline."""

    def __init__(self, toolbox: Toolbox, *, preview: Preview, offline: bool = False) -> None:
        self._toolbox = toolbox
        self._preview = preview
        self._offline = offline
        self._results: Mapping[str, Any] = {}
        self.tried: list[Tried] = []

    def begin(self, results: Mapping[str, Any]) -> None:
        """Begin another trial: `results` is what tools give without being called."""
        self._results = results
        self.tried = []

    def tools(self, connectors: Sequence[str] = ("*",), *, asker: Asker | None = None) -> list[Tool]:
        """Return the tools; those that act may be called like the others, because here they do not."""
        return [replace(tool, risk="read") for tool in self._toolbox.tools(connectors, asker=asker)]

    def check(self, name: str, arguments: Mapping[str, Any], *, asker: Asker | None = None) -> None:
        """Raise if a tool could not be called so; see `Toolbox`."""
        self._toolbox.check(name, arguments, asker=asker)

    async def call(
        self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str, asker: Asker | None = None
    ) -> ToolResult:
        """Call a tool that reads; show the request of one that acts.

        Raises:
            NotInATrial: The trial is offline.
            ToolFailed: As the tool itself says.
        """
        if name in self._results:
            self.tried.append(Tried(name, dict(arguments), None))
            return ToolResult(self._results[name], "example")
        acts = any(tool.name == name and tool.acts for tool in self._toolbox.tools())
        if acts or self._offline:
            request = self._preview(name, arguments)
            self.tried.append(Tried(name, dict(arguments), request))
            if not acts:
                raise NotInATrial(f"{name} is not called in a trial that is offline")
            return ToolResult({"result": DRY}, DRY)
        self.tried.append(Tried(name, dict(arguments), None))
        return await self._toolbox.call(name, arguments, idempotency_key=idempotency_key, asker=asker)


class OnlyThis:
    """Skills for a trial: one, whoever asks."""

    def __init__(self, skill: Skill) -> None:
        self._skill = skill

    def of(self, names: Sequence[str]) -> Sequence[Skill]:
        """Return the skill."""
        return chosen([self._skill], ("*",))


def misses(example: Example, *, decision: str, text: str, called: Sequence[str]) -> list[str]:
    """Return what an example wanted and did not get; nothing if it passes.

    Args:
        example: What was asked.
        decision: What the turn decided.
        text: Its reply.
        called: The tools that it called.
    """
    missed = []
    if example.decision and decision != example.decision:
        missed.append(f"decision: {decision}, not {example.decision}")
    missed += [f"tool: {one}" for one in example.tools if not any(matches(name, [one]) for name in called)]
    missed += [f"words: {one}" for one in example.words if one not in text]
    missed += [f"never: {one}" for one in example.never if one in text]
    return missed
