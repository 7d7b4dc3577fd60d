"""What a server says of who gives its tokens is a claim: what does not fit together, or leads elsewhere, is refused."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from ai_worker.connectors.gate import AddressRefused
from ai_worker.connectors.http.consent import Consent
from ai_worker.connectors.http.tokens import CredentialsRefused
from ai_worker.connectors.kind import ConsentGiver, Parts
from ai_worker.connectors.mcp.discovery import GiverNotTrusted, NotFoundOut, find_giver
from ai_worker.connectors.mcp.registration import NoClient
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.secret import Secret
from ai_worker.skills.tool import ToolFailed
from tests.connectors.http.business import served

METADATA = "/.well-known/oauth-authorization-server"
OPENID = "/.well-known/openid-configuration"
RESOURCE = "/.well-known/oauth-protected-resource"


class Claims:
    """A server that refuses everybody, and says of its giver of tokens whatever it is told to say."""

    def __init__(self) -> None:
        self.port = 0
        self.challenge = ""
        self.documents: dict[str, Any] = {}
        self.asked: list[str] = []
        self.registered: list[dict[str, Any]] = []
        self.registers: dict[str, Any] = {"client_id": "made", "client_secret": "sesame-4711"}
        self.status = 401

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, **more: Any) -> dict[str, Any]:
        """Return good metadata of the giver, with what is to be wrong about it."""
        good = {
            "issuer": self.base,
            "authorization_endpoint": f"{self.base}/authorize?tenant=7",
            "token_endpoint": f"{self.base}/token",
            "registration_endpoint": f"{self.base}/register",
            "code_challenge_methods_supported": ["S256"],
            "scopes_supported": ["orders", "offline_access"],
        }
        return {name: value for name, value in {**good, **more}.items() if value is not None}

    def names(self, giver: str) -> dict[str, Any]:
        """Return good metadata of the server that names a giver."""
        return {"resource": f"{self.base}/mcp", "authorization_servers": [giver]}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path == "/register":
            self.registered.append(await request.json())
            return web.json_response(self.registers, status=201)
        if request.path in self.documents:
            return web.json_response(self.documents[request.path])
        if request.path == "/mcp":
            return web.Response(status=self.status, headers={"WWW-Authenticate": self.challenge})
        return web.Response(status=404)


@pytest.fixture
async def claims() -> AsyncIterator[Claims]:
    one = Claims()
    async with served(one.answer) as port:
        one.port = port
        one.documents[RESOURCE] = one.names(one.base)
        one.documents[METADATA] = one.says()
        yield one


async def found(claims: Claims, *trusted: str, parts: Parts | None = None, **auth: Any) -> ConsentGiver:
    return await find_giver(
        "shop", settings_of(claims, **auth), parts or Parts(FixedClock()), trusts=trusting(*trusted), anew=False
    )


def settings_of(claims: Claims, **auth: Any) -> ConnectorSettings:
    told = {"kind": "mcp", "name": "商店", "base_url": f"{claims.base}/mcp", "operations": ["*"], "timeout_s": 5}
    return ConnectorSettings.model_validate({**told, "auth": {"kind": "oauth2-code", **auth}})


def trusting(*trusted: str) -> Any:
    async def trusts(host: str) -> bool:
        return host in trusted

    return trusts


async def test_the_challenge_leads_before_the_well_known_places(claims: Claims) -> None:
    claims.challenge = f'Bearer resource_metadata="{claims.base}/about", scope="orders"'
    claims.documents["/about"] = claims.documents.pop(RESOURCE)
    giver = await found(claims)
    assert claims.asked == ["/mcp", "/about", METADATA, "/register"]
    assert giver.auth.scopes == ("orders", "offline_access")
    assert giver.auth.resource == f"{claims.base}/mcp"
    assert (giver.auth.client_id, giver.auth.secret) == ("made", Secret("sesame-4711"))
    [sent] = claims.registered
    assert sent["redirect_uris"] == ["http://127.0.0.1:8737/"]
    assert (sent["token_endpoint_auth_method"], sent["application_type"]) == ("client_secret_basic", "native")


async def test_places_are_looked_at_in_the_order_of_the_specification(claims: Claims) -> None:
    giver = f"{claims.base}/tenant"
    claims.documents = {
        f"{RESOURCE}/mcp": claims.names(giver),
        f"/tenant{OPENID}": claims.says(issuer=giver),
    }
    await found(claims, client_id="known")
    places = [f"{RESOURCE}/mcp", f"{METADATA}/tenant", f"{OPENID}/tenant", f"/tenant{OPENID}"]
    assert claims.asked == ["/mcp", *places]


async def test_a_server_that_names_nobody_is_taken_for_its_own_giver(claims: Claims) -> None:
    del claims.documents[RESOURCE]
    giver = await found(claims)
    assert giver.issuer == claims.base
    assert giver.auth.resource == f"{claims.base}/mcp"


async def test_a_client_of_the_settings_is_not_registered(claims: Claims) -> None:
    claims.documents[METADATA] = claims.says(registration_endpoint=None)
    giver = await found(claims, client_id="known", secret="own", scopes=["orders"])
    assert (giver.auth.client_id, giver.auth.secret, giver.auth.scopes) == ("known", Secret("own"), ("orders",))
    with pytest.raises(NoClient, match=r"redirect address is http://127\.0\.0\.1:8737/"):
        await found(claims)
    assert claims.registered == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"issuer": "http://127.0.0.1:9"}, "not who it seems"),
        ({"code_challenge_methods_supported": None}, "PKCE"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"token_endpoint": "http://user@127.0.0.1/token"}, "no proper address"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "says nothing of itself"),
    ],
    ids=["issuer", "no-pkce", "plain-pkce", "user", "script"],
)
async def test_metadata_that_may_not_be_believed_is_refused(claims: Claims, wrong: Any, words: str) -> None:
    claims.documents[METADATA] = claims.says(**wrong)
    with pytest.raises(NotFoundOut, match=words):
        await found(claims)
    assert claims.registered == []


async def test_what_is_said_of_another_server_is_refused(claims: Claims) -> None:
    claims.documents[RESOURCE]["resource"] = "https://bank.example.com/mcp"
    with pytest.raises(NotFoundOut, match="another server"):
        await found(claims)


async def test_a_server_that_asks_for_no_token_is_said(claims: Claims) -> None:
    claims.documents, claims.status = {}, 200
    with pytest.raises(NotFoundOut, match="asks for no token"):
        await found(claims)


async def test_a_named_host_is_called_only_when_it_is_agreed_to(claims: Claims) -> None:
    claims.documents[RESOURCE] = claims.names("https://login.example.com")
    with pytest.raises(GiverNotTrusted, match=r"login\.example\.com"):
        await found(claims)
    claims.documents[RESOURCE] = claims.names(claims.base)
    claims.documents[METADATA] = claims.says(token_endpoint="https://tokens.example.com/token")
    with pytest.raises(GiverNotTrusted, match=r"tokens\.example\.com"):
        await found(claims, "login.example.com")


async def test_a_named_address_inside_stays_shut_though_it_is_agreed_to(claims: Claims) -> None:
    claims.documents[RESOURCE] = claims.names("http://169.254.169.254")
    with pytest.raises(AddressRefused, match=r"169\.254\.169\.254"):
        await found(claims, "169.254.169.254")


async def test_the_challenge_leads_to_no_other_host(claims: Claims) -> None:
    claims.challenge = 'Bearer resource_metadata="http://127.0.0.2:9/about"'
    with pytest.raises(AddressRefused, match=r"127\.0\.0\.2"):
        await found(claims)


@pytest.mark.parametrize("address", ["http://[::1/about", "http://127.0.0.1:99999/about", "http://:80/about"])
async def test_an_address_that_is_none_is_refused(claims: Claims, address: str) -> None:
    claims.challenge = f'Bearer resource_metadata="{address}"'
    with pytest.raises(NotFoundOut, match="no proper address"):
        await found(claims)


@pytest.mark.parametrize(
    ("registers", "words"),
    [
        ({}, "what is none"),
        ({"client_id": "x", "token_endpoint_auth_method": "private_key_jwt"}, "private_key_jwt"),
    ],
    ids=["nothing", "keys"],
)
async def test_a_registration_that_we_cannot_use_is_said(claims: Claims, registers: Any, words: str) -> None:
    claims.registers = registers
    with pytest.raises(NoClient, match=words):
        await found(claims)


async def test_we_register_once_unless_somebody_else_is_named(claims: Claims) -> None:
    kept: dict[str, Secret] = {}

    async def remember(name: str, secret: Secret) -> None:
        kept[name] = secret

    async def recall(name: str) -> Secret | None:
        return kept.get(name)

    parts = Parts(FixedClock(), remember=remember, recall=recall)
    await (await found(claims, parts=parts)).keep(Secret("refresh-1"))
    again = await found(claims, parts=parts)
    assert (again.auth.client_id, again.auth.secret) == ("made", Secret("sesame-4711"))
    assert len(claims.registered) == 1
    await found(claims, parts=parts, redirect="https://worker.example.com/back")
    assert len(claims.registered) == 2
    assert claims.registered[1]["application_type"] == "web"
    giver = f"{claims.base}/tenant"
    claims.documents |= {RESOURCE: claims.names(giver), f"{METADATA}/tenant": claims.says(issuer=giver)}
    await (await found(claims, parts=parts)).keep(Secret("refresh-2"))
    assert len(claims.registered) == 3
    assert len(kept) == 3, "one giver's refresh token is never another's"
    assert "sesame" not in repr(again)
    assert msgspec.json.decode(kept["shop?giver"].reveal())["issuer"] == giver


async def test_an_answer_of_another_giver_is_refused(claims: Claims) -> None:
    claims.documents[METADATA] = claims.says(authorization_response_iss_parameter_supported=True)
    giver = await found(claims)
    settings = settings_of(claims)
    consent = Consent(giver.auth, settings, issuer=giver.issuer, states_issuer=giver.states_issuer)
    asked = consent.address()
    assert asked.startswith(f"{claims.base}/authorize?tenant=7&response_type=code")
    state = asked.partition("state=")[2].partition("&")[0]
    for issuer in ("&iss=https://evil.example.com", ""):
        with pytest.raises(CredentialsRefused, match="iss"):
            consent.code(f"http://127.0.0.1:8737/?code=c&state={state}{issuer}")
    assert consent.code(f"http://127.0.0.1:8737/?code=c&state={state}&iss={claims.base}") == "c"


async def test_a_server_that_cannot_be_reached_is_said() -> None:
    claims = Claims()
    claims.port = 9
    with pytest.raises(ToolFailed, match="cannot be reached"):
        await found(claims)
