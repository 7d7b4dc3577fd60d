"""Who calls is proved as the contract says, and what proves it is seen by nobody else."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from ai_worker.connectors.http.authenticate import EVERYWHERE, ApiKey, Basic, Bearer, Credential, beside
from ai_worker.connectors.http.login import Login
from ai_worker.connectors.http.oauth import OAuthClient
from ai_worker.connectors.http.tokens import CredentialsRefused
from ai_worker.connectors.operation import Operation, Scheme
from ai_worker.connectors.profile import RefusalSign
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.secret import Secret
from ai_worker.skills.tool import ToolFailed
from tests.connectors.http.business import READ, WRITE, connected, cut, json

SECRET = "sesame-4711"
SCHEMES = {
    "header": Scheme("header", "apiKey", "header", "X-Key"),
    "query": Scheme("query", "apiKey", "query", "api key"),
    "cookie": Scheme("cookie", "apiKey", "cookie", "sid"),
    "basic": Scheme("basic", "basic"),
    "oauth": Scheme("oauth", "oauth2"),
}


def needing(*schemes: str, operation: Operation = READ) -> Operation:
    return replace(operation, security=(dict.fromkeys(schemes, ()),))


@pytest.mark.parametrize(
    ("scheme", "credential", "header", "value"),
    [
        ("header", ApiKey(Secret(SECRET)), "X-Key", SECRET),
        ("header", ApiKey(Secret(SECRET), "header", "X-Other", "Token "), "X-Other", f"Token {SECRET}"),
        ("cookie", ApiKey(Secret("a;b")), "Cookie", "sid=a%3Bb"),
        ("basic", Basic("张三", Secret("p:w")), "Authorization", "Basic 5byg5LiJOnA6dw=="),
        ("oauth", Bearer(Secret(SECRET)), "Authorization", f"Bearer {SECRET}"),
    ],
)
async def test_a_scheme_is_served_in_its_place(scheme: str, credential: Credential, header: str, value: str) -> None:
    async with connected(schemes=SCHEMES, credentials={scheme: credential}) as (business, caller):
        business.says(json({}))
        await caller.call(needing(scheme), {"id": "1"})
        assert business.asked[0][2][header] == value


async def test_a_key_in_the_query_stands_beside_the_arguments() -> None:
    async with connected(schemes=SCHEMES, credentials={"query": ApiKey(Secret("a&b"))}) as (business, caller):
        business.says(json({}))
        await caller.call(needing("query"), {"id": "1", "page": 2})
        assert business.asked[0][1] == "/orders/1?page=2&api%20key=a%26b"


async def test_the_first_requirement_that_can_be_met_is_met_wholly() -> None:
    credentials: dict[str, Credential] = {"header": ApiKey(Secret(SECRET)), "cookie": ApiKey(Secret("c"))}
    operation = replace(READ, security=({"basic": ()}, {"header": (), "cookie": ()}))
    async with connected(schemes=SCHEMES, credentials=credentials) as (business, caller):
        business.says(json({}))
        await caller.call(operation, {"id": "1"})
        headers = business.asked[0][2]
        assert (headers["X-Key"], headers["Cookie"]) == (SECRET, "sid=c")


async def test_without_credentials_nothing_is_sent_and_credentials_for_everything_go_everywhere() -> None:
    async with connected(schemes=SCHEMES) as (business, caller):
        business.says(json({}))
        with pytest.raises(CredentialsRefused, match="needs basic"):
            await caller.call(needing("basic"), {"id": "1"})
        assert business.asked == []
        # What asks for nothing, or for what the contract never describes, is called as it is.
        await caller.call(replace(READ, security=({}, {"basic": ()})), {"id": "1"})
        await caller.call(needing("never-described"), {"id": "1"})
    async with connected(credentials={EVERYWHERE: ApiKey(Secret(SECRET), "header", "X-Key")}) as (business, caller):
        business.says(json({}))
        await caller.call(READ, {"id": "1"})
        assert business.asked[0][2]["X-Key"] == SECRET


async def test_further_secrets_go_beside_whatever_proof_is_chosen() -> None:
    second = {beside("X-License"): ApiKey(Secret("4711-0815"), "header", "X-License", "Key ")}
    async with connected(schemes=SCHEMES, credentials={"header": ApiKey(Secret(SECRET)), **second}) as (
        business,
        caller,
    ):
        business.says(json({"told": "4711-0815"}))
        answer = await caller.call(needing("header"), {"id": "1"})
        headers = business.asked[0][2]

    assert (headers["X-Key"], headers["X-License"]) == (SECRET, "Key 4711-0815")
    assert "4711-0815" not in str(answer.data)


async def test_no_argument_takes_the_place_of_the_proof() -> None:
    parameter = replace(READ.parameters[0], name="authorization", argument="id", place="header")
    operation = replace(needing("oauth"), path="/x", parameters=(parameter,))
    async with connected(schemes=SCHEMES, credentials={"oauth": Bearer(Secret(SECRET))}) as (business, caller):
        business.says(json({}))
        await caller.call(operation, {"id": "Bearer evil"})
        assert business.asked[0][2]["Authorization"] == f"Bearer {SECRET}"


class TokenServer:
    """Gives numbered tokens, and refresh tokens that are good once."""

    def __init__(self) -> None:
        self.forms: list[dict[str, list[str]]] = []
        self.good = ""
        self.refuses = False

    async def answer(self, request: web.Request) -> web.Response:
        """Give a token, or the business system's answer to one."""
        if request.path == "/token":
            self.forms.append(parse_qs((await request.read()).decode()))
            await asyncio.sleep(0)
            if self.refuses:
                return web.json_response({"error": "invalid_client", "error_description": SECRET}, status=401)
            self.good = f"token-{len(self.forms)}"
            fresh = f"refresh-{len(self.forms)}"
            return web.json_response({"access_token": self.good, "expires_in": 600, "refresh_token": fresh})
        if request.headers.get("Authorization") != f"Bearer {self.good}":
            return web.json_response({"errcode": 42001}, status=200 if request.path == "/refunds" else 401)
        return web.json_response({"ok": True, "errcode": 0})


def client(base: str, refresh: str = "") -> OAuthClient:
    return OAuthClient(
        f"{base}/token", "worker", Secret(SECRET), ("orders",), Secret(refresh) if refresh else None, "body"
    )


async def test_many_calls_get_one_token() -> None:
    server = TokenServer()
    async with connected() as (business, _):
        business.says(server.answer)
        credentials = {"oauth": client(business.base)}
        async with connected(schemes=SCHEMES, credentials=credentials, base_url=business.base) as (_, caller):
            await asyncio.gather(*(caller.call(needing("oauth"), {"id": str(number)}) for number in range(10)))
    assert len(server.forms) == 1
    assert server.forms[0]["grant_type"] == ["client_credentials"]
    assert server.forms[0]["scope"] == ["orders"]


async def test_a_token_is_renewed_before_it_runs_out_and_when_the_system_takes_it_no_more() -> None:
    server, clock = TokenServer(), FixedClock()
    async with connected() as (business, _):
        business.says(server.answer)
        credentials = {"oauth": client(business.base)}
        sign = RefusalSign("errcode", good=(0,), expired=(42001,))
        async with connected(
            schemes=SCHEMES, credentials=credentials, base_url=business.base, clock=clock, refusals=(sign,)
        ) as (_, caller):
            await caller.call(needing("oauth"), {"id": "1"})
            clock.advance(timedelta(seconds=550))
            await caller.call(needing("oauth"), {"id": "1"})
            assert len(server.forms) == 2
            server.good = "revoked"
            await asyncio.gather(*(caller.call(needing("oauth"), {"id": str(number)}) for number in range(5)))
            assert len(server.forms) == 3
            server.good = "revoked"
            # Also where the system says so with 200, and also of what acts: it has looked at the token alone.
            answer = await caller.call(needing("oauth", operation=WRITE), {"order": "1"})
            assert answer.data["ok"] is True


async def test_a_refresh_token_that_is_replaced_is_kept() -> None:
    server, clock, kept = TokenServer(), FixedClock(), list[Secret]()

    async def remember(token: Secret) -> None:
        kept.append(token)

    async with connected() as (business, _):
        business.says(server.answer)
        credentials = {"oauth": client(business.base, "refresh-0")}
        async with connected(
            schemes=SCHEMES, credentials=credentials, base_url=business.base, clock=clock, remember=remember
        ) as (_, caller):
            for _ in range(2):
                await caller.call(needing("oauth"), {"id": "1"})
                clock.advance(timedelta(hours=1))
    assert [form["refresh_token"] for form in server.forms] == [["refresh-0"], ["refresh-1"]]
    assert [token.reveal() for token in kept] == ["refresh-1", "refresh-2"]


async def test_a_token_that_stays_refused_is_renewed_once() -> None:
    async with connected() as (business, _):
        business.says(json({"access_token": "a"}), json({}, 401), json({"access_token": "b"}), json({}, 401))
        credentials = {"oauth": client(business.base)}
        async with connected(schemes=SCHEMES, credentials=credentials, base_url=business.base) as (_, caller):
            with pytest.raises(ToolFailed, match="refused our credentials"):
                await caller.call(needing("oauth"), {"id": "1"})
        assert len(business.asked) == 4


async def test_no_secret_shows_in_errors_logs_or_answers() -> None:
    server = TokenServer()
    server.refuses = True
    shown: list[str] = []
    with capture_logs() as logs:
        async with connected() as (business, _):
            business.says(server.answer)
            credentials = {"oauth": client(business.base)}
            async with connected(schemes=SCHEMES, credentials=credentials, base_url=business.base) as (_, caller):
                with pytest.raises(CredentialsRefused, match="invalid_client") as caught:
                    await caller.call(needing("oauth"), {"id": "1"})
                shown += [str(caught.value), repr(caught.value), repr(credentials), repr(caller)]
        async with connected(schemes=SCHEMES, credentials={"query": ApiKey(Secret(SECRET))}) as (business, caller):
            for answer in (cut, json({"you sent": SECRET}), json({"you sent": SECRET}, 400)):
                business.says(answer)
                try:
                    shown.append(repr(await caller.call(needing("query"), {"id": "1"})))
                except ToolFailed as error:
                    shown.append(str(error))
    assert SECRET not in repr((shown, logs))
    assert "***" in repr(shown)


@pytest.mark.parametrize(
    ("login", "asked", "given"),
    [
        (
            {"sends": "query", "method": "GET", "place": "query", "key": "access_token"},
            ("GET", "/login?corpid=ww1&corpsecret=sesame-4711", b""),
            "/orders/1?access_token=token-1",
        ),
        (
            {"sends": "form", "found_at": "data.session", "key": "X-Session", "prefix": "S "},
            ("POST", "/login", b"corpid=ww1&corpsecret=sesame-4711"),
            "S token-2",
        ),
        (
            {"found_at": "", "cookie": "kdservice", "place": "cookie", "key": "kdservice"},
            ("POST", "/login", b'{"corpid":"ww1","corpsecret":"sesame-4711"}'),
            "kdservice=token-3",
        ),
    ],
    ids=["query", "form", "cookie"],
)
async def test_a_login_of_a_system_s_own_gives_a_token_or_a_cookie(
    login: dict[str, Any], asked: tuple[str, str, bytes], given: str
) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path != "/login":
            return web.json_response({})
        response = web.json_response({"errcode": 0, "access_token": "token-1", "data": {"session": "token-2"}})
        response.set_cookie("kdservice", "token-3")
        return response

    async with connected() as (business, _):
        business.says(answer)
        credential = Login(f"{business.base}/login", {"corpsecret": Secret(SECRET)}, {"corpid": "ww1"}, **login)
        async with connected(credentials={EVERYWHERE: credential}, base_url=business.base) as (_, caller):
            for _ in range(2):
                await caller.call(READ, {"id": "1"})
    assert len(business.asked) == 3
    method, path, _, content = business.asked[0]
    assert (method, path, content) == asked
    _, path, headers, _ = business.asked[2]
    assert given in (path, headers.get("X-Session"), headers.get("Cookie"))


async def test_a_login_that_is_refused_says_nothing_of_what_was_sent() -> None:
    async with connected() as (business, _):
        business.says(json({"errcode": 40001, "errmsg": f"bad secret {SECRET}"}))
        credential = Login(f"{business.base}/login", {"corpsecret": Secret(SECRET)})
        async with connected(credentials={EVERYWHERE: credential}, base_url=business.base) as (_, caller):
            with pytest.raises(CredentialsRefused) as caught:
                await caller.call(WRITE, {"order": "1"})
    assert SECRET not in f"{caught.value} {credential!r}"
