"""One installation in three processes over one store: `ai-worker run --role api|runner|console`."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.scratch import CHANNEL, WecomApplication, open_model
from ai_worker.drills.site import Role, Site, free_port
from ai_worker.llm.scripted import ScriptedModel

pytestmark = pytest.mark.slow

DESK = WecomApplication()
SOON_S = 10.0


@asynccontextmanager
async def _parts(
    folder: Path, *roles: Role, environ: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Site, SimulatedWecom]]:
    """Run these parts over one folder."""
    async with DESK.platform() as platform, ScriptedModel("收到，已经登记。") as model:
        settings = open_model(model.base_url) + DESK.settings(platform.api_base)
        async with Site(folder, settings, environ) as site:
            platform.callback_url = f"{site.url}/channels/{CHANNEL}/callback"
            for role in roles:
                await site.start(role=role)
            yield site, platform


async def test_what_one_process_accepts_another_answers_and_delivers(tmp_path: Path) -> None:
    async with _parts(tmp_path, "runner", "api") as (_, platform):
        said = await asyncio.gather(*(platform.say(f"u{n % 10}", f"请登记，编号 {n}") for n in range(40)))
        async with asyncio.timeout(SOON_S):
            for n in range(10):
                await platform.replies_to(f"u{n}", 4)

        assert all(one.acknowledged for one in said)
        assert [len(platform.shown_to(f"u{n}")) for n in range(10)] == [4] * 10


async def test_who_waits_at_the_api_hears_at_once_what_the_runner_has_done(tmp_path: Path) -> None:
    async with _parts(tmp_path, "runner", "api") as (site, _):
        async with asyncio.timeout(4.0):  # less than the five seconds after which a caller looks by itself
            status, answer = await site.post("/api/v1/ask", {"text": "帮我登记一下", "conversation_id": "k-1"})
        assert (status, answer["text"]) == (200, "收到，已经登记。")

        async with site.client.get("/api/v1/conversations/k-1/events") as events:
            message = {"message_id": "m-2", "conversation_id": "k-1", "contact": "crm", "text": "再登记一下"}
            _, accepted = await site.post("/api/v1/messages", message)
            heard: list[bytes] = []
            async with asyncio.timeout(SOON_S):
                async for line in events.content:
                    heard.append(line)
                    if line.startswith(b"data:") and accepted["turn_id"].encode() in line:
                        break
        assert sum(accepted["turn_id"].encode() in line for line in heard if line.startswith(b"data:")) == 1


async def test_messages_wait_durably_while_no_runner_lives(tmp_path: Path) -> None:
    async with _parts(tmp_path, "api") as (site, platform):
        said = await platform.say("linxiaoyan", "请登记，编号 1")
        assert said.acknowledged
        await asyncio.sleep(1.0)
        assert not platform.shown_to("linxiaoyan")

        await site.start(role="runner")

        assert (await platform.reply_to("linxiaoyan", timeout=SOON_S)).text == "收到，已经登记。"


async def test_a_folder_has_one_of_each_part_or_one_whole_service(tmp_path: Path) -> None:
    async with _parts(tmp_path, "runner", "console") as (site, _):
        for words in (["run"], ["run", "--role", "runner"], ["run", "--role", "console"]):
            code, _, err = await site.command(*words)
            assert (code, "app.already_running" in err) == (4, True)

        assert (await site.stop("runner"), await site.stop("console")) == (0, 0)
        await site.start()
        code, _, err = await site.command("run", "--role", "api")
        assert (code, "app.already_running" in err) == (4, True)


async def test_every_part_tells_its_figures_where_the_settings_say(tmp_path: Path) -> None:
    port = free_port()
    async with _parts(tmp_path, "api", environ={"AI_WORKER__API__METRICS_PORT": str(port)}) as (site, platform):
        await site.start(role="runner")
        said = await platform.say("linxiaoyan", "请登记，编号 1")
        await platform.reply_to("linxiaoyan", after=said, timeout=SOON_S)

        async with site.client.get(f"http://127.0.0.1:{port}/metrics") as answer:
            assert 'ai_worker_turns_total{channel="desk",decision="answer"} 1.0' in await answer.text()
        async with site.client.get(f"http://127.0.0.1:{port}/readyz") as answer:
            assert (answer.status, (await answer.json())["status"]) == (200, "ready")
        async with site.client.get(f"http://127.0.0.1:{port}/api/v1/turns/t-1") as answer:
            assert answer.status == 404


async def test_the_console_runs_alone(tmp_path: Path) -> None:
    async with _parts(tmp_path, "console") as (site, _):
        code, out, err = await site.command("console")
        assert code == 0, err
        link = next(word for word in out.split() if word.startswith("http"))

        async with site.client.get(link, allow_redirects=False) as opened:
            assert opened.status in (302, 303)
            assert opened.cookies
