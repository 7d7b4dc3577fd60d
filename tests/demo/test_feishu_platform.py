"""The simulated Feishu is as strict as the real one, and says what it would punish."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec

from ai_worker.demo.feishu import SimulatedFeishu
from ai_worker.demo.feishu_front import Fault
from ai_worker.foundation.clock import FixedClock
from tests.channels.feishu.peer import APP, SECRET, platform

CARD = {
    "schema": "2.0",
    "config": {"streaming_mode": True},
    "body": {"elements": [{"tag": "markdown", "element_id": "answer", "content": "退"}]},
}


class Caller:
    """A client that knows nothing of our channel."""

    def __init__(self, at: SimulatedFeishu, http: aiohttp.ClientSession) -> None:
        self._at, self._http = at, http
        self.token = ""

    async def call(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        url = f"{self._at.base_url}{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self._http.request(method, url, json=body, headers=headers) as response:
            answer: dict[str, Any] = await response.json(content_type=None)
        return answer

    async def text(self, uuid: str, *, to: str = "ou_a", text: str = "好的") -> int:
        content = msgspec.json.encode({"text": text}).decode()
        path = "/open-apis/im/v1/messages?receive_id_type=open_id"
        answer = await self.call("POST", path, receive_id=to, msg_type="text", content=content, uuid=uuid)
        code: int = answer["code"]
        return code

    async def card(self) -> str:
        data = msgspec.json.encode(CARD).decode()
        answer = await self.call("POST", "/open-apis/cardkit/v1/cards", type="card_json", data=data)
        card_id: str = answer["data"]["card_id"]
        return card_id

    async def write(self, card_id: str, sequence: int) -> int:
        path = f"/open-apis/cardkit/v1/cards/{card_id}/elements/answer/content"
        code: int = (await self.call("PUT", path, content="退货", sequence=sequence))["code"]
        return code


@asynccontextmanager
async def calling(**changes: Any) -> AsyncIterator[tuple[SimulatedFeishu, Caller]]:
    async with platform(clock=FixedClock(), **changes) as at, aiohttp.ClientSession() as http:
        caller = Caller(at, http)
        path = "/open-apis/auth/v3/tenant_access_token/internal"
        caller.token = (await caller.call("POST", path, app_id=APP, app_secret=SECRET))["tenant_access_token"]
        yield at, caller


async def test_tokens_are_given_to_who_knows_the_secret_and_asked_for_everywhere() -> None:
    async with calling() as (at, caller):
        path = "/open-apis/auth/v3/tenant_access_token/internal"
        assert (await caller.call("POST", path, app_id=APP, app_secret="x"))["code"] == 10014
        assert (await caller.call("POST", path, app_id="x", app_secret=SECRET))["code"] == 10003
        at.api.invalidate_tokens()
        assert await caller.text("u-1") == 99991663


async def test_six_messages_of_a_second_to_one_chat_are_one_too_many() -> None:
    async with calling() as (at, caller):
        codes = [await caller.text(f"u-{number}") for number in range(6)]
        assert codes == [0] * 5 + [230020]
        assert len(at.counts.violations) == 1


async def test_fifty_one_messages_of_a_second_are_one_too_many() -> None:
    async with calling() as (at, caller):
        codes = await asyncio.gather(*(caller.text(f"u-{n}", to=f"ou_{n}") for n in range(51)))
        assert sorted(codes) == [0] * 50 + [99991400]
        assert len(at.counts.violations) == 1


async def test_a_uuid_is_shown_once_and_has_its_length() -> None:
    async with calling() as (at, caller):
        assert [await caller.text("u-1") for _ in range(3)] == [0, 0, 0]
        assert (len(at.shown_to("ou_a")), at.counts.suppressed) == (1, 2)
        assert await caller.text("u" * 51) == 230001
        assert await caller.text("u-2", text="长" * 60_000) == 230025


async def test_the_numbers_of_a_card_only_rise_and_ten_a_second_are_the_most() -> None:
    async with calling() as (at, caller):
        card_id = await caller.card()
        assert [await caller.write(card_id, number) for number in (1, 5, 5, 4)] == [0, 0, 300317, 300317]
        codes = [await caller.write(card_id, number) for number in range(6, 14)]
        assert codes == [0] * 6 + [99991400] * 2
        assert await caller.write("card_unknown", 1) == 200740
        assert len(at.counts.violations) == 4


async def test_the_robot_takes_a_hundred_a_minute_and_five_a_second() -> None:
    async with calling() as (at, caller):
        path = at.webhook_url.removeprefix(at.base_url)
        told: dict[str, Any] = {"msg_type": "text", "content": {"text": "恢复"}}
        assert [(await caller.call("POST", path, **told))["code"] for _ in range(6)] == [0] * 5 + [11232]
        assert (await caller.call("POST", f"{path}x", **told))["code"] == 19001


async def test_faults_hit_the_calls_that_they_are_meant_for() -> None:
    async with calling() as (at, caller):
        at.fail_next(Fault(code=42, path="/cards"), Fault(code=43, path="/messages"))
        assert [await caller.text("u-1"), await caller.text("u-2")] == [43, 0]


async def test_an_address_that_answers_wrongly_is_not_verified() -> None:
    async with platform() as at:
        at.callback_url = f"{at.base_url}/not/ours"
        assert not await at.verify_url()
        at.callback_url = "http://127.0.0.1:9/"
        assert not await at.verify_url()


async def test_a_callback_that_fails_is_pushed_again_on_schedule_and_then_given_up() -> None:
    async with platform(retries_s=(0.01, 0.01)) as at:
        at.callback_url = f"{at.base_url}/not/ours"
        said = await at.say("ou_a", "在吗")
        assert (said.acknowledged, said.attempts, at.counts.unacknowledged) == (False, 3, 1)
