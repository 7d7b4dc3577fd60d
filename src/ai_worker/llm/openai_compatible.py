"""A thin client for one OpenAI-compatible chat endpoint: plain and streamed, with tools.

Thin on purpose: a turn has 4 ms of CPU in all, and the vendors' own clients take 3 to 6 of them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime

import aiohttp
import structlog
from yarl import URL

from ai_worker.conversation.model import ChatMessage, Completion, OnDelta, ToolSchema
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.retry import backoff
from ai_worker.llm.contract import CallFailed, Endpoint
from ai_worker.llm.stream import AnswerStream
from ai_worker.llm.wire import FILTERED, MALFORMED, merged, names_back, read_answer, request_body

log = structlog.get_logger(__name__)

CONNECT_S = 1.5
FIRST_BYTE_S = 20.0
"""Seconds to a stream's first event; comments that keep a connection open do not count."""

BETWEEN_TOKENS_S = 10.0
ATTEMPTS = 3
"""Tries of one call on one endpoint, the first included."""

PATIENCE_S = 5.0
"""A server that asks to be left alone for longer is left to later turns, and another model is asked."""

MAX_BYTES = 8_000_000
"""The largest answer that is read."""

OURS_TO_BLAME = frozenset({400, 413, 414, 415, 422})
"""The request was bad: the server is well, and repeating it is useless."""


class RetryBudget:
    """Keeps retries below a tenth of the calls, so that they never pile onto a server in trouble."""

    def __init__(self, *, share: float = 0.1, cap: float = 10.0) -> None:
        self._share = share
        self._cap = cap
        self._left = cap

    def earn(self) -> None:
        """Count a first attempt."""
        self._left = min(self._cap, self._left + self._share)

    def spend(self) -> bool:
        """Take one retry; return whether there was one left."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class OpenAICompatible:
    """One model behind `POST {base_url}/chat/completions`."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        max_concurrent: int,
        clock: Clock,
        first_byte_s: float = FIRST_BYTE_S,
        between_tokens_s: float = BETWEEN_TOKENS_S,
    ) -> None:
        """Make the client; nothing is connected before `start`.

        Args:
            endpoint: Where the model is.
            max_concurrent: Calls in flight where the endpoint does not say; further ones wait.
            clock: Tells the time for a `Retry-After` that is a date.
            first_byte_s: Seconds that a stream may take to begin.
            between_tokens_s: Seconds that it may then pause.
        """
        self.endpoint = endpoint
        self._limit = endpoint.max_concurrent or max_concurrent
        self._clock = clock
        self._first_byte_s = first_byte_s
        self._between_tokens_s = between_tokens_s
        self._url = URL(endpoint.base_url) / "chat" / "completions"
        self._slots = asyncio.Semaphore(self._limit)
        self._budget = RetryBudget()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the connection pool; connects to nobody."""
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "ai-worker"}
        if key := self.endpoint.api_key.reveal():
            headers["Authorization"] = f"Bearer {key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._limit, limit_per_host=0),
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
        )

    async def close(self) -> None:
        """Close the connection pool; calls in flight fail."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def complete(
        self,
        messages: Sequence[ChatMessage],
        *,
        tools: Sequence[ToolSchema] = (),
        max_tokens: int | None = None,
        deadline_s: float | None = None,
        on_delta: OnDelta | None = None,
    ) -> Completion:
        """Return the answer to `messages`; see `ChatModel.complete`.

        Raises:
            CallFailed: This endpoint gave no usable answer in time.
        """
        body = request_body(
            self.endpoint.name, messages, tools=tools, max_tokens=max_tokens, stream=on_delta is not None
        )
        seconds = min(self.endpoint.timeout_s, deadline_s if deadline_s is not None else self.endpoint.timeout_s)
        ends = asyncio.get_running_loop().time() + seconds
        has_slot = False
        try:
            async with asyncio.timeout_at(ends), self._slots:
                has_slot = True
                return await self._persist(body, names_back(tools), on_delta, ends=ends)
        except TimeoutError:
            detail = f"{self.endpoint.place} did not answer within {seconds:.1f} s"
            raise CallFailed(detail, blameless=not has_slot) from None

    async def _persist(
        self, body: bytes, back: Mapping[str, str], on_delta: OnDelta | None, *, ends: float
    ) -> Completion:
        """Call, and call again where that can help and the time and the budget allow it."""
        self._budget.earn()
        for attempt in range(1, ATTEMPTS):
            try:
                return await self._once(body, back, on_delta)
            except CallFailed as failed:
                wait = max(failed.retry_after or 0.0, 0.0) + backoff(attempt, base=0.3, cap=PATIENCE_S)
                left = ends - asyncio.get_running_loop().time()
                hopeless = not failed.again or wait > left or (failed.retry_after or 0.0) > PATIENCE_S
                if hopeless or not self._budget.spend():
                    raise
                log.info("model.retry", model=self.endpoint.place, attempt=attempt, reason=str(failed))
                await asyncio.sleep(wait)
        return await self._once(body, back, on_delta)

    async def _once(self, body: bytes, back: Mapping[str, str], on_delta: OnDelta | None) -> Completion:
        """Call once, with the timers of a stream if it is one."""
        place = self.endpoint.place
        try:
            async with asyncio.timeout(self._first_byte_s if on_delta else None) as watchdog:
                return await self._call(body, back, on_delta, watchdog)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise CallFailed(f"{place} cannot be reached", connection=True) from None
        except aiohttp.ClientConnectionError:  # as when a kept connection had been closed meanwhile
            raise CallFailed(f"{place} closed the connection", connection=True, again=True) from None
        except aiohttp.ClientError:
            raise CallFailed(f"{place} broke its answer off", again=True) from None
        except TimeoutError:
            raise CallFailed(f"{place} stopped in the middle of its answer") from None

    async def _call(
        self, body: bytes, back: Mapping[str, str], on_delta: OnDelta | None, watchdog: asyncio.Timeout
    ) -> Completion:
        if self._session is None:
            raise CallFailed(f"{self.endpoint.place} was asked before its client was started", blameless=True)
        began = self._clock.monotonic()
        async with self._session.post(self._url, data=body, allow_redirects=False) as response:
            if response.status != 200:
                raise self._refusal(response)
            if on_delta is None or response.content_type == "application/json":
                return self._plain(await self._whole(response), back, on_delta)
            return await self._streamed(
                response, back, AnswerStream(self.endpoint.place, on_delta=on_delta), watchdog, began
            )

    async def _streamed(
        self,
        response: aiohttp.ClientResponse,
        back: Mapping[str, str],
        stream: AnswerStream,
        watchdog: asyncio.Timeout,
        began: float,
    ) -> Completion:
        loop = asyncio.get_running_loop()
        first: float | None = None
        size = 0
        try:
            async for piece in response.content.iter_any():
                size += len(piece)
                if size > MAX_BYTES:
                    raise CallFailed(f"{self.endpoint.place} sent more than {MAX_BYTES} bytes")
                if stream.feed(piece):
                    watchdog.reschedule(loop.time() + self._between_tokens_s)
                if first is None and stream.heard:
                    first = (self._clock.monotonic() - began) * 1000
                if stream.done:
                    break
        except aiohttp.ClientError:
            raise CallFailed(f"{self.endpoint.place} broke its answer off", again=not stream.heard) from None
        stream.feed(b"\n")
        return stream.completion(back, first_token_ms=first)

    def _refusal(self, response: aiohttp.ClientResponse) -> CallFailed:
        status = response.status
        return CallFailed(
            f"{self.endpoint.place} answered {status}",
            blameless=status in OURS_TO_BLAME,
            again=status == 429 or status >= 500,
            retry_after=self._seconds(response.headers.get("Retry-After")),
        )

    def _seconds(self, retry_after: str | None) -> float | None:
        """Read a `Retry-After` header: seconds, or a date (RFC 9110 §10.2.3); `None` for anything else."""
        if retry_after is None:
            return None
        if retry_after.isascii() and retry_after.isdigit():
            return float(retry_after[:9])
        try:
            return (parsedate_to_datetime(retry_after) - self._clock.now()).total_seconds()
        except (ValueError, TypeError):
            return None

    async def _whole(self, response: aiohttp.ClientResponse) -> bytes:
        body = bytearray()
        async for piece in response.content.iter_any():
            body += piece
            if len(body) > MAX_BYTES:
                raise CallFailed(f"{self.endpoint.place} sent more than {MAX_BYTES} bytes")
        return bytes(body)

    def _plain(self, body: bytes, back: Mapping[str, str], on_delta: OnDelta | None) -> Completion:
        try:
            answer = read_answer(body)
        except MALFORMED:
            raise CallFailed(f"{self.endpoint.place} sent something that is no answer") from None
        message = answer.choices[0].message if answer.choices else None
        if answer.choices and (answer.choices[0].finish_reason in FILTERED or (message and message.refusal)):
            raise CallFailed(f"{self.endpoint.place} would not answer: its content filter", blameless=True)
        if answer.error is not None or message is None or not (message.content or message.tool_calls):
            raise CallFailed(f"{self.endpoint.place} sent an empty answer")
        if on_delta is not None and message.content:  # a server that does not stream
            on_delta(message.content)
        calls = message.tool_calls or []
        for number, call in enumerate(calls):  # whole calls carry no index
            call.index = number
        return Completion(
            text=message.content or "",
            model=answer.model or self.endpoint.name,
            tool_calls=merged(calls, back),
            prompt_tokens=answer.usage.prompt_tokens if answer.usage else None,
            completion_tokens=answer.usage.completion_tokens if answer.usage else None,
            truncated=answer.choices[0].finish_reason == "length",
        )
