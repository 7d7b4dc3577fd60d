"""Call one tool, once, and keep what came of it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ai_worker.conversation.progress import ToolUse
from ai_worker.conversation.trace import Trace
from ai_worker.skills.tool import Asker, Tool, Toolbox, ToolFailed, ToolUnsure

TOOL_S = 15.0
"""Seconds that one tool may take."""


@dataclass(frozen=True, slots=True)
class Called:
    """One call, done."""

    use: ToolUse
    data: Any
    """JSON value; `None` when it failed."""

    failure: ToolFailed | None


async def call(
    toolbox: Toolbox,
    tool: Tool,
    arguments: Mapping[str, Any],
    *,
    key: str,
    trace: Trace,
    asker: Asker | None = None,
) -> Called:
    """Call a tool.

    Args:
        toolbox: Where the tool is.
        tool: Which one.
        arguments: What it is called with.
        key: The same for the same step of the same turn, so that a repeat is recognised.
        trace: Records the call as a step.
        asker: For whom.
    """
    name, began = tool.name, trace.elapsed_ms()
    data, source, failure = None, "", None
    with trace.step("tool") as note:
        try:
            async with asyncio.timeout(TOOL_S):
                result = await toolbox.call(name, arguments, idempotency_key=key, asker=asker)
            data, source = result.data, result.source
        except ToolFailed as failed:
            failure = failed
        except TimeoutError:
            late = f"{name} did not answer within {TOOL_S:.0f} s"
            failure = ToolUnsure(late) if tool.acts else ToolFailed(late)
        note.detail = f"{name}, {failure.code}" if failure else name
    ms = round(trace.elapsed_ms() - began, 3)
    use = ToolUse(name, dict(arguments), failure is None, str(failure) if failure else source, ms)
    return Called(use, data, failure)
