"""Server-sent events."""

from collections.abc import AsyncIterator, Callable

import msgspec
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

TICK = b": still here\n\n"
"""A comment that keeps proxies from closing a silent stream."""


class EventStream(StreamingResponse):
    """A response that goes on until its events end or the client leaves; then `release` is called."""

    def __init__(self, events: AsyncIterator[bytes], *, release: Callable[[], None]) -> None:
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        super().__init__(events, headers=headers, media_type="text/event-stream")
        self.release = release

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.release()


def event(data: object, *, name: str = "", event_id: str = "") -> bytes:
    """Return one event with `data` as JSON."""
    head = (f"event: {name}\n" if name else "") + (f"id: {event_id}\n" if event_id else "")
    return head.encode() + b"data: " + msgspec.json.encode(data) + b"\n\n"
