"""A Feishu self-built application: events in, over a long connection or by HTTP; messages and cards out."""

import asyncio
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec
import structlog

from ai_worker.channels.connection import PACE, ConnectFailed, LongConnection, Pace
from ai_worker.channels.contract import (
    REFUSED,
    CallbackRequest,
    CallbackResponse,
    Channel,
    ChannelHealth,
    Draft,
    Fetched,
    Limit,
    Need,
    Probe,
    Proof,
    Rate,
    Receive,
    SendFailed,
    Sent,
)
from ai_worker.channels.feishu.actions import Actions
from ai_worker.channels.feishu.api import FeishuApi
from ai_worker.channels.feishu.client import FeishuClient
from ai_worker.channels.feishu.events import Challenge, from_connection, from_http
from ai_worker.channels.feishu.faces import Faces
from ai_worker.channels.feishu.files import Files
from ai_worker.channels.feishu.growing import GrowingCards
from ai_worker.channels.feishu.identity import Identity
from ai_worker.channels.feishu.link import GRACE_S, PING_S, FeishuLink, connect
from ai_worker.channels.feishu.listening import Listening
from ai_worker.channels.feishu.probing import advice
from ai_worker.channels.feishu.refused import Refused
from ai_worker.channels.feishu.settings import FeishuSettings
from ai_worker.channels.feishu.speaking import Speaking
from ai_worker.conversation.message import Attachment, Contact, InboundMessage, Part
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.store import OutboundMessage

log = structlog.get_logger(__name__)

TIDY_S = 30.0
_JSON = "application/json; charset=utf-8"


class Feishu(Channel):
    """One self-built application of one tenant."""

    kind: ClassVar[str] = "feishu"
    pull: ClassVar[bool] = False
    grows: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        settings: FeishuSettings,
        *,
        clock: Clock,
        store: ChannelStore,
        grace_s: float = GRACE_S,
        pace: Pace = PACE,
    ) -> None:
        """Prepare; nothing goes over the network before `start`.

        Args:
            name: The channel's configured name.
            settings: What it was told.
            clock: Tells the time.
            store: What outlives this process.
            grace_s: How late a pong of the long connection may be.
            pace: How long everything else about the long connection takes.
        """
        self.name = name
        self._settings = settings
        self._clock = clock
        self._store = store
        self._grace_s = grace_s
        self._client = FeishuClient(
            channel=name,
            base_url=settings.base_url,
            app_id=settings.app_id,
            app_secret=settings.app_secret,
            timeout_s=settings.timeout_s,
            clock=clock,
            store=store,
        )
        self._api = FeishuApi(self._client)
        self._identity = Identity(self._api, channel=name)
        self._faces = Faces(channel=name, clock=clock, store=store)
        self._cards = GrowingCards(self._api, channel=name, clock=clock, store=store)
        self._files = Files(self._client)
        self._speaking = Speaking(
            self._api, self._cards, self._faces, self._files, per_minute=settings.messages_per_minute
        )
        self._connection = LongConnection(
            name, self._dial, silent_s=PING_S + grace_s, single=False, clock=clock, store=store, pace=pace
        )
        self._listening: Listening | None = None
        self._actions: Actions | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._connects = False
        self._last_outbound_at: datetime | None = None
        self._last_error = ""
        self._proofs: dict[Proof, datetime] = {}

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Begin to receive; what has to be asked of the platform is asked in the background."""
        self._client.open()
        self._actions = Actions(
            channel=self.name, receive=receive, rate=rate, faces=self._faces, cards=self._cards, clock=self._clock
        )
        self._listening = Listening(
            channel=self.name,
            settings=self._settings,
            identity=self._identity,
            actions=self._actions,
            receive=receive,
            clock=self._clock,
            store=self._store,
        )
        self._connects = connects and self._settings.mode == "websocket"
        self._tasks = [asyncio.create_task(self._identify()), asyncio.create_task(self._tidy())]
        if self._connects:
            self._tasks.append(asyncio.create_task(self._connection.run()))

    async def stop(self) -> None:
        """Close connections; callbacks are told to come again."""
        self._listening = None
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        if self._actions is not None:
            await self._actions.stop()
        await self._client.close()

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Answer the verification of our address, or take an event."""
        try:
            event = from_http(request, self._settings, self._clock)
            if isinstance(event, Challenge):
                self._proofs["callback"] = self._clock.now()
                return _json({"challenge": event.word})
            if self._listening is None:
                return _come_again(1.0)
            told = await self._listening.take(event)
        except Refused as refused:
            log.warning("channel.callback_refused", channel=self.name, reason=refused.reason)
            return REFUSED
        except Busy as busy:
            return _come_again(busy.retry_after)
        return _json({} if told is None else told)

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Send a message, or end the card in which it has grown.

        Every piece carries a uuid that is derived from the message's id: a second delivery within the
        platform's hour shows nothing twice.

        Raises:
            SendFailed: The platform did not take it, or not all of it.
        """
        try:
            sent = await self._speaking.deliver(message)
        except SendFailed as failure:
            self._last_error = str(failure)
            raise
        self._said()
        return sent

    def needs(self, message: OutboundMessage) -> Sequence[Need]:
        """Return the limits of the chat and of the application."""
        return self._speaking.needs(message)

    def limits(self) -> Sequence[Limit]:
        """Return the application's limit a minute."""
        return (self._speaking.shared,)

    async def show(self, draft: Draft) -> None:
        """Show an answer as far as it is written, in its card.

        Raises:
            SendFailed: It was not shown.
        """
        await self._cards.show(draft, self._speaking.needs_of_one(draft.address))
        self._said()

    def carries(self, message: OutboundMessage, attachment: Attachment) -> bool:
        """Return True: the platform takes every file that is kept."""
        return True

    async def fetch(self, part: Part, message: InboundMessage) -> Fetched:
        """Bring what a part of a message names by its key.

        Raises:
            SendFailed: It could not be had.
            FileTooLarge: It is larger than what is kept.
        """
        return await self._files.fetch(part, message)

    async def probe(self) -> Probe:
        """Ask the platform for a token and for who we are."""
        if self._listening is None:
            self._client.open()
        try:
            await self._client.fetch_token()
            self._proofs["credentials"] = self._clock.now()
            own_id = await self._api.own_id()
        except SendFailed as failure:
            return Probe(ok=False, detail=str(failure), fix=advice(failure))
        finally:
            if self._listening is None:
                await self._client.close()
        return Probe(ok=True, detail=f"the application's bot is {own_id}")

    async def look_up(self, contact_id: str) -> Contact | None:
        """Return a person's name and department, as far as the application may read the directory.

        Raises:
            SendFailed: The directory could not be asked now.
        """
        return await self._api.person(contact_id)

    async def resume(self) -> None:
        """Connect again at the operator's word."""
        await self._connection.resume()

    def health(self) -> ChannelHealth:
        """Return how the channel is doing: degraded while the latest send has failed."""
        if self._listening is None:
            return ChannelHealth("down", "not started")
        state = ChannelHealth("ready")
        if self._connects:
            state = self._connection.health()
        error = self._last_error or self._identity.last_error or state.last_error
        if state.state == "ready" and (self._last_error or self._identity.last_error):
            detail = "the last message could not be sent" if self._last_error else "who we are is not known yet"
            state = ChannelHealth("degraded", detail, connected_at=state.connected_at)
        return ChannelHealth(
            state=state.state,
            detail=state.detail,
            last_inbound_at=self._listening.last_inbound_at,
            last_outbound_at=self._last_outbound_at,
            last_error=error,
            proofs=self._seen(),
            connected_at=state.connected_at,
            displaced=state.displaced,
        )

    def _seen(self) -> Mapping[Proof, datetime]:
        seen = dict(self._proofs)
        if self._connection.connected_at is not None:
            seen["connection"] = self._connection.connected_at
        if self._listening is not None and self._listening.last_inbound_at is not None:
            seen["message"] = self._listening.last_inbound_at
        return seen

    def _said(self) -> None:
        self._last_outbound_at = self._proofs["reply"] = self._proofs["credentials"] = self._clock.now()
        self._last_error = ""

    async def _identify(self) -> None:
        await self._identity.run()
        self._proofs["credentials"] = self._clock.now()

    async def _tidy(self) -> None:
        while True:
            await asyncio.sleep(TIDY_S)
            await self._cards.close_abandoned()

    async def _dial(self) -> FeishuLink:
        try:
            return await connect(
                self._client.discover,
                self._take,
                session=self._client.session,
                base_url=self._settings.base_url,
                clock=self._clock,
                channel=self.name,
                grace_s=self._grace_s,
            )
        except SendFailed as failure:
            raise ConnectFailed("feishu", str(failure)) from None

    async def _take(self, payload: bytes) -> Mapping[str, Any] | None:
        """Take an event of the long connection."""
        event = from_connection(payload, self._settings)
        if self._listening is None:
            raise Busy("the channel is stopping")
        return await self._listening.take(event)


def _json(told: Mapping[str, Any]) -> CallbackResponse:
    return CallbackResponse(body=msgspec.json.encode(told), content_type=_JSON)


def _come_again(seconds: float) -> CallbackResponse:
    return CallbackResponse(status=503, headers={"Retry-After": str(max(1, math.ceil(seconds)))})
