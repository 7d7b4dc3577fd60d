"""The real service with an endpoint for embeddings: found by meaning while it is there, by words when it is not."""

import asyncio
from pathlib import Path
from typing import Any

import httpx

from ai_worker import app
from ai_worker.llm.scripted import ScriptedModel
from ai_worker.settings import load
from tests.knowledge.test_vectors import means

KEY = "k" * 40
ENTRIES = [
    {"id": "cat", "question": "小猫吃什么", "answer": "小猫每天喂两次猫粮。"},
    {"id": "dog", "question": "小狗吃什么", "answer": "小狗每天遛两次。"},
]


async def _check(client: httpx.AsyncClient) -> dict[str, Any]:
    ready = (await client.get("/readyz")).json()
    return next(check for check in ready["checks"] if check["name"] == "embeddings")


async def _until(client: httpx.AsyncClient, *, ok: bool, says: str) -> None:
    async with asyncio.timeout(30):
        while (check := await _check(client))["ok"] is not ok or says not in check["detail"]:
            await asyncio.sleep(0.05)


async def test_meaning_finds_what_words_do_not_and_words_go_on_without_it(tmp_path: Path) -> None:
    file = tmp_path / "ai-worker.toml"
    async with ScriptedModel(embeds=means) as server:
        file.write_text(
            f'data_dir = "{tmp_path / "data"}"\n[api]\nhost = "127.0.0.1"\nport = 0\n[console]\nport = 0\n'
            f'[embeddings]\nbase_url = "{server.base_url}"\nname = "bge-m3"\nquestion_timeout_ms = 5000\n',
            encoding="utf-8",
        )
        async with (
            app.running(load(file, environ={"API_KEY": KEY})) as service,
            httpx.AsyncClient(base_url=service.api_url, headers={"Authorization": f"Bearer {KEY}"}) as client,
        ):

            async def ask(text: str) -> dict[str, Any]:
                answer: dict[str, Any] = (await client.post("/api/v1/ask", json={"text": text})).json()
                return answer

            added = await client.post("/api/v1/knowledge/entries", json={"entries": ENTRIES})
            assert added.is_success
            await _until(client, ok=True, says="2 of 2")

            by_meaning = await ask("喵星人的饭")
            assert by_meaning["decision"] == "clarify"
            assert by_meaning["candidates"][0]["id"] == "cat"
            embedded = len(server.embedded)
            assert (await ask("小猫吃什么"))["answer_id"] == "cat"
            assert len(server.embedded) == embedded, "words were sure"

            server.misbehave = "dead"
            for _ in range(3):
                assert (await ask("喵星人的饭"))["decision"] == "handoff"
            await _until(client, ok=False, says="by words alone")
            assert (await ask("小猫吃什么"))["answer_id"] == "cat"
