"""A custom robot of one Feishu group: outbound only, signed, at most 100 messages a minute and 5 a second."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar

import aiohttp
import msgspec

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
from ai_worker.channels.feishu.crypto import robot_sign
from ai_worker.channels.feishu.settings import FeishuGroupSettings
from ai_worker.channels.feishu.words import fitting, harmless, has_marks
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.store import OutboundMessage

BODY_BYTES, TEXT_BYTES = 20_000, 15_000
"""The platform takes 20 KB; escapes and the frame around the words need their room."""

ROBOT = "robot"
LIMITS = (Limit(f"{ROBOT}-second", 4, 1.0), Limit(ROBOT, 95, 61.0))

PAUSE_AFTER, PAUSE_S = 4, 1.2
"""The pieces of one message keep to the second's limit as well."""

KEPT = 1_000
"""Messages of which only a part went out; this process knows how much."""

ANSWER_BYTES = 65_536
_LOST_S, _OPERATOR, _CROWDED_S = 5.0, 120.0, 60.0

MEANINGS: dict[int, tuple[str, float | None]] = {
    19001: ("the webhook address is wrong: copy it again from the robot's page", _OPERATOR),
    19021: ("the signature was refused: check the secret of 签名校验, and this machine's clock", _OPERATOR),
    19022: ("this server's address is not in the robot's IP 白名单", _OPERATOR),
    19024: ("the message has none of the robot's 自定义关键词: put one into the setting `keyword`", _OPERATOR),
    11232: ("too many messages", _CROWDED_S),
}
"""By code: what it means, and after how many seconds another try makes sense."""


class _Answer(msgspec.Struct):
    code: int | None = None
    msg: str = ""
    StatusCode: int | None = None


class FeishuGroup(Channel):
    """One robot of one group."""

    kind: ClassVar[str] = "feishu-group"
    pull: ClassVar[bool] = False
    merges: ClassVar[int] = 12_000

    def __init__(self, name: str, settings: FeishuGroupSettings, *, clock: Clock) -> None:
        self.name = name
        self._settings = settings
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None
        self._last_outbound_at: datetime | None = None
        self._last_error = ""
        self._progress: OrderedDict[str, int] = OrderedDict()

    async def start(self, receive: Receive, rate: Rate, *, connects: bool) -> None:
        """Make the connection pool; nothing can be received here."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=8),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=self._settings.timeout_s, connect=min(5.0, self._settings.timeout_s)),
        )

    async def stop(self) -> None:
        """Close connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def callback(self, request: CallbackRequest) -> CallbackResponse:
        """Refuse: nobody can say anything to a robot of a group."""
        return REFUSED

    def needs(self, message: OutboundMessage) -> Sequence[Need]:
        """Return the robot's two limits."""
        count = len(self._bodies(message)) or 1
        return [Need(limit, min(count, limit.most)) for limit in LIMITS]

    def limits(self) -> Sequence[Limit]:
        """Return the robot's limit a minute."""
        return LIMITS[1:]

    async def deliver(self, message: OutboundMessage) -> Sent:
        """Post a message in as many pieces as its length needs; a robot has no guard against doubles.

        Raises:
            SendFailed: The platform did not take it, or not all of it.
        """
        bodies = self._bodies(message)
        if not bodies:
            raise SendFailed(self.kind, "there is nothing to say", retry_after=None)
        sent = self._progress.get(message.id, 0)  # of an earlier try: what is out is not said again
        try:
            for body in bodies[sent:]:
                if sent and sent % PAUSE_AFTER == 0:
                    await asyncio.sleep(PAUSE_S)
                await self._post(body)
                sent += 1
        except SendFailed as failure:
            self._last_error = str(failure)
            if not sent:
                raise
            self._progress[message.id] = sent
            while len(self._progress) > KEPT:
                self._progress.popitem(last=False)
            detail = f"{sent} of {len(bodies)} messages went out, then {failure}"
            raise SendFailed(
                self.kind, detail, retry_after=failure.retry_after, unsure=True, blocks=failure.blocks
            ) from failure
        self._progress.pop(message.id, None)
        self._last_outbound_at, self._last_error = self._clock.now(), ""
        return Sent()

    async def probe(self) -> Probe:
        """Say that only a message can tell: a robot answers no questions."""
        return Probe(ok=True, detail="a group robot can only be tried by sending a message")

    def health(self) -> ChannelHealth:
        """Return how the channel is doing: degraded while the latest send has failed."""
        if self._session is None:
            return ChannelHealth("down", "not started")
        return ChannelHealth(
            state="degraded" if self._last_error else "ready",
            detail="the last message could not be sent" if self._last_error else "",
            last_outbound_at=self._last_outbound_at,
            last_error=self._last_error,
            proofs={} if self._last_outbound_at is None else {"reply": self._last_outbound_at},
        )

    def _bodies(self, message: OutboundMessage) -> list[dict[str, Any]]:
        text, keyword = harmless(message.reply.text), self._settings.keyword
        rich = has_marks(text)
        texts = fitting(text, TEXT_BYTES, lambda piece: len(msgspec.json.encode(piece)) < BODY_BYTES - 1_000)
        if keyword:
            texts = [piece if keyword in piece else f"{keyword}\n{piece}" for piece in texts]
        return [_card(piece) if rich else {"msg_type": "text", "content": {"text": piece}} for piece in texts]

    async def _post(self, body: dict[str, Any]) -> None:
        if self._settings.secret:
            timestamp = int(self._clock.now().timestamp())
            body = {"timestamp": str(timestamp), "sign": robot_sign(self._settings.secret, timestamp), **body}
        answer = await self._ask(msgspec.json.encode(body))
        code = answer.code if answer.code is not None else answer.StatusCode
        if code == 0:
            return
        words = shorten(answer.msg, 200)
        if code == 9499:  # a bad request, and what the platform says to floods as well
            crowded = any(sign in answer.msg.lower() for sign in ("too many", "frequen", "limit"))
            meaning, seconds = ("too many messages", _CROWDED_S) if crowded else ("the request is not valid", None)
        else:
            meaning, seconds = MEANINGS.get(code or -1, ("a code that its reference does not explain", 30.0))
        blocks = ROBOT if seconds == _CROWDED_S else ""
        raise SendFailed(self.kind, f"{code}, {meaning} ({words})", retry_after=seconds, blocks=blocks)

    async def _ask(self, body: bytes) -> _Answer:
        """Make the call; its errors never quote the address, which is the robot's password."""
        if self._session is None:
            raise SendFailed(self.kind, "the channel is not started", retry_after=_LOST_S)
        url, headers = self._settings.webhook_url.reveal(), {"Content-Type": "application/json; charset=utf-8"}
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                status, raw = response.status, await response.content.read(ANSWER_BYTES)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            detail = f"no connection ({type(error).__name__})"
            raise SendFailed(self.kind, detail, retry_after=_LOST_S) from None
        except (aiohttp.ClientError, OSError) as error:
            detail = f"the connection broke before the answer ({type(error).__name__})"
            raise SendFailed(self.kind, detail, retry_after=_LOST_S, unsure=True) from None
        try:
            return msgspec.json.decode(raw, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            detail = f"the answer is not Feishu's (HTTP status {status})"
            unsure = status == 200 or status >= 500
            raise SendFailed(self.kind, detail, retry_after=_LOST_S, unsure=unsure) from None


def _card(text: str) -> dict[str, Any]:
    elements = [{"tag": "markdown", "content": text}]
    return {"msg_type": "interactive", "card": {"schema": "2.0", "body": {"elements": elements}}}
