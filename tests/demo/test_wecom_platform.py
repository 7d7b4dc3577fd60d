"""The simulated WeCom: it speaks the protocol (wechatpy agrees) and is as strict as the platform."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from wechatpy.enterprise.crypto import WeChatCrypto
from wechatpy.enterprise.parser import parse_message
from wechatpy.exceptions import InvalidSignatureException

from ai_worker.demo.wecom import Fault, Said, SimulatedWecom
from ai_worker.demo.wecom_api import Shown
from ai_worker.demo.wecom_envelope import Seal
from ai_worker.foundation.clock import FixedClock

CORP, TOKEN, SECRET = "ww109031c05318848b", "Q7sXb2LmVt9pRc4W", "wK3v9s-Yq8mZt1LrXc5bNf7hJd2gPa6e"
KEY = "A9Gp/FUWrkIQZ0SpLGyAx1kqziXGMa2QN/IRUNr376o"
USER = "linxiaoyan"


def platform(**changes: Any) -> SimulatedWecom:
    told = {"corp_id": CORP, "agent_id": 1000002, "secret": SECRET, "token": TOKEN, "encoding_aes_key": KEY}
    return SimulatedWecom(**{**told, **changes})


class WechatpyApp:
    """A self-built application as wechatpy's users write it: the platform's independent peer."""

    def __init__(self) -> None:
        self.crypto = WeChatCrypto(TOKEN, KEY, CORP)
        self.messages: list[Any] = []
        self.answers: list[web.Response] = []
        self.delay_s = 0.0
        self.url = ""

    async def serve(self, request: web.Request) -> web.Response:
        query = request.query
        signed = (query["msg_signature"], query["timestamp"], query["nonce"])
        if request.method == "GET":
            return web.Response(text=self.crypto.check_signature(*signed, query["echostr"]))
        plain = self.crypto.decrypt_message(await request.text(), *signed)
        self.messages.append(parse_message(plain))
        await asyncio.sleep(self.delay_s)
        return self.answers.pop(0) if self.answers else web.Response()


@asynccontextmanager
async def wechatpy_app() -> AsyncIterator[WechatpyApp]:
    app, server = WechatpyApp(), web.Application()
    server.router.add_route("*", "/callback", app.serve)
    runner = web.AppRunner(server, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    app.url = f"http://127.0.0.1:{runner.addresses[0][1]}/callback"
    try:
        yield app
    finally:
        await runner.cleanup()


@asynccontextmanager
async def company(**changes: Any) -> AsyncIterator[tuple[SimulatedWecom, WechatpyApp]]:
    async with wechatpy_app() as app, platform(callback_url=app.url, **changes) as wecom:
        yield wecom, app


async def call(wecom: SimulatedWecom, path: str, *, json: Any = None, data: bytes | None = None, **query: str) -> Any:
    method = "GET" if path == "gettoken" else "POST"
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"{wecom.api_base}/cgi-bin/{path}", params=query, json=json, data=data) as response,
    ):
        return await response.json()


async def token(wecom: SimulatedWecom) -> str:
    answer = await call(wecom, "gettoken", corpid=CORP, corpsecret=SECRET)
    assert answer["errcode"] == 0, answer
    return str(answer["access_token"])


def text(content: str = "在的", **changes: Any) -> dict[str, Any]:
    return {"touser": USER, "msgtype": "text", "agentid": 1000002, "text": {"content": content}, **changes}


async def test_wechatpy_understands_what_the_platform_says() -> None:
    async with company() as (wecom, app):
        said = await wecom.say(USER, "订单 ORD12345 ]]> 到哪了？<b>&amp;")

        assert (said.acknowledged, said.attempts) == (True, 1)
        (message,) = app.messages
        assert (message.type, message.content, message.source) == ("text", "订单 ORD12345 ]]> 到哪了？<b>&amp;", USER)
        assert str(message.id) == said.msg_id
        assert message.agent == 1000002


async def test_wechatpy_understands_events_and_other_types() -> None:
    async with company() as (wecom, app):
        await wecom.event(USER, "enter_agent")
        await wecom.post(USER, {"MsgType": "image", "PicUrl": "https://p.example/1", "MediaId": "m1"})

        assert [type(message).__name__ for message in app.messages][1] == "ImageMessage"
        assert app.messages[1].media_id == "m1"


async def test_the_platform_seals_what_wechatpy_opens_and_the_signature_binds_it() -> None:
    seal, crypto = Seal(TOKEN, KEY, CORP), WeChatCrypto(TOKEN, KEY, CORP)
    for length in range(64):
        encrypted = seal.encrypt("单" * length)
        signature = seal.sign("1795328640", "n", encrypted)
        assert crypto.check_signature(signature, "1795328640", "n", encrypted) == "单" * length
    with pytest.raises(InvalidSignatureException):
        crypto.check_signature(signature, "1795328641", "n", encrypted)
    assert TOKEN not in repr(seal)
    assert KEY not in repr(seal)


async def test_the_url_is_verified_only_with_the_bare_plaintext() -> None:
    async with company() as (wecom, app):
        assert await wecom.verify_url()
        wecom.callback_url = app.url.replace("/callback", "/nowhere")
        assert not await wecom.verify_url()
        wecom.callback_url = "http://127.0.0.1:9/"
        assert not await wecom.verify_url()


async def test_it_delivers_three_times_signed_anew_and_then_gives_up() -> None:
    async with company() as (wecom, app):
        app.answers = [web.Response(status=503), web.Response(status=500)]
        said = await wecom.say(USER, "在吗")
        assert (said.acknowledged, said.attempts, len(app.messages)) == (True, 3, 3)

        app.answers = [web.Response(status=403) for _ in range(3)]
        said = await wecom.say(USER, "在吗")
        assert (said.acknowledged, said.attempts) == (False, 3)
        assert (wecom.counts.unacknowledged, wecom.counts.refused_callbacks) == (1, 5)
        assert len({message.id for message in app.messages}) == 2


async def test_a_late_acknowledgement_is_a_missed_deadline() -> None:
    async with company(deadline_s=0.05) as (wecom, app):
        app.delay_s = 0.2
        assert not (await wecom.say(USER, "在吗")).acknowledged
        assert wecom.counts.missed_deadlines == 3


async def test_an_answer_that_is_neither_empty_nor_sealed_is_a_violation() -> None:
    async with company() as (wecom, app):
        app.answers = [web.Response(text="success")]
        await wecom.say(USER, "在吗")
        assert wecom.counts.violations


async def test_the_same_id_again_is_a_duplicate() -> None:
    async with company() as (wecom, app):
        said = await wecom.say(USER, "在吗")
        await wecom.say(USER, "在吗", msg_id=said.msg_id)
        assert len({message.id for message in app.messages}) == 1


async def test_the_token_stays_the_same_while_it_is_valid() -> None:
    clock = FixedClock()
    async with platform(clock=clock) as wecom:
        first = await token(wecom)
        clock.advance(timedelta(seconds=7_199))
        assert await token(wecom) == first
        clock.advance(timedelta(seconds=1))
        assert (await call(wecom, "message/send", json=text(), access_token=first))["errcode"] == 42001
        assert await token(wecom) != first


async def test_wrong_credentials_and_tokens_are_refused() -> None:
    async with platform() as wecom:
        assert (await call(wecom, "gettoken", corpid="ww0", corpsecret=SECRET))["errcode"] == 40013
        assert (await call(wecom, "gettoken", corpid=CORP, corpsecret="错"))["errcode"] == 40001
        assert (await call(wecom, "message/send", json=text()))["errcode"] == 41001
        assert (await call(wecom, "message/send", json=text(), access_token="错"))["errcode"] == 40014
        good = await token(wecom)
        wecom.invalidate_token()
        assert (await call(wecom, "message/send", json=text(), access_token=good))["errcode"] == 40014


async def test_fetching_tokens_is_throttled() -> None:
    async with platform() as wecom:
        answers = [await call(wecom, "gettoken", corpid=CORP, corpsecret=SECRET) for _ in range(101)]
        assert [answer["errcode"] for answer in answers] == [0] * 100 + [45009]
        assert wecom.counts.violations


@pytest.mark.parametrize(
    ("message", "errcode"),
    [
        (text(agentid="1000002"), 40056),
        (text(agentid=True), 40056),
        (text(agentid=1000003), 40056),
        (text(touser=""), 40058),
        (text(touser="|".join(f"u{n}" for n in range(1_001))), 40058),
        (text(msgtype="telex"), 40008),
        (text(content=""), 44004),
        (text(text="在的"), 44004),
    ],
)
async def test_a_malformed_message_is_refused(message: dict[str, Any], errcode: int) -> None:
    async with platform() as wecom:
        assert (await call(wecom, "message/send", json=message, access_token=await token(wecom)))["errcode"] == errcode


async def test_what_is_not_json_is_refused() -> None:
    async with platform() as wecom:
        assert (await call(wecom, "message/send", data=b"{", access_token=await token(wecom)))["errcode"] == 47001


async def test_unknown_members_are_listed_and_the_others_reached() -> None:
    async with platform() as wecom:
        wecom.forget_member("Nobody")
        good = await token(wecom)
        some = await call(wecom, "message/send", json=text(touser=f"{USER}|Nobody"), access_token=good)
        none = await call(wecom, "message/send", json=text(touser="Nobody"), access_token=good)

        assert (some["errcode"], some["invaliduser"]) == (0, "nobody")
        assert none["errcode"] == 81013
        assert len(wecom.shown_to(USER)) == 1


async def test_longer_texts_are_cut_and_reported() -> None:
    async with platform() as wecom:
        await call(wecom, "message/send", json=text("单" * 700), access_token=await token(wecom))
        assert len(wecom.shown_to(USER)[0].text.encode()) == 2_046
        assert re.search("2100 bytes", wecom.counts.violations[0])


async def test_over_thirty_a_minute_to_one_member_are_dropped_in_silence() -> None:
    clock = FixedClock()
    async with platform(clock=clock) as wecom:
        good = await token(wecom)
        answers = [await call(wecom, "message/send", json=text(str(n)), access_token=good) for n in range(32)]
        await call(wecom, "message/send", json=text(touser="别人"), access_token=good)

        assert {answer["errcode"] for answer in answers} == {0}
        assert (len(wecom.shown_to(USER)), wecom.counts.dropped, len(wecom.shown_to("别人"))) == (30, 2, 1)
        clock.advance(timedelta(seconds=60))
        await call(wecom, "message/send", json=text("下一分钟"), access_token=good)
        assert wecom.shown_to(USER)[-1].text == "下一分钟"


async def test_the_duplicate_check_drops_what_was_shown_within_its_interval() -> None:
    clock = FixedClock()
    async with platform(clock=clock) as wecom:
        good = await token(wecom)
        again = text(enable_duplicate_check=1, duplicate_check_interval=600)
        await call(wecom, "message/send", json=text(), access_token=good)
        await call(wecom, "message/send", json=text(), access_token=good)
        await call(wecom, "message/send", json=again, access_token=good)
        assert (len(wecom.shown_to(USER)), wecom.counts.suppressed) == (2, 1)
        clock.advance(timedelta(seconds=601))
        await call(wecom, "message/send", json=again, access_token=good)
        assert len(wecom.shown_to(USER)) == 3


async def test_a_fault_happens_once_and_only_the_taken_message_is_shown() -> None:
    async with platform() as wecom:
        good = await token(wecom)
        wecom.fail_next(Fault.code(-1), Fault.http(502), Fault.lost_answer())
        assert (await call(wecom, "message/send", json=text("一"), access_token=good))["errcode"] == -1
        with pytest.raises(aiohttp.ContentTypeError):
            await call(wecom, "message/send", json=text("二"), access_token=good)
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await call(wecom, "message/send", json=text("三"), access_token=good)
        assert (await call(wecom, "message/send", json=text("四"), access_token=good))["errcode"] == 0
        assert [shown.text for shown in wecom.shown_to(USER)] == ["三", "四"]


async def test_waiting_for_a_reply_ends_with_the_first_after_what_was_said() -> None:
    async with company() as (wecom, _):
        good = await token(wecom)
        await call(wecom, "message/send", json=text("早先的"), access_token=good)
        said = await wecom.say(USER, "在吗")
        waiting: asyncio.Task[Shown] = asyncio.create_task(wecom.reply_to(USER, after=said))
        both = asyncio.create_task(wecom.replies_to(USER, 2, after=said))
        await asyncio.sleep(0)
        await call(wecom, "message/send", json=text("给别人", touser="别人"), access_token=good)
        await call(wecom, "message/send", json=text("在的"), access_token=good)
        await call(wecom, "message/send", json=text("请讲"), access_token=good)

        assert (await waiting).text == "在的"
        assert [shown.text for shown in await both] == ["在的", "请讲"]
        assert (await wecom.reply_to(USER)).text == "早先的"


async def test_waiting_in_vain_ends_too() -> None:
    async with platform() as wecom:
        with pytest.raises(TimeoutError):
            await wecom.reply_to(USER, after=Said("1", USER, True, 1, 0.0, 0), timeout=0.05)
