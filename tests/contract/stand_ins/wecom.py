"""WeCom: applications, AI bots in both ways, customer service, and group robots."""

from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import Self

from ai_worker.channels.contract import CallbackRequest, ChannelSettings
from ai_worker.channels.wecom.settings import WecomGroupSettings
from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.demo.wecom_bot import SimulatedBotGateway
from ai_worker.demo.wecom_bot_callback import SimulatedBotCallbacks
from ai_worker.demo.wecom_group import SimulatedGroup
from ai_worker.demo.wecom_kf import ACCOUNT, SimulatedKf
from ai_worker.foundation.clock import FixedClock
from tests.channels.wecom import peer


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


class WecomBotGateway:
    """The simulated long connection of an AI bot. The contact has opened the chat: else nothing may be pushed."""

    address: Mapping[str, str] = {"user": peer.USER}

    def __init__(self) -> None:
        self._gateway = SimulatedBotGateway(bot_id=peer.BOT, secret=peer.SECRET)

    async def __aenter__(self) -> Self:
        await self._gateway.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._gateway.__aexit__(kind, error, traceback)
        assert list(self._gateway.counts.violations) == []

    def settings(self) -> ChannelSettings:
        return peer.bot_settings(ws_url=self._gateway.ws_url)

    async def ready(self) -> None:
        await self._gateway.connected()
        await self._gateway.enter(peer.USER)
        await self._gateway.bubbles(peer.USER, 1)

    async def say(self, text: str, *, message_id: str) -> None:
        await self._gateway.say(peer.USER, text, msg_id=message_id)

    async def rubbish(self) -> None:
        for frame in ("", "{", "[1]", "[" * 100_000, '{"cmd": 7}', '{"cmd": "aibot_msg_callback"}', b"\x00\xff"):
            await self._gateway.raw(frame)
        await self._gateway.post(peer.USER, {"msgtype": "text", "text": ["no", "object"]})
        await self._gateway.post(peer.USER, {"msgtype": "event", "event": {"eventtype": 7}})

    def shown(self) -> list[str]:
        return [bubble.text for bubble in self._gateway.shown_to(peer.USER) if bubble.msgtype != "text"]


class WecomBotCallbacks:
    """A bot that is called back: messages sealed by wechatpy, late answers taken by the simulated platform."""

    def __init__(self) -> None:
        self._platform = SimulatedBotCallbacks(bot_id=peer.BOT, token=peer.TOKEN, encoding_aes_key=peer.KEY)
        self.address: Mapping[str, str] = {"user": peer.USER}

    async def __aenter__(self) -> Self:
        await self._platform.__aenter__()
        self.address = {"user": peer.USER, "stream": "stream-1", "late": self._platform.late_url(peer.USER)}
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._platform.__aexit__(kind, error, traceback)
        assert list(self._platform.counts.violations) == []

    def settings(self) -> ChannelSettings:
        return peer.callback_bot_settings(api_base=self._platform.api_base)

    async def ready(self) -> None:
        return

    def said(self, text: str, *, message_id: str) -> CallbackRequest:
        return peer.bot_callback(peer.bot_body(text, msgid=message_id))

    def forged(self) -> list[CallbackRequest]:
        good = peer.bot_callback(peer.bot_body())
        return [
            replace(good, query={**good.query, "msg_signature": "0" * 40}),
            replace(good, query={}),
            peer.bot_callback(peer.bot_body(), receive_id=peer.CORP),
            peer.bot_callback(peer.bot_body(aibotid="aib-another")),
            replace(good, body=b'{"msgid": "1", "msgtype": "text"}'),
        ]

    def shown(self) -> list[str]:
        return [bubble.text for bubble in self._platform.shown_to(peer.USER)]


class WecomKf:
    """The simulated customer service; its events are sealed by wechatpy."""

    address: Mapping[str, str] = {"user": peer.USER, "account": ACCOUNT, "asked": "1001"}

    def __init__(self) -> None:
        self._platform = SimulatedKf(
            corp_id=peer.CORP,
            secret=peer.SECRET,
            token=peer.TOKEN,
            encoding_aes_key=peer.KEY,
            clock=FixedClock(),
        )
        self._said: set[str] = set()

    async def __aenter__(self) -> Self:
        await self._platform.__aenter__()
        self._platform.put(peer.USER, {"msgtype": "text", "text": {"content": "在吗"}}, origin=5)
        self._platform.allow(peer.USER)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._platform.__aexit__(kind, error, traceback)
        assert list(self._platform.counts.violations) == []

    def settings(self) -> ChannelSettings:
        return peer.kf_settings(api_base=self._platform.api_base)

    async def ready(self) -> None:
        return

    def said(self, text: str, *, message_id: str) -> CallbackRequest:
        if message_id not in self._said:  # it is the event that comes again
            self._said.add(message_id)
            self._platform.put(peer.USER, {"msgtype": "text", "text": {"content": text}}, msg_id=message_id)
        return peer.sealed(self._platform.event_xml())

    def forged(self) -> list[CallbackRequest]:
        self._platform.put(peer.USER, {"msgtype": "text", "text": {"content": "把库存清零"}})
        encrypted = peer.encrypted_by_wechatpy(self._platform.event_xml())
        foreign = peer.signed_by_wechatpy(encrypted, token="foreign")
        return [
            peer.signed(encrypted, msg_signature=foreign),
            peer.post(peer.outer(encrypted), {}),
            peer.sealed(self._platform.event_xml(), receive_id="wwanother"),
            peer.sealed(peer.text_xml()),
        ]

    def shown(self) -> list[str]:
        return [shown.text for shown in self._platform.shown_to(peer.USER)]


class WecomGroup:
    """The simulated group with a robot."""

    address: Mapping[str, str] = {}

    def __init__(self) -> None:
        self._group = SimulatedGroup(key="693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa", clock=FixedClock())

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._group.__aexit__(kind, error, traceback)
        assert list(self._group.counts.violations) == []

    def settings(self) -> ChannelSettings:
        return WecomGroupSettings.model_validate({"kind": "wecom-group", "webhook_url": self._group.webhook_url})

    async def ready(self) -> None:
        return

    def shown(self) -> list[str]:
        return self._group.shown
