"""The simulated DingTalk: as strict as the platform. (The official SDK's word on it: tests/channels/dingtalk.)"""

import asyncio
from typing import Any

import aiohttp
import pytest

from ai_worker.demo.dingtalk import SimulatedDingtalk
from ai_worker.foundation.clock import FixedClock
from tests.channels.dingtalk.peer import CLIENT_ID, CLIENT_SECRET, STAFF, TEMPLATE, later, platform

OPEN = {"clientId": CLIENT_ID, "clientSecret": CLIENT_SECRET, "subscriptions": [{"type": "CALLBACK", "topic": "/t"}]}


async def call(dingtalk: SimulatedDingtalk, method: str, path: str, body: Any, *, token: str = "") -> tuple[int, Any]:
    headers = {"x-acs-dingtalk-access-token": token}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{dingtalk.base}{path}", json=body, headers=headers) as response,
    ):
        return response.status, await response.json()


async def token(dingtalk: SimulatedDingtalk) -> str:
    body = {"appKey": CLIENT_ID, "appSecret": CLIENT_SECRET}
    _, told = await call(dingtalk, "POST", "/v1.0/oauth2/accessToken", body)
    return str(told["accessToken"])


@pytest.mark.parametrize(
    ("changes", "status"),
    [({}, 200), ({"clientSecret": "x"}, 401), ({"clientId": "x"}, 401), ({"subscriptions": []}, 400)],
)
async def test_a_ticket_is_given_to_a_published_application(changes: dict[str, Any], status: int) -> None:
    async with platform() as dingtalk:
        assert (await call(dingtalk, "POST", "/v1.0/gateway/connections/open", {**OPEN, **changes}))[0] == status
        dingtalk.gateway.published = False
        assert (await call(dingtalk, "POST", "/v1.0/gateway/connections/open", OPEN))[0] == 400
        dingtalk.gateway.down = True
        assert (await call(dingtalk, "POST", "/v1.0/gateway/connections/open", OPEN))[0] == 503


async def test_a_ticket_opens_one_connection_within_ninety_seconds() -> None:
    clock = FixedClock()
    async with platform(clock=clock) as dingtalk, aiohttp.ClientSession() as session:
        for age, reuses in ((89, 1), (91, 3)):
            _, told = await call(dingtalk, "POST", "/v1.0/gateway/connections/open", OPEN)
            clock.advance(later(age).now() - later(0).now())
            address = f"{told['endpoint']}?ticket={told['ticket']}"
            if age < 90:
                await (await session.ws_connect(address)).close()
            else:
                with pytest.raises(aiohttp.WSServerHandshakeError):
                    await session.ws_connect(address)
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(address)
            assert dingtalk.counts.ticket_reuses == reuses


async def test_a_push_without_an_answer_is_a_missed_deadline_and_one_without_a_connection_is_lost() -> None:
    async with platform(robot_deadline_s=0.2) as dingtalk, aiohttp.ClientSession() as session:
        assert (await dingtalk.say(STAFF, "在吗")).lost
        topic = {"type": "CALLBACK", "topic": "/v1.0/im/bot/messages/get"}
        _, told = await call(dingtalk, "POST", "/v1.0/gateway/connections/open", {**OPEN, "subscriptions": [topic]})
        async with session.ws_connect(f"{told['endpoint']}?ticket={told['ticket']}") as socket:
            said = await dingtalk.say(STAFF, "在吗")
            assert (said.acknowledged, said.lost) == (False, False)
            assert "在吗" in (await socket.receive_str())
        assert (dingtalk.counts.missed_deadlines, dingtalk.counts.lost) == (1, 1)


async def test_calls_need_a_good_token_and_stay_below_twenty_a_second() -> None:
    clock = FixedClock()
    body = {"robotCode": CLIENT_ID, "userIds": [STAFF], "msgKey": "sampleText", "msgParam": '{"content":"好"}'}
    path = "/v1.0/robot/oToMessages/batchSend"
    async with platform(clock=clock) as dingtalk:
        assert (await call(dingtalk, "POST", path, body))[0] == 401
        good = await token(dingtalk)
        statuses = [(await call(dingtalk, "POST", path, body, token=good))[0] for _ in range(21)]
        assert statuses == [200] * 20 + [403]
        assert len(dingtalk.counts.violations) == 1
        clock.advance(later(7_200).now() - later(0).now())
        assert (await call(dingtalk, "POST", path, body, token=good))[0] == 401


@pytest.mark.parametrize(
    "changes", [{"robotCode": "x"}, {"msgParam": {"content": "好"}}, {"msgParam": "好"}, {"userIds": []}]
)
async def test_a_call_that_is_not_valid_shows_nothing(changes: dict[str, Any]) -> None:
    body = {"robotCode": CLIENT_ID, "userIds": [STAFF], "msgKey": "sampleText", "msgParam": '{"content":"好"}'}
    async with platform() as dingtalk:
        path = "/v1.0/robot/oToMessages/batchSend"
        assert (await call(dingtalk, "POST", path, {**body, **changes}, token=await token(dingtalk)))[0] == 400
        assert dingtalk.counts.shown == 0


async def test_a_card_has_one_writer_and_is_written_whole_until_it_is_finalized() -> None:
    made = {
        "cardTemplateId": TEMPLATE,
        "outTrackId": "c-1",
        "cardData": {"cardParamMap": {"content": ""}},
        "openSpaceId": f"dtv1.card//IM_ROBOT.{STAFF}",
        "imRobotOpenDeliverModel": {"spaceType": "IM_ROBOT", "robotCode": CLIENT_ID},
    }

    def words(text: str, **changes: Any) -> dict[str, Any]:
        return {"outTrackId": "c-1", "guid": text, "key": "content", "content": text, "isFull": True, **changes}

    async with platform(card_template=TEMPLATE) as dingtalk:
        good = await token(dingtalk)

        async def card(method: str, path: str, body: Any) -> int:
            return (await call(dingtalk, method, f"/v1.0/card/{path}", body, token=good))[0]

        assert await card("PUT", "streaming", words("早")) == 404
        assert await card("POST", "instances/createAndDeliver", {**made, "cardTemplateId": "x"}) == 400
        assert await card("POST", "instances/createAndDeliver", {**made, "cardData": {"cardParamMap": {"a": 1}}}) == 400
        assert await card("POST", "instances/createAndDeliver", made) == 200
        assert await card("POST", "instances/createAndDeliver", made) == 400
        both = await asyncio.gather(*[card("PUT", "streaming", words(text)) for text in ("一", "二")])
        assert sorted(both) == [200, 403]
        assert await card("PUT", "streaming", words("三", isFull=False)) == 400
        assert await card("PUT", "streaming", words("完", isFinalize=True)) == 200
        assert await card("PUT", "streaming", words("再")) == 400
        (shown,) = dingtalk.shown_in(STAFF)
        assert (shown.text, dingtalk.card("c-1").finished) == ("完", False)
        assert await card("PUT", "instances", {"outTrackId": "c-1", "cardData": {"cardParamMap": {"a": "b"}}}) == 200
        assert dingtalk.card("c-1").params == {"a": "b"}  # not a partial update: the rest is gone
        assert len(dingtalk.counts.violations) == 4


async def test_a_robot_that_is_too_fast_is_cut_off_for_ten_minutes() -> None:
    clock = FixedClock()
    body = {"msgtype": "text", "text": {"content": "好"}}
    async with platform(clock=clock) as dingtalk:
        path = dingtalk.add_robot().removeprefix(dingtalk.base)
        codes = [(await call(dingtalk, "POST", path, body))[1]["errcode"] for _ in range(22)]
        assert codes == [0] * 20 + [130101] * 2
        clock.advance(later(599).now() - later(0).now())
        assert (await call(dingtalk, "POST", path, body))[1]["errcode"] == 130101
        clock.advance(later(2).now() - later(0).now())
        assert (await call(dingtalk, "POST", path, body))[1]["errcode"] == 0


async def test_a_session_ends_and_takes_only_what_it_can_show() -> None:
    clock = FixedClock()
    async with platform(clock=clock) as dingtalk:
        path = dingtalk.message(STAFF, "在吗")["sessionWebhook"].removeprefix(dingtalk.base)
        for body, code in (
            ({"msgtype": "text", "text": {"content": "好"}}, 0),
            ({"msgtype": "image"}, 400105),
            ({"msgtype": "text", "text": {}}, 40035),
            ({"msgtype": "text", "text": {"content": "好" * 5_000}}, 460101),
            ({"msgtype": "text", "text": {"content": "好"}, "at": {"atUserIds": [None]}}, 40035),
        ):
            assert (await call(dingtalk, "POST", path, body))[1]["errcode"] == code
        clock.advance(later(5_400).now() - later(0).now())
        told = await call(dingtalk, "POST", path, {"msgtype": "text", "text": {"content": "好"}})
        assert told == (200, {"errcode": 300001, "errmsg": "token is not exist"})
