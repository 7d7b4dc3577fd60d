"""A WeCom group's robot: what the worker says on its own account goes into the group; nothing comes back."""

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from yarl import URL

from ai_worker.channels.contract import (
    REFUSED,
    CallbackRequest,
    CallbackResponse,
    Channel,
    ChannelHealth,
    Probe,
    Rate,
    Receive,
    SendFailed,
    Sent,
)
from ai_worker.channels.wecom.answers import Declined, fix
from ai_worker.channels.wecom.api import Answer, checked, read
from ai_worker.channels.wecom.http import Http
from ai_worker.channels.wecom.seen import Seen
from ai_worker.channels.wecom.settings import WecomGroupSettings
from ai_worker.channels.wecom.words import markdown_pieces
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.sending import Limit, Need
from ai_worker.pipeline.store import OutboundMessage

MARKDOWN_BYTES = 4_000
"""The platform takes 4,096."""

ROBOT = Limit("robot", 18, 61.0)
"""The platform takes 20 a minute from one robot."""

BAD_KEY = 93000


class WecomGroup(Channel):
    """One robot of one group."""

    kind: ClassVar[str] = "wecom-group"
    pull: ClassVar[bool] = False
    merges: ClassVar[int] = MARKDOWN_BYTES

    def __init__(self, name: str, settings: WecomGroupSettings, *, clock: Clock) -> None:
        self.name = name
        self._settings = settings
        self._seen = Seen(clock)
        self._http = Http(settings.timeout_s)
        self._started = False
        self._done: tuple[str, int] = ("", 0)
        """How many pieces of which message went out before one of them failed."""

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Begin to send."""
        self._http.open()
        self._started = True

    async def stop(self) -> None:
        """Close connections."""
        self._started = False
        await self._http.close()

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Refuse it: robots are not called back."""
        return REFUSED

    def needs(self, message: OutboundMessage) -> Sequence[Need]:
        """Return what a message takes of the robot's limit."""
        count = len(markdown_pieces(message.reply.text, MARKDOWN_BYTES))
        return [Need(ROBOT, min(max(1, count), ROBOT.most))]

    def limits(self) -> Sequence[Limit]:
        """Return the robot's one limit."""
        return (ROBOT,)

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send a message as Markdown, in as many pieces as its length needs.

        Raises:
            SendFailed: The platform did not take it, or not all of it.
        """
        pieces = markdown_pieces(message.reply.text, MARKDOWN_BYTES)
        if not pieces:
            raise SendFailed("wecom", "there is nothing to say", retry_after=None)
        done = self._done[1] if self._done[0] == message.id else 0
        try:
            for number, text in enumerate(pieces):
                if number >= done:
                    await self._post({"msgtype": "markdown", "markdown": {"content": text}})
                    self._done = (message.id, number + 1)
        except SendFailed as failure:
            self._seen.failed(failure)
            raise
        self._seen.outbound()
        return Sent()

    async def probe(self) -> Probe:
        """Ask with a message that has no type: the key is looked at first, and nothing is shown to the group."""
        try:
            await self._post({})
        except Declined as declined:
            if declined.errcode != BAD_KEY:
                return Probe(ok=True, detail="the platform knows the robot")
            return Probe(ok=False, detail=str(declined), fix=fix(declined))
        except SendFailed as failure:
            return Probe(ok=False, detail=str(failure), fix=fix(failure))
        return Probe(ok=True)

    def health(self) -> ChannelHealth:
        """Return how the channel is doing."""
        if not self._started:
            return ChannelHealth("down", "not started")
        return self._seen.health()

    async def _post(self, body: dict[str, object]) -> None:
        url = URL(self._settings.webhook_url.reveal(), encoded=True)
        raw = await self._http.call("POST", url, msgspec.json.encode(body))
        checked(read(raw, Answer, sends=True), limit=ROBOT.key)
