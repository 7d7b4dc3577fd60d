"""`ai-worker connectors authorize`: a person's browser, and a system that asks for consent, both over real sockets."""

import asyncio
import os
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import aiohttp
from aiohttp import web

from ai_worker.connectors.kept import KeptTokens
from ai_worker.foundation.secret import Secret
from tests.cli.calling import Cli
from tests.connectors.http.business import served

CONNECTOR = """
name = "商城"
base_url = "{base}"
contract = "openapi.json"
operations = ["*"]
[auth]
kind = "oauth2-code"
authorize_url = "https://shop.example.com/authorize"
token_url = "{base}/token"
client_id = "worker"
redirect = "http://127.0.0.1:{port}/back"
"""


def describe(site: Path, base: str, port: int = 8737) -> None:
    (site / "connectors").mkdir()
    (site / "connectors" / "shop.toml").write_text(CONNECTOR.format(base=base, port=port), "utf-8")


async def test_a_browser_that_comes_back_is_all_it_takes(site: Path, unused_tcp_port: int) -> None:
    forms: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        forms.append({key: str(value) for key, value in (await request.post()).items()})
        return web.json_response({"access_token": "a", "refresh_token": "refresh-1"})

    async with served(answer) as port:
        describe(site, f"http://127.0.0.1:{port}", unused_tcp_port)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ai_worker", "connectors", "authorize", "shop"),
            cwd=site,
            env={**os.environ, "AI_WORKER_CONFIG": str(site / "ai-worker.toml"), "PYTHONUTF8": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        await process.stdout.readline()
        asked = urlsplit((await process.stdout.readline()).decode().strip())
        query = {key: values[0] for key, values in parse_qs(asked.query).items()}
        assert asked.hostname == "shop.example.com"
        back = f"{query['redirect_uri']}?code=code-1&state={query['state']}"
        async with aiohttp.ClientSession() as browser:
            for _ in range(200):
                try:
                    assert (await browser.get(back)).status == 200
                    break
                except aiohttp.ClientConnectorError:
                    await asyncio.sleep(0.05)
        _, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    [form] = forms
    assert (form["grant_type"], form["code"], form["client_id"]) == ("authorization_code", "code-1", "worker")
    assert await KeptTokens(site / "data").recall("shop") == Secret("refresh-1")


def test_an_address_of_another_question_is_refused(site: Path, cli: Cli) -> None:
    describe(site, "http://127.0.0.1:9")
    called = cli("connectors", "authorize", "shop", "--paste", stdin="http://127.0.0.1:8737/back?code=c&state=other\n")
    assert called.code != 0
    assert "connector.credentials_refused" in called.err


def test_what_needs_no_consent_is_said(cli: Cli) -> None:
    called = cli("connectors", "authorize", "gone")
    assert called.code != 0
    assert "connector.nothing_to_authorize" in called.err
