"""A person's consent: asked for with PKCE, answered once, kept encrypted, renewed by one process at a time."""

import asyncio
import hashlib
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from ai_worker.connectors.auth_settings import CodeAuth
from ai_worker.connectors.contract import ConnectorRefused
from ai_worker.connectors.http.connect import make_caller
from ai_worker.connectors.http.consent import Consent
from ai_worker.connectors.http.tokens import CredentialsRefused
from ai_worker.connectors.kept import KeptTokens, KeptUnreadable
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.operation import Contract
from ai_worker.connectors.registry import read_settings
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.foundation.clock import FixedClock
from ai_worker.foundation.secret import Secret
from ai_worker.skills.tool import ToolFailed
from tests.connectors.http.business import READ, served


class Giver:
    """An authorization server whose refresh tokens are good for one exchange, and the system behind it."""

    def __init__(self) -> None:
        self.challenge = ""
        self.good = ""
        self.count = 0
        self.spent: list[str] = []
        self.offline = True

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path != "/token":
            await asyncio.sleep(0)
            return web.json_response({"seen": request.headers.get("Authorization")})
        form = {key: str(value) for key, value in (await request.post()).items()}
        if form["grant_type"] == "authorization_code":
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            if urlsafe_b64encode(digest).rstrip(b"=").decode() != self.challenge or form["code"] != "code-1":
                return web.json_response({"error": "invalid_grant"}, status=400)
        else:
            self.spent.append(form["refresh_token"])
            if form["refresh_token"] != self.good:
                return web.json_response({"error": "invalid_grant"}, status=400)
        self.count += 1
        self.good = f"refresh-{self.count}"
        more = {"refresh_token": self.good} if self.offline else {}
        return web.json_response({"access_token": f"access-{self.count}", "expires_in": 3600, **more})


def settings_of(base: str) -> ConnectorSettings:
    auth = {
        "kind": "oauth2-code",
        "authorize_url": f"{base}/authorize",
        "token_url": f"{base}/token",
        "client_id": "worker",
        "scopes": ["orders", "offline_access"],
    }
    return ConnectorSettings.model_validate({"name": "商城", "base_url": base, "operations": ["*"], "auth": auth})


def asked_of(consent: Consent) -> dict[str, str]:
    return {key: values[0] for key, values in parse_qs(urlsplit(consent.address()).query).items()}


def code_auth(settings: ConnectorSettings) -> CodeAuth:
    assert isinstance(settings.auth, CodeAuth)
    return settings.auth


async def test_consent_is_asked_for_with_a_challenge_and_exchanged_for_a_refresh_token() -> None:
    giver = Giver()
    async with served(giver.answer) as port:
        settings = settings_of(f"http://127.0.0.1:{port}")
        consent = Consent(code_auth(settings), settings)
        asked = asked_of(consent)
        giver.challenge = asked["code_challenge"]
        assert (asked["response_type"], asked["client_id"], asked["code_challenge_method"]) == (
            "code",
            "worker",
            "S256",
        )
        assert asked["scope"] == "orders offline_access"
        code = consent.code(f"{asked['redirect_uri']}?code=code-1&state={asked['state']}")
        assert (await consent.exchange(code)).reveal() == "refresh-1"


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ("", "auth.token_url: Field required"),
        ('authorize_url = "https://login.example.com/a"\n', "go together"),
        ('authorize_url = "https://a.example.com/a"\ntoken_url = "https://a.example.com/t"\n', "client_id"),
    ],
    ids=["none", "one", "no-client"],
)
def test_a_system_that_does_not_say_who_gives_its_tokens_takes_the_addresses(
    tmp_path: Path, auth: str, words: str
) -> None:
    file = tmp_path / "shop.toml"
    file.write_text(
        'name = "商城"\nbase_url = "https://shop.example.com"\ncontract = "c.json"\noperations = ["*"]\n'
        f'[auth]\nkind = "oauth2-code"\n{auth}',
        "utf-8",
    )
    with pytest.raises(ConnectorRefused, match=words):
        read_settings(file, str)


async def test_an_address_that_answers_another_question_is_refused() -> None:
    settings = settings_of("http://127.0.0.1:9")
    consent = Consent(code_auth(settings), settings)
    state = asked_of(consent)["state"]
    for address, words in (
        ("http://127.0.0.1:8737/?code=stolen&state=other", "no answer to this question"),
        ("http://127.0.0.1:8737/?code=stolen", "no answer to this question"),
        (f"http://127.0.0.1:8737/?error=access_denied&state={state}", "access_denied"),
        (f"http://127.0.0.1:8737/?state={state}", "no code"),
    ):
        with pytest.raises(CredentialsRefused, match=words):
            consent.code(address)


async def test_a_system_that_gives_nothing_to_renew_with_is_said() -> None:
    giver = Giver()
    giver.offline = False
    async with served(giver.answer) as port:
        settings = settings_of(f"http://127.0.0.1:{port}")
        consent = Consent(code_auth(settings), settings)
        giver.challenge = asked_of(consent)["code_challenge"]
        with pytest.raises(CredentialsRefused, match="offline_access"):
            await consent.exchange("code-1")


async def test_processes_that_share_a_refresh_token_spend_each_once(tmp_path: Path) -> None:
    giver = Giver()
    giver.good = "refresh-0"
    await KeptTokens(tmp_path).remember("shop", Secret("refresh-0"))
    async with served(giver.answer) as port:
        settings = settings_of(f"http://127.0.0.1:{port}")
        callers = [
            make_caller("shop", settings, Contract("", "", "", "", ()), Parts.kept_in(tmp_path, FixedClock()))
            for _ in range(6)
        ]
        for caller in callers:
            await caller.start()
        answers = await asyncio.gather(*(caller.call(READ, {"id": "1"}) for caller in callers))
        for caller in callers:
            await caller.close()
    assert all(answer.status == 200 for answer in answers)
    assert giver.spent == [f"refresh-{number}" for number in range(6)]
    kept = await KeptTokens(tmp_path).recall("shop")
    assert kept == Secret("refresh-6")


async def test_who_has_no_time_to_wait_for_a_token_does_not_lose_the_one_that_replaces_it(tmp_path: Path) -> None:
    """The server has made the refresh token before void by then; nobody but a person could give another."""
    asked, gate, giver, kept = asyncio.Event(), asyncio.Event(), Giver(), KeptTokens(tmp_path)
    giver.good = "refresh-0"
    await kept.remember("shop", Secret("refresh-0"))

    async def slow(request: web.Request) -> web.StreamResponse:
        answer = await giver.answer(request)
        if request.path == "/token":
            asked.set()
            await gate.wait()
        return answer

    async with served(slow) as port:
        settings, parts = settings_of(f"http://127.0.0.1:{port}"), Parts.kept_in(tmp_path, FixedClock())
        caller = make_caller("shop", settings, Contract("", "", "", "", ()), parts)
        await caller.start()
        try:
            hurried = asyncio.create_task(caller.call(READ, {"id": "1"}))
            await asked.wait()
            hurried.cancel()
            await asyncio.wait({hurried})
            gate.set()
            answered = await caller.call(READ, {"id": "1"})
        finally:
            await caller.close()

    assert hurried.cancelled()
    assert answered.status == 200
    assert giver.spent == ["refresh-0"]
    assert await kept.recall("shop") == Secret("refresh-1")


async def test_a_new_consent_is_not_replaced_by_what_came_of_the_one_before(tmp_path: Path) -> None:
    kept = KeptTokens(tmp_path)
    async with kept.alone("shop"):
        consenting = asyncio.create_task(kept.consented("shop", Secret("by a person")))
        await asyncio.wait({consenting}, timeout=0.2)
        await kept.remember("shop", Secret("renewed"))
    await consenting

    assert await kept.recall("shop") == Secret("by a person")


async def test_without_consent_nothing_is_sent(tmp_path: Path) -> None:
    giver = Giver()
    async with served(giver.answer) as port:
        settings = settings_of(f"http://127.0.0.1:{port}")
        caller = make_caller("shop", settings, Contract("", "", "", "", ()), Parts.kept_in(tmp_path, FixedClock()))
        await caller.start()
        with pytest.raises(CredentialsRefused, match="connectors authorize"):
            await caller.call(READ, {"id": "1"})
        await caller.close()
    assert giver.spent == []


async def test_kept_tokens_are_sealed_and_nobody_elses(tmp_path: Path) -> None:
    kept = KeptTokens(tmp_path)
    assert await kept.recall("shop") is None
    await kept.remember("shop", Secret("refresh-secret"))
    assert await KeptTokens(tmp_path).recall("shop") == Secret("refresh-secret")
    folder = tmp_path / "secrets" / "connectors"
    files: dict[str, Any] = {file.suffix: file for file in folder.iterdir()}
    assert all(b"refresh-secret" not in file.read_bytes() for file in folder.iterdir())
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir())
    await kept.remember("other", Secret("mine"))
    other = next(file for file in folder.glob("*.sealed") if file != files[".sealed"])
    other.write_bytes(files[".sealed"].read_bytes())
    with pytest.raises(KeptUnreadable, match="another name"):
        await kept.recall("other")
    (folder / "key").write_bytes(b"short")
    with pytest.raises(KeptUnreadable, match="5 bytes"):
        await kept.recall("shop")


async def test_a_token_that_could_not_be_kept_is_kept_before_another_is_asked_for(tmp_path: Path) -> None:
    giver, kept, refusals = Giver(), KeptTokens(tmp_path), [True]
    giver.good = "refresh-0"
    await kept.remember("shop", Secret("refresh-0"))

    async def remember(name: str, token: Secret) -> None:
        if refusals:
            refusals.clear()
            raise KeptUnreadable("No space left on device")
        await kept.remember(name, token)

    async with served(giver.answer) as port:
        settings = settings_of(f"http://127.0.0.1:{port}")
        parts = Parts(FixedClock(), remember=remember, recall=kept.recall, alone=kept.alone)
        caller = make_caller("shop", settings, Contract("", "", "", "", ()), parts)
        await caller.start()
        with pytest.raises(ToolFailed, match="No space"):
            await caller.call(READ, {"id": "1"})
        assert (await caller.call(READ, {"id": "1"})).status == 200
        await caller.close()
    assert giver.spent == ["refresh-0", "refresh-1"]
    assert await kept.recall("shop") == Secret("refresh-2")
