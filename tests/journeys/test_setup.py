"""A channel is set up beside a running service: every step is shown to work, and messages come and go at once."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from ai_worker.demo.dingtalk import SimulatedDingtalk
from ai_worker.drills.site import Site

CLIENT_ID, SECRET = "dingq1w2e3r4t5y6u7", "Lk3-vT9sYq8mZt1LrXc5bNf7hJd2gPa6eWk3v9sYq8mZt1LrXc5bNf7hJd2gPa6e"

pytestmark = pytest.mark.slow


async def call(site: Site, *words: str) -> tuple[int, Any]:
    code, out, err = await site.command("channels", *words, "--json")
    assert out, err
    return code, json.loads(out)


async def test_a_channel_is_set_up_verified_tried_out_and_mended_while_the_service_runs(tmp_path: Path) -> None:
    async with SimulatedDingtalk(client_id=CLIENT_ID, client_secret=SECRET) as platform, Site(tmp_path) as site:
        await site.start()
        given = ("--set", f"api_base={platform.base}", "--set", f"oapi_base={platform.base}")
        wrong = ("setup", "dingtalk", "--name", "front-desk", "--set", f"client_id={CLIENT_ID}", *given)

        code, told = await call(site, *wrong, "--set", "client_secret=wrong")
        refused = next(check for check in told["checks"] if check["proof"] == "credentials")
        assert (code, refused["status"]) == (1, "fail")
        assert refused["detail"]
        assert "wrong" not in json.dumps(told)

        setting_up = asyncio.create_task(
            call(site, "setup", "dingtalk", "--set", f"client_secret={SECRET}", "--wait", "20")
        )
        async with asyncio.timeout(20):
            await platform.connected()
        said = await platform.say("manager01", "你好")
        await platform.reply_to("manager01", after=said)
        code, told = await setting_up
        assert {check["proof"]: check["status"] for check in told["checks"]} == {
            "credentials": "ok",
            "connection": "ok",
            "message": "ok",
            "reply": "ok",
        }
        assert (code, told["name"], told["service_running"]) == (0, "front-desk", True)
        assert SECRET not in site.config.read_text("utf-8") + site.log()

        code, told = await call(site, "test", "front-desk", "--to", "manager01")
        assert (code, told["sent"]["state"], told["probe"]["ok"]) == (0, "taken", True)
        assert told["service"]["state"] == "ready"
        assert set(told["proofs"]) >= {"credentials", "connection", "message", "reply"}

        async with site.client.get("/metrics") as answer:
            assert 'ai_worker_channel_up{channel="front-desk"} 1.0' in await answer.text()
