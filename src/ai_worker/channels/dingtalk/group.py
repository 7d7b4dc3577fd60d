"""A custom robot of one DingTalk group: it sends, signed, and hears nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from yarl import URL

from ai_worker.channels.contract import (
    REFUSED,
    CallbackRequest,
    CallbackResponse,
    Channel,
    ChannelHealth,
    Limit,
    Need,
    Probe,
    Rate,
    Receive,
    SendFailed,
    Sent,
)
from ai_worker.channels.dingtalk.answers import LOST_S, webhook_refusal
from ai_worker.channels.dingtalk.fields import Fields
from ai_worker.channels.dingtalk.parts import send_parts
from ai_worker.channels.dingtalk.post import Post
from ai_worker.channels.dingtalk.settings import DingtalkGroupSettings
from ai_worker.channels.dingtalk.sign import signed_query
from ai_worker.channels.dingtalk.words import PIECE_CHARACTERS, broken_lines, pieces, title
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.store import OutboundMessage

ROBOT = Limit("robot", most=18, seconds=61.0)
"""After more than 20 messages in a minute the robot is cut off for ten minutes: a little below that."""


class DingtalkGroup(Channel):
    """One custom robot."""

    kind: ClassVar[str] = "dingtalk-group"
    pull: ClassVar[bool] = False
    merges: ClassVar[int] = PIECE_CHARACTERS
    """What is merged has been counted as one message, and must stay one: each byte may be a character."""

    def __init__(self, name: str, settings: DingtalkGroupSettings, *, clock: Clock, store: ChannelStore) -> None:
        self.name = name
        self._settings, self._clock, self._store = settings, clock, store
        self._post = Post(timeout_s=settings.timeout_s)
        self._started = False
        self._last_outbound_at: datetime | None = None
        self._last_error = ""

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Make sending possible; nothing is received."""
        self._post.open()
        self._started = True

    async def stop(self) -> None:
        """Close connections."""
        self._started = False
        await self._post.close()

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Refuse: a custom robot is never called back."""
        return REFUSED

    def reach(self, to: str) -> Mapping[str, str]:
        """Return the address for messages that nobody asked for: the robot has only its one group."""
        return {}

    def needs(self, message: OutboundMessage) -> Sequence[Need]:
        """Return the robot's limit, counted once for each message that it takes."""
        return (Need(ROBOT, max(1, min(ROBOT.most, len(pieces(message.reply.text))))),)

    def limits(self) -> Sequence[Limit]:
        """Return the robot's one limit."""
        return (ROBOT,)

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send the words as one or more Markdown messages, in order; those that went out are remembered.

        Raises:
            SendFailed: The platform did not take it, or not all of it.
        """
        texts = pieces(message.reply.text)
        if not texts:
            raise SendFailed("dingtalk", "there is nothing to say", retry_after=None)
        try:
            await send_parts(message, texts, self._send, store=self._store)
        except SendFailed as failure:
            self._last_error = str(failure)
            raise
        self._last_outbound_at, self._last_error = self._clock.now(), ""
        return Sent(confirmed=True)

    async def probe(self) -> Probe:
        """Say what can be known: whether a custom robot works shows only when it says something."""
        return Probe(True, "a custom robot can only be tried by letting it say something")

    def health(self) -> ChannelHealth:
        """Return how the channel is doing: degraded while the latest send has failed."""
        if not self._started:
            return ChannelHealth("down", "not started")
        return ChannelHealth(
            state="degraded" if self._last_error else "ready",
            detail="the last message could not be sent" if self._last_error else "",
            last_outbound_at=self._last_outbound_at,
            last_error=self._last_error,
            proofs={"reply": self._last_outbound_at} if self._last_outbound_at else {},
        )

    async def _send(self, _: int, text: str) -> str:
        keyword = self._settings.keyword
        shown = text if keyword in text else f"{text}\n\n{keyword}"
        body: Fields = {"msgtype": "markdown", "markdown": {"title": title(text), "text": broken_lines(shown)}}
        answer = await self._post.call("POST", self._address(), body)
        if not answer.ok:
            raise SendFailed("dingtalk", f"HTTP status {answer.status}", retry_after=LOST_S)
        if refusal := webhook_refusal(answer.found, blocks=ROBOT.key):
            raise refusal
        return ""

    def _address(self) -> URL:
        """Return the address of one call; what is encoded in it must not be encoded again."""
        address = self._settings.webhook_url.reveal()
        if self._settings.secret:
            address += f"&{signed_query(self._settings.secret, round(self._clock.now().timestamp() * 1000))}"
        return URL(address, encoded=True)
