"""The three simulated platforms of the demo, and the people who write from them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from ai_worker.demo.company import CARD_TEMPLATE, DINGTALK, FEISHU, PEOPLE, WECOM, Credentials
from ai_worker.demo.dingtalk import SimulatedDingtalk
from ai_worker.demo.feishu import SimulatedFeishu
from ai_worker.demo.phones import DingtalkPhone, FeishuPhone, Phone, WecomPhone
from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.foundation.clock import Clock


@dataclass(frozen=True, slots=True)
class Platforms:
    """The three simulated platforms."""

    wecom: SimulatedWecom
    feishu: SimulatedFeishu
    dingtalk: SimulatedDingtalk

    async def connected(self, api_url: str, *, timeout_s: float) -> bool:
        """Wait for the two long connections; return whether WeCom could verify its callback address.

        Raises:
            TimeoutError: Feishu or DingTalk had no connection within `timeout_s` seconds.
        """
        self.wecom.callback_url = _callback(api_url, WECOM)
        async with asyncio.timeout(timeout_s):
            await self.feishu.gateway.until_connected()
            await self.dingtalk.connected()
        return await self.wecom.verify_url()

    def phones(self, api_url: str, *, corp_id: str, clock: Clock) -> dict[str, Phone]:
        """Return the apps in which people talk to the worker."""
        return {
            WECOM: WecomPhone(self.wecom, corp_id=corp_id, clock=clock),
            FEISHU: FeishuPhone(self.feishu, callback_url=_callback(api_url, FEISHU), clock=clock),
            DINGTALK: DingtalkPhone(self.dingtalk, callback_url=_callback(api_url, DINGTALK), clock=clock),
        }


@asynccontextmanager
async def simulated(credentials: Credentials) -> AsyncIterator[Platforms]:
    """Start the platforms; each knows the people who write from it."""
    wecom = SimulatedWecom(
        corp_id=credentials.corp_id,
        agent_id=credentials.agent_id,
        secret=credentials.app_secret,
        token=credentials.token,
        encoding_aes_key=credentials.encoding_aes_key,
    )
    feishu = SimulatedFeishu(
        app_id=credentials.feishu_app_id,
        app_secret=credentials.feishu_app_secret,
        encrypt_key=credentials.feishu_encrypt_key,
    )
    dingtalk = SimulatedDingtalk(
        client_id=credentials.dingtalk_client_id,
        client_secret=credentials.dingtalk_client_secret,
        card_template=CARD_TEMPLATE,
    )
    for person in PEOPLE:
        match person.platform:
            case "feishu":
                feishu.api.people[person.id] = (person.name, person.department)
            case "dingtalk":
                dingtalk.api.directory[person.id] = (person.name, (person.department,))
            case _:
                wecom.know(person.id, name=person.name, department=person.department)
    async with AsyncExitStack() as stack:
        for platform in (wecom, feishu, dingtalk):
            await stack.enter_async_context(platform)
        yield Platforms(wecom, feishu, dingtalk)


def _callback(api_url: str, channel: str) -> str:
    return f"{api_url}/channels/{channel}/callback"
