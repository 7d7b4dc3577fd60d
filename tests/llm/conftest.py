"""A client, a ladder and a prompt for the tests of this floor."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from ai_worker.conversation.model import ChatMessage
from ai_worker.foundation.clock import Clock, SystemClock
from ai_worker.foundation.secret import Secret
from ai_worker.llm.contract import Endpoint, ModelSettings
from ai_worker.llm.ladder import Ladder, build_model
from ai_worker.llm.openai_compatible import OpenAICompatible

PROMPT = [ChatMessage("system", "你是小智。"), ChatMessage("user", "怎么退货？")]


@asynccontextmanager
async def connected(
    base_url: str,
    *,
    max_concurrent: int = 10,
    api_key: str = "",
    first_byte_s: float = 20,
    between_tokens_s: float = 10,
) -> AsyncIterator[OpenAICompatible]:
    endpoint = Endpoint(base_url=base_url, name="qwen3-32b", api_key=Secret(api_key), timeout_s=10)
    model = OpenAICompatible(
        endpoint,
        max_concurrent=max_concurrent,
        clock=SystemClock(),
        first_byte_s=first_byte_s,
        between_tokens_s=between_tokens_s,
    )
    await model.start()
    try:
        yield model
    finally:
        await model.close()


@asynccontextmanager
async def ladder(*base_urls: str, timeout_s: float = 10.0, clock: Clock | None = None) -> AsyncIterator[Ladder]:
    first, *others = [Endpoint(base_url=url, name=f"model-{n}", timeout_s=timeout_s) for n, url in enumerate(base_urls)]
    settings = ModelSettings(**first.model_dump(), fallbacks=tuple(others))
    model = build_model(settings, max_concurrent=10, clock=clock or SystemClock())
    await model.start()
    try:
        yield model
    finally:
        await model.close()


@pytest.fixture
def dead_url(unused_tcp_port_factory: Callable[[], int]) -> str:
    """An address where nobody listens."""
    return f"http://127.0.0.1:{unused_tcp_port_factory()}/v1"
