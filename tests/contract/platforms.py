"""Stand-ins for the platforms, by kind of channel. A new kind adds its own here.

A kind whose messages come in more than one way has one for each, named `kind:way`. Kinds whose
contacts fetch their replies themselves (`pull`) have no platform and need no stand-in.
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Protocol, Self

from ai_worker.channels.contract import CallbackRequest, ChannelSettings
from ai_worker.channels.dingtalk.settings import DingtalkGroupSettings
from ai_worker.channels.feishu.frames import DATA, Frame, encode
from ai_worker.channels.feishu.settings import FeishuGroupSettings
from ai_worker.demo.feishu_gateway import SERVICE
from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.foundation.clock import FixedClock
from tests.channels.dingtalk import peer as dingtalk
from tests.channels.feishu import peer as feishu_peer
from tests.channels.wecom import peer


class Platform(Protocol):
    """What the contract needs of every platform."""

    address: Mapping[str, str]
    """Whom the channel is to send to."""

    def settings(self) -> ChannelSettings:
        """Settings that point the channel at this platform."""
        ...

    async def ready(self) -> None:
        """Return once the started channel can send: at once, or when its long connection stands."""
        ...

    def shown(self) -> list[str]:
        """The texts that the contact was shown, in order."""
        ...


class CallsBack(Platform, Protocol):
    """A platform whose messages come as signed HTTP callbacks."""

    def said(self, text: str, *, message_id: str) -> CallbackRequest:
        """A rightly signed message of about `FixedClock`'s first moment, signed anew at each call."""
        ...

    def forged(self) -> list[CallbackRequest]:
        """Messages whose signature is wrong, missing or another application's."""
        ...


class Connects(Platform, Protocol):
    """A platform whose messages come over a long connection."""

    async def say(self, text: str, *, message_id: str) -> None:
        """Send a message of the contact down the connection; does not wait for the channel."""
        ...

    async def rubbish(self) -> None:
        """Send frames down the connection that mean nothing, or are broken."""
        ...


class Wecom:
    """The simulated WeCom, its callbacks sealed by wechatpy."""

    address: Mapping[str, str] = {"user": peer.USER}

    def __init__(self) -> None:
        self._platform = SimulatedWecom(
            corp_id=peer.CORP,
            agent_id=int(peer.AGENT),
            secret=peer.SECRET,
            token=peer.TOKEN,
            encoding_aes_key=peer.KEY,
        )

    async def __aenter__(self) -> Self:
        await self._platform.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._platform.__aexit__(kind, error, traceback)

    def settings(self) -> ChannelSettings:
        return peer.settings(api_base=self._platform.api_base)

    async def ready(self) -> None:
        return

    def said(self, text: str, *, message_id: str) -> CallbackRequest:
        return peer.sealed(peer.text_xml(text, MsgId=message_id))

    def forged(self) -> list[CallbackRequest]:
        encrypted = peer.encrypted_by_wechatpy(peer.text_xml())
        foreign = peer.signed_by_wechatpy(encrypted, token="foreign")
        return [
            peer.signed(encrypted, msg_signature=foreign),
            peer.signed(encrypted, msg_signature=""),
            peer.post(peer.outer(encrypted), {}),
            peer.sealed(receive_id="wwanother"),
        ]

    def shown(self) -> list[str]:
        return [message.text for message in self._platform.shown_to(peer.USER)]


class _Dingtalk:
    """The simulated DingTalk, at `FixedClock`'s first moment."""

    def __init__(self) -> None:
        self._platform = dingtalk.platform(clock=FixedClock(), ping_s=0.05)
        self.address: Mapping[str, str] = {}

    async def __aenter__(self) -> Self:
        await self._platform.__aenter__()
        self.address = {"contact": dingtalk.STAFF, "staff": dingtalk.STAFF}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._platform.__aexit__(kind, error, traceback)

    def _settings(self, mode: str) -> ChannelSettings:
        return dingtalk.settings(mode=mode, api_base=self._platform.base, oapi_base=self._platform.base)

    def shown(self) -> list[str]:
        return [message.text for message in self._platform.shown_in(dingtalk.STAFF)]


class DingtalkHttp(_Dingtalk):
    """DingTalk calls our address."""

    def settings(self) -> ChannelSettings:
        return self._settings("http")

    async def ready(self) -> None:
        return

    def said(self, text: str, *, message_id: str) -> CallbackRequest:
        return dingtalk.request(self._platform.message(dingtalk.STAFF, text, msg_id=message_id))

    def forged(self) -> list[CallbackRequest]:
        message = self._platform.message(dingtalk.STAFF, "在吗")
        timestamp = str(dingtalk.ABOUT_NOW_MS)
        return [
            dingtalk.request(message, sign=dingtalk.sign(timestamp, secret="foreign")),
            dingtalk.request(message, sign=""),
            dingtalk.request(message, timestamp=str(dingtalk.ABOUT_NOW_MS // 1000)),
            dingtalk.request({**message, "robotCode": "dingforeign"}),
            CallbackRequest("POST", {}, {}, b"{}"),
        ]


class DingtalkStream(_Dingtalk):
    """We connect to DingTalk."""

    def settings(self) -> ChannelSettings:
        return self._settings("stream")

    async def ready(self) -> None:
        async with asyncio.timeout(10):
            while not self._platform.counts.answered:  # its first ping
                await asyncio.sleep(0.01)

    async def say(self, text: str, *, message_id: str) -> None:
        self._saying = asyncio.create_task(self._platform.say(dingtalk.STAFF, text, msg_id=message_id))
        await asyncio.sleep(0)

    async def rubbish(self) -> None:
        for words in ("", "{", "[]", '{"type":"CALLBACK"}', "[" * 50_000, b"\xff\x00"):
            await self._platform.gateway.send_raw(words)


class DingtalkGroup(_Dingtalk):
    """A custom robot in a group of the simulated DingTalk."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._webhook = self._platform.add_robot(secret="SECcontract")
        self.address = {}
        return self

    def settings(self) -> ChannelSettings:
        told = {"kind": "dingtalk-group", "webhook_url": self._webhook, "secret": "SECcontract"}
        return DingtalkGroupSettings.model_validate(told)

    async def ready(self) -> None:
        return

    def shown(self) -> list[str]:
        token = self._webhook.partition("access_token=")[2]
        return [message.text for message in self._platform.shown_in(token)]


class FeishuCallback:
    """The simulated Feishu, its events pushed by HTTP."""

    address: Mapping[str, str] = {"user": feishu_peer.USER, "in": "p2p"}
    mode = "webhook"

    def __init__(self) -> None:
        self._platform = feishu_peer.platform(repush_s=1.0, clock=FixedClock())
        self._saying: set[asyncio.Task[Any]] = set()

    async def __aenter__(self) -> Self:
        await self._platform.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._saying:
            task.cancel()
        await asyncio.gather(*self._saying, return_exceptions=True)
        await self._platform.__aexit__(kind, error, traceback)

    def settings(self) -> ChannelSettings:
        return feishu_peer.settings(mode=self.mode, base_url=self._platform.base_url)

    async def ready(self) -> None:
        return

    def said(self, text: str, *, message_id: str) -> CallbackRequest:
        return feishu_peer.request(feishu_peer.message_event(text, message_id=message_id))

    def forged(self) -> list[CallbackRequest]:
        event = feishu_peer.message_event()
        return [
            feishu_peer.request(event, key="another key"),
            feishu_peer.request(event, x_lark_signature="0" * 64),
            feishu_peer.request(event, x_lark_signature=""),
            feishu_peer.plain(event),
            feishu_peer.request(feishu_peer.event("im.message.receive_v1", event["event"], app_id="cli_another")),
        ]

    def shown(self) -> list[str]:
        return [message.text for message in self._platform.shown_to(feishu_peer.USER)]


class FeishuConnection(FeishuCallback):
    """The simulated Feishu, its events sent down a long connection."""

    mode = "websocket"

    async def ready(self) -> None:
        await self._platform.gateway.until_pinged()

    async def say(self, text: str, *, message_id: str) -> None:
        task = asyncio.create_task(self._platform.say(feishu_peer.USER, text, message_id=message_id))
        self._saying.add(task)

    async def rubbish(self) -> None:
        event = Frame(service=SERVICE, method=DATA, headers=(("type", "event"),), payload=b"{" * 10_000)
        for raw in (b"", b"\xff" * 99, encode(event), encode(Frame(method=7)), b"\x08\x00" * 4):
            await self._platform.gateway.send_raw(raw)


class FeishuRobot:
    """The simulated Feishu's custom robot of a group."""

    address: Mapping[str, str] = {}

    def __init__(self) -> None:
        self._platform = feishu_peer.platform(clock=FixedClock())
        self._platform.api.robot_secret = "4XZYgudu0qAFrTBQ6Uzya1"

    async def __aenter__(self) -> Self:
        await self._platform.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._platform.__aexit__(kind, error, traceback)

    def settings(self) -> ChannelSettings:
        told = {"webhook_url": self._platform.webhook_url, "secret": self._platform.api.robot_secret}
        return FeishuGroupSettings.model_validate({"kind": "feishu-group", **told})

    async def ready(self) -> None:
        return

    def shown(self) -> list[str]:
        return [message.text for message in self._platform.shown_by_robot()]


CALL_BACK: Mapping[str, Callable[[], AbstractAsyncContextManager[CallsBack]]] = {
    "dingtalk:http": DingtalkHttp,
    "feishu:webhook": FeishuCallback,
    "wecom-app": Wecom,
}
CONNECT: Mapping[str, Callable[[], AbstractAsyncContextManager[Connects]]] = {
    "dingtalk:stream": DingtalkStream,
    "feishu:websocket": FeishuConnection,
}
SEND_ONLY: Mapping[str, Callable[[], AbstractAsyncContextManager[Platform]]] = {
    "dingtalk-group": DingtalkGroup,
    "feishu-group": FeishuRobot,
}
"""Kinds to which nobody can say anything."""

PLATFORMS: Mapping[str, Callable[[], AbstractAsyncContextManager[Platform]]] = {**CALL_BACK, **CONNECT, **SEND_ONLY}
