"""kill -9 of the real service around a call that changes something in a business system: it is done once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ai_worker.drills.scratch import open_model
from ai_worker.drills.site import Site
from ai_worker.llm.scripted import Asked, Call, Say, ScriptedModel
from tests.postgres import shared_server

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
SOON_S = 30.0


class Peer:
    """An order desk behind HTTP. It remembers every call, and what it has done under which key."""

    def __init__(self, *, honours_keys: bool) -> None:
        self._honours_keys = honours_keys
        self._done: dict[str, dict[str, str]] = {}
        self.calls: Counter[str] = Counter()
        """How often each key came."""

        self.cancelled: Counter[str] = Counter()
        """How often each order was really cancelled."""

        self.before_answer: Callable[[], None] = lambda: None

    async def cancel(self, request: web.Request) -> web.Response:
        key, order = request.headers["Idempotency-Key"], request.match_info["order"]
        self.calls[key] += 1
        if not (self._honours_keys and key in self._done):
            self.cancelled[order] += 1
            self._done[key] = {"id": order, "status": "已取消", "receipt": f"R{len(self._done) + 1:03}"}
        self.before_answer()
        return web.json_response(self._done[key])

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_post("/orders/{order}/cancel", self.cancel)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


class Scene:
    """The service, the peer, and a model that cancels another order whenever it is asked anew."""

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        self.site: Site
        self.asked_anew = 0
        self.when_told: Callable[[], None] = lambda: None

    def model(self, asked: Asked) -> Say:
        if asked.messages[-1]["role"] == "tool":
            self.when_told()
            receipt = asked.last.partition('"receipt": "')[2][:4]
            return Say(f"已取消，回执号 {receipt}。")
        self.asked_anew += 1
        return Say(calls=(Call("desk_cancel_order", {"order_id": f"ORD{self.asked_anew}"}),))

    def kill_once(self) -> None:
        """Send SIGKILL to the service at this very moment."""
        self.peer.before_answer = self.when_told = lambda: None
        self.site.process.kill()

    async def ask(self) -> str:
        body = {"message_id": "m-1", "conversation_id": "k-1", "contact": "crm", "text": "帮我把老周那单撤了"}
        status, accepted = await self.site.post("/api/v1/messages", body)
        assert status == 202
        return str(accepted["turn_id"])

    async def come_back(self) -> None:
        await asyncio.wait_for(self.site.process.wait(), SOON_S)
        await self.site.start()

    async def answer(self, turn_id: str) -> dict[str, Any]:
        async with asyncio.timeout(SOON_S):
            while (turn := (await self.site.get(f"/api/v1/turns/{turn_id}"))[1])["status"] != "done":
                await asyncio.sleep(0.05)
        return dict(turn)


@asynccontextmanager
async def scene(folder: Path, *, honours_keys: bool, storage_url: str = "") -> AsyncIterator[Scene]:
    at = Scene(Peer(honours_keys=honours_keys))
    async with at.peer.serving() as url, ScriptedModel(at.model) as model:
        environ = {
            "ORDER_DESK": url,
            "HONOURS_KEYS": "yes" if honours_keys else "no",
            "PYTHONPATH": f"{PROJECT / 'src'}:{PROJECT}",
        }
        settings, program = open_model(model.base_url), ("-m", "tests.journeys.acting")
        async with Site(folder, settings, environ, storage_url=storage_url, program=program) as site:
            at.site = site
            await site.start()
            yield at


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_killed_right_after_the_peer_acted_it_acts_once_and_the_reply_tells_the_result(
    tmp_path: Path, kind: str
) -> None:
    url = shared_server().url() if kind == "postgres" else ""
    async with scene(tmp_path, honours_keys=True, storage_url=url) as at:
        at.peer.before_answer = at.kill_once
        turn_id = await at.ask()
        await at.come_back()
        turn = await at.answer(turn_id)

    assert (turn["decision"], turn["text"]) == ("answer", "已取消，回执号 R001。")
    assert at.peer.cancelled == {"ORD1": 1}
    assert list(at.peer.calls.values()) == [2], "asked again, under the same key"
    assert at.asked_anew == 1


async def test_a_peer_without_keys_is_not_called_twice_and_a_person_is_asked(tmp_path: Path) -> None:
    async with scene(tmp_path, honours_keys=False) as at:
        at.peer.before_answer = at.kill_once
        turn_id = await at.ask()
        await at.come_back()
        turn = await at.answer(turn_id)

    assert turn["decision"] == "handoff"
    assert "还不能确定" in turn["text"]
    assert at.peer.cancelled == {"ORD1": 1}
    assert list(at.peer.calls.values()) == [1]


@pytest.mark.parametrize("honours_keys", [True, False])
async def test_killed_after_the_result_was_kept_nobody_calls_the_peer_again(tmp_path: Path, honours_keys: bool) -> None:
    async with scene(tmp_path, honours_keys=honours_keys) as at:
        at.when_told = at.kill_once
        turn_id = await at.ask()
        await at.come_back()
        turn = await at.answer(turn_id)

    assert (turn["decision"], turn["text"]) == ("answer", "已取消，回执号 R001。")
    assert at.peer.cancelled == {"ORD1": 1}
    assert list(at.peer.calls.values()) == [1]
    assert at.asked_anew == 1
