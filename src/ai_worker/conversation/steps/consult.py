"""Act with a model: ask it, call the tools that it wants, ask again; within limits."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ai_worker.conversation.model import ChatMessage, ChatModel, Completion, ModelFailed, ToolCall, ToolSchema
from ai_worker.conversation.steps.call import call
from ai_worker.conversation.steps.live import Heard
from ai_worker.conversation.trace import Trace
from ai_worker.conversation.turn import ToolUse
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.skills.tool import Toolbox

MODEL_S = 60.0
"""Seconds for all calls of one turn together."""

TOOL_CALLS = 8
MAX_TOKENS = 2_048
RESULT_CHARACTERS = 8_000
"""How much of a tool's result the model is shown."""

REPAIRS = 1
"""Times that a model may try again after calling a tool that does not exist or that it cannot spell."""


class ModelMisbehaved(AiWorkerError):
    """The model works but does not come to an answer: endless or broken tool calls."""

    code = "model.misbehaved"
    hint = "Try another model, or fewer tools: [workers.NAME] connectors."


@dataclass(frozen=True, slots=True)
class Consulted:
    """A model's answer, as it wrote it."""

    text: str
    model: str
    truncated: bool
    tokens: int
    uses: tuple[ToolUse, ...]
    results: tuple[str, ...]
    """What the tools gave back, as the model saw it."""


class Consultation:
    """One turn's talk with the model."""

    def __init__(self, model: ChatModel, toolbox: Toolbox | None, *, turn_id: str, trace: Trace) -> None:
        self._model = model
        self._toolbox = toolbox
        self._turn_id = turn_id
        self._trace = trace
        self._uses: list[ToolUse] = []
        self._results: list[str] = []
        self._tokens = 0
        self._calls = 0
        self._mistakes = 0

    async def ask(
        self, messages: Sequence[ChatMessage], tools: Sequence[ToolSchema], *, heard: Heard | None
    ) -> Consulted:
        """Return the model's answer.

        Raises:
            ModelFailed: No model answered in time.
            ModelMisbehaved: It kept calling tools, or kept calling them wrongly.
        """
        try:
            async with asyncio.timeout(MODEL_S):
                return await self._talk(list(messages), tools, heard)
        except TimeoutError:
            raise ModelFailed(f"The model came to no answer within {MODEL_S:.0f} s") from None

    @property
    def uses(self) -> tuple[ToolUse, ...]:
        """The tools called so far, also when the consultation failed."""
        return tuple(self._uses)

    @property
    def results(self) -> tuple[str, ...]:
        """What the tools have given back so far, as the model saw it."""
        return tuple(self._results)

    async def _talk(self, talk: list[ChatMessage], tools: Sequence[ToolSchema], heard: Heard | None) -> Consulted:
        ends = self._trace.elapsed_ms() + MODEL_S * 1000
        while True:
            left = max(0.0, ends - self._trace.elapsed_ms()) / 1000
            answer = await self._complete(talk, tools, deadline_s=left, heard=heard)
            if not answer.tool_calls:
                return Consulted(
                    answer.text, answer.model, answer.truncated, self._tokens, self.uses, tuple(self._results)
                )
            if heard is not None:
                heard.again()  # what it said before it called a tool is no answer
            talk.append(ChatMessage("assistant", answer.text, answer.tool_calls))
            for wanted in answer.tool_calls:
                content = await self._result(wanted, tools)
                talk.append(ChatMessage("tool", content, tool_call_id=wanted.id))

    async def _complete(
        self,
        talk: Sequence[ChatMessage],
        tools: Sequence[ToolSchema],
        *,
        deadline_s: float,
        heard: Heard | None,
    ) -> Completion:
        with self._trace.step("model") as note:
            note.detail = "failed"
            answer = await self._model.complete(
                talk, tools=tools, max_tokens=MAX_TOKENS, deadline_s=deadline_s, on_delta=heard
            )
            tokens = (answer.prompt_tokens or 0) + (answer.completion_tokens or 0)
            self._tokens += tokens
            note.detail = f"{answer.model}, {tokens} tokens"
        return answer

    async def _result(self, wanted: ToolCall, tools: Sequence[ToolSchema]) -> str:
        """Call a tool as the model asked, and return what to tell it."""
        self._calls += 1
        if self._calls > TOOL_CALLS:
            raise ModelMisbehaved(f"The model wanted more than {TOOL_CALLS} tool calls")
        arguments = _arguments(wanted)
        if self._toolbox is None or arguments is None or all(tool.name != wanted.name for tool in tools):
            self._mistakes += 1
            if self._mistakes > REPAIRS:
                raise ModelMisbehaved("The model called tools that do not exist, or with broken arguments")
            names = ", ".join(tool.name for tool in tools) or "none"
            return f"error: not called. The arguments must be one JSON object; the tools are: {names}"
        key = f"{self._turn_id}:{self._calls}"
        called = await call(self._toolbox, wanted.name, arguments, key=key, trace=self._trace)
        self._uses.append(called.use)
        if called.failure is not None:
            return f"error: {called.failure}"
        result = json.dumps(called.data, ensure_ascii=False, default=str)[:RESULT_CHARACTERS]
        self._results.append(result)
        return result


def _arguments(wanted: ToolCall) -> dict[str, Any] | None:
    """Return the arguments as an object; `None` if they are anything else."""
    try:
        arguments = json.loads(wanted.arguments or "{}")
    except (ValueError, RecursionError):
        return None
    return arguments if isinstance(arguments, dict) else None
