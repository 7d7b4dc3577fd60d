"""DingTalk: by HTTP, over Stream connections, and its custom robot."""

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from ai_worker.channels.contract import CallbackRequest, ChannelSettings
from ai_worker.channels.dingtalk.settings import DingtalkGroupSettings
from ai_worker.foundation.clock import FixedClock
from tests.channels.dingtalk import peer as dingtalk


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
