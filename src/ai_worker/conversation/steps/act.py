"""Act: call a tool that changes something, so that it acts once however often the turn is run."""

import json
from collections.abc import Mapping
from typing import Any

from ai_worker.conversation.progress import Act
from ai_worker.conversation.steps.call import Called, call
from ai_worker.conversation.trace import Trace
from ai_worker.foundation.ids import derived_id
from ai_worker.skills.tool import Asker, Tool, Toolbox, ToolUnsure


def intent(turn_id: str, number: int, tool: Tool, arguments: Mapping[str, Any]) -> Act:
    """Return the act that a turn is about to do.

    Its key is the same for the same call of the same turn, and another one for other arguments: a
    system that honours keys can neither act twice nor take one act for another.
    """
    written = json.dumps(arguments, sort_keys=True, ensure_ascii=False, default=str)
    return Act(number, derived_id("act", turn_id, str(number), tool.name, written), tool.name, dict(arguments))


async def perform(toolbox: Toolbox, tool: Tool, act: Act, *, trace: Trace, asker: Asker | None = None) -> Called:
    """Do it; ask once more, under the same key, if nobody knows what came of it and the system honours keys.

    Raises:
        ToolUnsure: Nobody knows whether it was done.
    """
    called = await call(toolbox, tool, act.arguments, key=act.key, trace=trace, asker=asker)
    if isinstance(called.failure, ToolUnsure) and tool.idempotent:
        called = await call(toolbox, tool, act.arguments, key=act.key, trace=trace, asker=asker)
    if isinstance(called.failure, ToolUnsure):
        raise called.failure
    return called
