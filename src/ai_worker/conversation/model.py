"""The port through which a turn asks a language model. The `llm` floor implements it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from ai_worker.foundation.errors import AiWorkerError

OnDelta = Callable[[str], None]
"""Hears each new piece of the answer as it is written."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that the model wants called."""

    id: str
    name: str
    arguments: str
    """JSON as the model wrote it; it may be malformed."""


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of the prompt, in the shape of the OpenAI chat API."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolSchema:
    """A tool as the model is told of it."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of an object."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One whole answer of a model: words, or tool calls."""

    text: str
    model: str
    tool_calls: tuple[ToolCall, ...] = ()
    prompt_tokens: int | None = None
    """`None` when the server did not count."""

    completion_tokens: int | None = None
    first_token_ms: float | None = None
    """Milliseconds to the first piece of the answer; `None` when it was not streamed."""

    truncated: bool = False
    """The longest allowed answer was reached: the last sentence may be cut off."""


class ModelFailed(AiWorkerError):
    """No configured model gave a usable answer.

    Partial text is never in it: half an answer is no answer.
    """

    code = "model.failed"
    retryable = True
    hint = "See [model] in the settings; GET /readyz tells whether every model is down."


class ChatModel(Protocol):
    """A language model behind a list of fallbacks; one call is one completion."""

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        tools: Sequence[ToolSchema] = (),
        max_tokens: int | None = None,
        deadline_s: float | None = None,
        on_delta: OnDelta | None = None,
    ) -> Completion:
        """Return the answer to `messages`.

        Args:
            messages: The whole prompt.
            tools: What the model may ask to be called.
            max_tokens: The longest answer wanted; `None` leaves it to the server.
            deadline_s: Seconds for the whole call, all fallbacks included; `None` means the setting.
            on_delta: Hears the text as it comes; the call is streamed if given. What was heard is
                void if the call then fails.

        Raises:
            ModelFailed: Every model failed, timed out, or is known to be down.
        """
        ...

    @property
    def healthy(self) -> bool:
        """Whether a call is likely to work: some model's circuit is closed."""
        ...
