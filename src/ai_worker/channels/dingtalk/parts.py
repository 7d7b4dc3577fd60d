"""Sending one reply as several messages: after a failure in between, what went out is not sent again."""

from collections.abc import Awaitable, Callable, Sequence

from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.sending import SendFailed
from ai_worker.pipeline.store import OutboundMessage

Send = Callable[[int, str], Awaitable[str]]
"""Sends the message with this number, 0 for the first, and returns the platform's id of it."""


async def send_parts(message: OutboundMessage, texts: Sequence[str], send: Send, *, store: ChannelStore) -> str:
    """Send `texts` in order and return the platform's id of the last.

    Raises:
        SendFailed: Not all of them were taken. How many were is remembered.
    """
    key, sent, platform_id = f"sent:{message.id}", 0, ""
    try:
        if message.attempt > 1 and len(texts) > 1:
            sent = min(len(texts), int(await store.recall(message.channel, key) or 0))
        while sent < len(texts):
            platform_id = await send(sent, texts[sent])
            sent += 1
            if sent < len(texts):
                await store.remember(message.channel, key, str(sent), until=message.expires_at)
    except Busy as busy:
        raise SendFailed("dingtalk", "our store is busy", retry_after=busy.retry_after, unsure=sent > 0) from None
    except SendFailed as failure:
        if not sent:
            raise
        detail = f"{sent} of {len(texts)} messages went out, then {failure}"
        # Unsure, so that the words stay as they are: they must be cut into the same messages again.
        raise SendFailed(
            "dingtalk", detail, retry_after=failure.retry_after, unsure=True, blocks=failure.blocks
        ) from failure
    return platform_id
