"""Stand-ins for the platforms, by kind of channel. A new kind adds its own here.

A kind whose messages come in more than one way has one for each, named `kind:way`. Kinds whose
contacts fetch their replies themselves (`pull`) have no platform and need no stand-in.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from ai_worker.channels.contract import CallbackRequest, ChannelSettings
from tests.contract.stand_ins.dingtalk import DingtalkGroup, DingtalkHttp, DingtalkStream
from tests.contract.stand_ins.feishu import FeishuCallback, FeishuConnection, FeishuRobot
from tests.contract.stand_ins.wecom import Wecom, WecomBotCallbacks, WecomBotGateway, WecomGroup, WecomKf


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


CALL_BACK: Mapping[str, Callable[[], AbstractAsyncContextManager[CallsBack]]] = {
    "dingtalk:http": DingtalkHttp,
    "feishu:webhook": FeishuCallback,
    "wecom-app": Wecom,
    "wecom-bot:callback": WecomBotCallbacks,
    "wecom-kf": WecomKf,
}
CONNECT: Mapping[str, Callable[[], AbstractAsyncContextManager[Connects]]] = {
    "dingtalk:stream": DingtalkStream,
    "feishu:websocket": FeishuConnection,
    "wecom-bot:connection": WecomBotGateway,
}
SEND_ONLY: Mapping[str, Callable[[], AbstractAsyncContextManager[Platform]]] = {
    "dingtalk-group": DingtalkGroup,
    "feishu-group": FeishuRobot,
    "wecom-group": WecomGroup,
}
"""Kinds to which nobody can say anything."""

TAKES_BYTES: Mapping[str, int] = {"wecom-kf": 6_000}
"""How much a platform takes in answer to one message, where that is little."""

PLATFORMS: Mapping[str, Callable[[], AbstractAsyncContextManager[Platform]]] = {**CALL_BACK, **CONNECT, **SEND_ONLY}
