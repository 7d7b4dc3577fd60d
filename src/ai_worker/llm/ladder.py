"""The models of this installation, tried from the first to the last."""

import asyncio
from collections.abc import Sequence

import structlog

from ai_worker.conversation.model import ChatMessage, Completion, ModelFailed, OnDelta, ToolSchema
from ai_worker.foundation.clock import Clock
from ai_worker.llm.circuit import Circuit
from ai_worker.llm.contract import CallFailed, ModelSettings
from ai_worker.llm.openai_compatible import OpenAICompatible

log = structlog.get_logger(__name__)

FIRST_SHARE = 2 / 3
"""Of the time that is left, what a model may use while another one stands behind it."""


class Ladder:
    """A `ChatModel` over a primary model and its fallbacks, each behind a circuit breaker.

    Text that a failed model had begun to stream cannot be taken back. So once something was heard,
    the next model answers without streaming, and the whole answer stands for itself.
    """

    def __init__(self, models: Sequence[OpenAICompatible], *, timeout_s: float, clock: Clock) -> None:
        """Put the models in order.

        Args:
            models: The primary model first.
            timeout_s: Seconds for one call, all models included, where the caller names none.
            clock: Drives the circuit breakers.
        """
        self._rungs = [(model, Circuit(clock)) for model in models]
        self._timeout_s = timeout_s

    async def start(self) -> None:
        """Open the connection pools; connects to nobody."""
        for model, _ in self._rungs:
            await model.start()

    async def close(self) -> None:
        """Close the connection pools; calls in flight fail."""
        for model, _ in self._rungs:
            await model.close()

    @property
    def healthy(self) -> bool:
        """Whether some model's circuit is closed."""
        return any(circuit.closed for _, circuit in self._rungs)

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        tools: Sequence[ToolSchema] = (),
        max_tokens: int | None = None,
        deadline_s: float | None = None,
        on_delta: OnDelta | None = None,
    ) -> Completion:
        """Return the first usable answer; see `ChatModel.complete`.

        Raises:
            ModelFailed: Every model failed, timed out, or is known to be down.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + (deadline_s if deadline_s is not None else self._timeout_s)
        hear = on_delta and _Hearing(on_delta)
        failures: list[str] = []
        for number, (model, circuit) in enumerate(self._rungs, start=1):
            left = ends - loop.time()
            if left <= 0 or not circuit.admit():
                failures.append(f"{model.endpoint.place} is known to be down" if left > 0 else "no time was left")
                continue
            share = left if number == len(self._rungs) else left * FIRST_SHARE
            try:
                answer = await model.complete(
                    messages, tools=tools, max_tokens=max_tokens, deadline_s=share, on_delta=_unless_heard(hear)
                )
            except CallFailed as failed:
                _count(circuit, failed, model)
                failures.append(str(failed))
            else:
                circuit.succeeded()
                return answer
        raise ModelFailed("; ".join(failures))


class _Hearing:
    """Passes text on and remembers that there was some."""

    def __init__(self, on_delta: OnDelta) -> None:
        self._on_delta = on_delta
        self.heard = False

    def __call__(self, text: str) -> None:
        self.heard = True
        self._on_delta(text)


def _unless_heard(hear: _Hearing | None) -> OnDelta | None:
    return None if hear is None or hear.heard else hear


def _count(circuit: Circuit, failed: CallFailed, model: OpenAICompatible) -> None:
    if failed.blameless:
        return
    was_closed = circuit.closed
    circuit.failed(connection=failed.connection)
    if was_closed and not circuit.closed:
        log.warning("model.circuit_opened", model=model.endpoint.place, reason=str(failed))


def build_model(settings: ModelSettings, *, max_concurrent: int, clock: Clock) -> Ladder:
    """Return the ladder that `[model]` describes; nothing is connected before its `start`.

    Args:
        settings: The `[model]` section.
        max_concurrent: The top-level setting, used where an endpoint names none of its own.
        clock: The clock of this process.
    """
    models = [OpenAICompatible(endpoint, max_concurrent=max_concurrent, clock=clock) for endpoint in settings.endpoints]
    return Ladder(models, timeout_s=settings.timeout_s, clock=clock)
