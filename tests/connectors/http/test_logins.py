"""Log-ins of systems' own making: tokens in bodies, signed and encrypted log-ins, tokens against forged requests."""

from base64 import b64decode, b64encode
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ai_worker.connectors.http.authenticate import EVERYWHERE
from ai_worker.connectors.http.caller import HttpCaller
from ai_worker.connectors.http.csrf import Csrf
from ai_worker.connectors.http.login import Login
from ai_worker.connectors.http.signing import Signed
from ai_worker.connectors.http.tokens import CredentialsRefused
from ai_worker.connectors.profile import Profile, RefusalSign
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.secret import Secret
from tests.connectors.http.business import LOOPBACK, READ, WRITE, connected, json, served

SIGN = RefusalSign("errorCode", good=(0,), expired=(20016,))


async def test_a_token_that_belongs_into_the_body_stands_beside_the_arguments_and_is_renewed() -> None:
    async with connected() as (business, _):
        business.says(
            json({"corpAccessToken": "token-1"}),
            json({"errorCode": 20016}),
            json({"corpAccessToken": "token-2"}),
            json({"errorCode": 0, "data": 1}),
        )
        login = Login(
            f"{business.base}/token",
            {"appSecret": Secret("s-e-c-r-e-t")},
            found_at="corpAccessToken",
            place="body",
            key="corpAccessToken",
            sent_with={"corpId": Secret("corp-7")},
        )
        credentials = {EVERYWHERE: login}
        async with connected(credentials=credentials, base_url=business.base, refusals=(SIGN,)) as (_, caller):
            assert (await caller.call(WRITE, {"order": "O1"})).data == {"errorCode": 0, "data": 1}
        bodies = [msgspec.json.decode(content) for _, _, _, content in business.asked]
    assert bodies[1] == {"order": "O1", "corpId": "corp-7", "corpAccessToken": "token-1"}
    assert bodies[3] == {"order": "O1", "corpId": "corp-7", "corpAccessToken": "token-2"}


async def test_a_log_in_is_signed_itself() -> None:
    async with connected() as (business, _):
        business.says(json({"data": {"access_token": "token-1", "expire": 7200}}), json({}))
        signed = Signed(
            "key-1",
            Secret("secret-1"),
            "appKey{key}timestamp{timestamp_ms}",
            query={"appKey": "{key}", "timestamp": "{timestamp_ms}", "signature": "{signature}"},
            encoding="base64",
        )
        login = Login(
            f"{business.base}/token", {}, method="GET", sends="nothing", found_at="data.access_token",
            life="data.expire", place="query", key="access_token", signed=signed,
        )  # fmt: skip
        clock = FixedClock()
        async with connected(credentials={EVERYWHERE: login}, base_url=business.base, clock=clock) as (_, caller):
            await caller.call(READ, {"id": "1"})
        asked, called = business.asked
    assert asked[0] == "GET"
    assert asked[1].startswith("/token?appKey=key-1&timestamp=")
    assert "signature=" in asked[1]
    assert called[1] == "/orders/1?access_token=token-1"


async def test_what_a_system_wants_encrypted_only_it_can_read() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = b64encode(private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()

    def opened(text: str) -> str:
        return private.decrypt(b64decode(text), padding.PKCS1v15()).decode()

    async with connected() as (business, _):
        business.says(json({"token": "token-1"}), json({}))
        login = Login(
            f"{business.base}/applytoken", {}, sends="nothing", found_at="token", key="token",
            headers={"appid": Secret("app-1"), "secret": Secret("s-e-c-r-e-t")},
            sent_with={"appid": Secret("app-1"), "userid": Secret("17")},
            rsa_key=Secret(public), encrypted=frozenset({"secret", "userid"}),
        )  # fmt: skip
        async with connected(credentials={EVERYWHERE: login}, base_url=business.base) as (_, caller):
            await caller.call(READ, {"id": "1"})
        (_, _, asking, _), (_, _, calling, _) = business.asked
        assert (asking["appid"], opened(asking["secret"])) == ("app-1", "s-e-c-r-e-t")
        assert (calling["token"], calling["appid"], opened(calling["userid"])) == ("token-1", "app-1", "17")
        credentials = {EVERYWHERE: replace(login, rsa_key=Secret("bm8ga2V5"))}
        async with connected(credentials=credentials, base_url=business.base) as (_, caller):
            with pytest.raises(CredentialsRefused, match="no public key"):
                await caller.call(READ, {"id": "1"})


async def test_a_token_against_forged_requests_in_a_cookie_goes_back_in_a_header() -> None:
    """As Django and Laravel do it."""
    asked: list[tuple[str, Any, Any]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        asked.append((request.method, request.headers.get("X-CSRFToken"), request.cookies.get("csrftoken")))
        response = web.json_response({})
        if request.method == "GET":
            response.set_cookie("csrftoken", "forge-me-not")
        return response

    async with served(answer) as port:
        base = f"http://127.0.0.1:{port}"
        caller = HttpCaller(
            "erp", Profile(base, networks=LOOPBACK), schemes={}, credentials={}, clock=FixedClock(),
            csrf=Csrf(f"{base}/login", "X-CSRFToken", "csrftoken"),
        )  # fmt: skip
        await caller.start()
        await caller.call(WRITE, {"order": "1"})
        await caller.call(READ, {"id": "1"})
        await caller.close()
    assert asked == [
        ("GET", None, None),
        ("POST", "forge-me-not", "forge-me-not"),
        ("GET", None, None),
    ]


async def test_a_system_that_gives_no_token_is_not_called() -> None:
    async with connected() as (business, _):
        business.says(json({}))
        caller = HttpCaller(
            "erp", Profile(business.base, networks=LOOPBACK), schemes={}, credentials={}, clock=FixedClock(),
            csrf=Csrf(f"{business.base}/"),
        )  # fmt: skip
        await caller.start()
        with pytest.raises(CredentialsRefused, match="forged"):
            await caller.call(WRITE, {"order": "1"})
        await caller.close()
        assert [method for method, *_ in business.asked] == ["GET"]
