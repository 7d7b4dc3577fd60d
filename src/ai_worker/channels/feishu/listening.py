"""What is done about an event: received, acted on, or just acknowledged. The same for both ways in."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import structlog

from ai_worker.channels.contract import Receive
from ai_worker.channels.feishu.actions import Actions
from ai_worker.channels.feishu.events import Event
from ai_worker.channels.feishu.identity import Identity
from ai_worker.channels.feishu.messages import Heard, heard, worded
from ai_worker.channels.feishu.places import Place
from ai_worker.channels.feishu.settings import FeishuSettings
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.channel_store import ChannelStore

log = structlog.get_logger(__name__)

MESSAGES = frozenset({("2.0", "im.message.receive_v1"), ("1.0", "message")})
PRESSED = ("2.0", "card.action.trigger")

REPEATED_AFTER, REPEATED_WITHIN = timedelta(minutes=1), timedelta(hours=12)
"""A message that is this old when it arrives may be a repeat under a new id: the platform repeats for 7 hours."""

REASK_S = 2.0


class Listening:
    """Takes the events of one channel, once they have been proved."""

    def __init__(
        self,
        *,
        channel: str,
        settings: FeishuSettings,
        identity: Identity,
        actions: Actions,
        receive: Receive,
        clock: Clock,
        store: ChannelStore,
    ) -> None:
        self._channel = channel
        self._settings = settings
        self._identity = identity
        self._actions = actions
        self._receive = receive
        self._clock = clock
        self._store = store
        self._turns: dict[str, tuple[asyncio.Lock, int]] = {}
        self.last_inbound_at: datetime | None = None

    async def take(self, event: Event) -> Mapping[str, Any] | None:
        """Make durable what an event says; return what the platform is to be told besides "received".

        Raises:
            Refused: The event is broken.
            Busy: It could not be made durable now: the platform must come again.
        """
        which = (event.schema, event.type)
        if which == PRESSED:
            self.last_inbound_at = self._clock.now()
            return await self._actions.act(event)
        if which not in MESSAGES:
            log.info("channel.event_acknowledged", channel=self._channel, event_type=event.type)
            return None
        found = heard(event, own_id=self._identity.open_id)
        if not found.from_person or not await self._is_for_us(event, found):
            log.info("channel.message_ignored", channel=self._channel, from_person=found.from_person)
            return None
        async with self._in_turn(found.chat_id):
            await self._receive_once(found)
        return None

    async def _is_for_us(self, event: Event, found: Heard) -> bool:
        if not found.group:
            return True
        of_group = self._settings.groups.get(found.chat_id)
        answer = of_group.answer if of_group else self._settings.group_answer
        if answer != "mentioned":
            return answer == "all"
        own_id = self._identity.open_id
        if not own_id and found.mentions:
            # Whether it is meant for us cannot be said: not answered, but not lost either.
            own_id = await self._identity.known()
            if not own_id:
                raise Busy("who we are on the platform is not known yet", retry_after=REASK_S)
        mentions = heard(event, own_id=own_id).mentions if event.schema == "1.0" else found.mentions
        return bool(own_id) and any(mention.open_id == own_id for mention in mentions)

    async def _receive_once(self, found: Heard) -> None:
        now = self._clock.now()
        message_id = await self._first_id(found, now)
        place = Place(user=found.sender, chat=found.chat_id, message=found.message_id, group=found.group)
        message = InboundMessage(
            channel=self._channel,
            message_id=message_id,
            conversation_key=place.conversation,
            contact=Contact(found.sender, member=found.member),
            text=worded(found.text, found.mentions, own_id=self._identity.open_id),
            received_at=now,
            parts=found.parts,
            sent_at=found.sent_at,
            address=place.address(),
            group=found.group,
        )
        # Side by side, so that the platform waits for one flush to the disk and not for two. Both have
        # ended when it is answered, also when one fails: a repeat may come at once.
        kept = self._keep(message), self._note(found, message_id, now)
        for end in await asyncio.gather(*kept, return_exceptions=True):
            if isinstance(end, BaseException):
                raise end

    async def _keep(self, message: InboundMessage) -> None:
        await self._receive(message)
        self.last_inbound_at = message.received_at

    async def _first_id(self, found: Heard, now: datetime) -> str:
        """Return the id under which a message came first: after a reconnect it may come again under another.

        If the first one was not made durable, this one is, under its id: nothing is dropped here.
        """
        if not found.fingerprint or found.sent_at is None:
            return found.message_id
        if not REPEATED_AFTER <= now - found.sent_at <= REPEATED_WITHIN:
            return found.message_id
        return await self._store.recall(self._channel, found.fingerprint) or found.message_id

    async def _note(self, found: Heard, message_id: str, now: datetime) -> None:
        if not found.fingerprint or found.sent_at is None or now - found.sent_at > REPEATED_WITHIN:
            return
        try:
            await self._store.remember(self._channel, found.fingerprint, message_id, until=now + REPEATED_WITHIN)
        except Busy:  # the message is safe; only a repeat under a new id would not be recognised
            log.info("feishu.fingerprint_not_kept", channel=self._channel)

    @asynccontextmanager
    async def _in_turn(self, chat_id: str) -> AsyncIterator[None]:
        """Let the messages of one chat in one by one, in the order in which they arrived."""
        lock, waiting = self._turns.get(chat_id, (asyncio.Lock(), 0))
        self._turns[chat_id] = (lock, waiting + 1)
        try:
            async with lock:
                yield
        finally:
            lock, waiting = self._turns.pop(chat_id)
            if waiting > 1:
                self._turns[chat_id] = (lock, waiting - 1)
