"""Feishu: by HTTP, over the long connection, and its custom robot."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from ai_worker.channels.contract import CallbackRequest, ChannelSettings
from ai_worker.channels.feishu.frames import DATA, Frame, encode
from ai_worker.channels.feishu.settings import FeishuGroupSettings
from ai_worker.demo.feishu_gateway import SERVICE
from ai_worker.foundation.clock import FixedClock
from tests.channels.feishu import peer as feishu_peer


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
