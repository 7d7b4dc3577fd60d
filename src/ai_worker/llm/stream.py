"""A streamed answer, put together from its server-sent events."""

from collections.abc import Mapping

from ai_worker.conversation.model import Completion, OnDelta
from ai_worker.llm.contract import CallFailed
from ai_worker.llm.wire import FILTERED, MALFORMED, Usage, WireAnswer, WireToolCall, merged, read_answer

MAX_LINE = 1_000_000
"""Bytes that one event may have. No model writes more between two line ends."""


class AnswerStream:
    """Reads bytes as they come and tells `on_delta` of new text.

    The answer is whole once the server has said so (`[DONE]` or a finish reason). Everything else is
    half a stream, and half an answer is none.
    """

    def __init__(self, place: str, *, on_delta: OnDelta) -> None:
        self._place = place
        self._on_delta = on_delta
        self._rest = b""
        self._text: list[str] = []
        self._fragments: list[WireToolCall] = []
        self._usage = Usage()
        self._model = ""
        self._finish: str | None = None
        self.done = False
        """The server has said `[DONE]`: nothing follows."""

        self.heard = False
        """Text has been passed on: the call cannot be repeated unnoticed."""

    def feed(self, data: bytes) -> bool:
        """Take the next bytes; return whether an event was in them (comments are none).

        Raises:
            CallFailed: The stream is broken, or the server reports an error in it.
        """
        lines = (self._rest + data).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > MAX_LINE:
            raise CallFailed(f"{self._place} sent an endless line")
        events = 0
        for line in lines:
            if line.startswith(b"data:"):
                events += 1
                self._event(line[5:].strip())
        return events > 0

    def completion(self, back: Mapping[str, str], *, first_token_ms: float | None) -> Completion:
        """Return the whole answer.

        Raises:
            CallFailed: The stream ended before the answer did.
        """
        if not self.done and self._finish is None:
            raise CallFailed(f"{self._place} broke its answer off", again=not self.heard)
        if not (self._text or self._fragments):
            raise CallFailed(f"{self._place} sent an empty answer")
        return Completion(
            text="".join(self._text),
            model=self._model,
            tool_calls=merged(self._fragments, back),
            prompt_tokens=self._usage.prompt_tokens,
            completion_tokens=self._usage.completion_tokens,
            first_token_ms=first_token_ms,
            truncated=self._finish == "length",
        )

    def _event(self, data: bytes) -> None:
        if data == b"[DONE]":
            self.done = True
            return
        try:
            chunk = read_answer(data)
        except MALFORMED:
            raise CallFailed(f"{self._place} sent an event that is no answer") from None
        if chunk.error is not None:
            raise CallFailed(f"{self._place} reported an error in its stream")
        self._take(chunk)

    def _take(self, chunk: WireAnswer) -> None:
        self._model = self._model or chunk.model or ""
        self._usage = chunk.usage or self._usage
        for choice in chunk.choices[:1]:
            self._finish = choice.finish_reason or self._finish
            if self._finish in FILTERED or (choice.delta is not None and choice.delta.refusal):
                raise CallFailed(f"{self._place} would not answer: its content filter", blameless=True)
            if choice.delta is None:
                continue
            self._fragments += choice.delta.tool_calls or ()
            if choice.delta.content:
                self._text.append(choice.delta.content)
                self.heard = True
                self._on_delta(choice.delta.content)
