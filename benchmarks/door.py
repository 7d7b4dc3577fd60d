"""What the API door costs a request, as CPU ms of the serving process alone.

    python -m benchmarks.door [--requests 4000]

The door is real: sockets, parsing, key, limits, body, idempotency, response. What stands behind it is
not: the store answers from memory and every turn is finished at once. The callers are in this process,
the door in another. The aims are 0.15 ms for an accepted message and 0.2 ms for an answered question.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any, cast

import aiohttp
import uvloop

from ai_worker.api.app import create_api
from ai_worker.api.server import make_server
from ai_worker.api.settings import ApiSettings
from ai_worker.conversation.message import InboundMessage, Reply
from ai_worker.conversation.persona import Staff, Worker
from ai_worker.conversation.store import ConversationStore, TurnRecord
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.events import EventBus
from ai_worker.keys.keyring import Keyring
from ai_worker.keys.network import Networks
from ai_worker.keys.store import StoredKey
from ai_worker.knowledge.desk import KnowledgeDesk, Remover
from ai_worker.knowledge.gaps import GapStore
from ai_worker.learning.feedback import FeedbackStore
from ai_worker.ops.health import Readiness
from ai_worker.pipeline.answers import FirstAnswerStore
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.files import FileStore
from ai_worker.pipeline.inbox import Inbox
from ai_worker.pipeline.store import Accepted, PipelineStore

RESULT = TurnResult("answer", Reply("质检通过后两天内原路退款。" * 5), confidence=0.93, answer_id="return-howto")
AT_ONCE = 20


class OneKey:
    """Keeps keys in memory."""

    def __init__(self) -> None:
        self._keys: dict[str, StoredKey] = {}

    async def put(self, key: StoredKey) -> None:
        """Keep a key."""
        self._keys[key.id] = key

    async def by_id(self, key_id: str) -> StoredKey | None:
        """Return a key."""
        return self._keys.get(key_id)

    async def keys(self) -> list[StoredKey]:
        """Return all keys."""
        return list(self._keys.values())

    async def used(self, key_id: str, at: datetime, address: str) -> None:
        """Forget it."""

    async def put_link(self, digest: bytes, expires_at: datetime) -> None:
        """Forget it."""

    async def take_link(self, digest: bytes, now: datetime) -> bool:
        """Know no link."""
        return False


class Instant:
    """A store that keeps nothing and has answered everything already."""

    async def accept(self, message: InboundMessage) -> Accepted:
        """Accept it."""
        return Accepted("t-1", 1, duplicate=False)

    async def turn(self, turn_id: str) -> TurnRecord:
        """Return a finished turn."""
        now = datetime.now(UTC)
        return TurnRecord(turn_id, "api", 1, "bench/k-1", "done", now, now, "退款多久到账？", RESULT)


async def _run(pipe: Connection) -> None:
    clock, store = SystemClock(), Instant()
    keyring = Keyring(OneKey(), pepper=bytes(32), clock=clock)
    _, secret = await keyring.create("bench")
    inbox = Inbox(
        cast(PipelineStore, store),
        worker_of=lambda _: "xiaozhi",
        events=EventBus(),
        clock=clock,
        wake=lambda: None,
    )

    async def ready() -> Readiness:
        return Readiness.of([])

    api = create_api(
        inbox=inbox,
        board=Board(),
        conversations=cast(ConversationStore, store),
        library=cast(KnowledgeDesk, store),
        remover=cast(Remover, store),
        gaps=cast(GapStore, store),
        answers=cast(FirstAnswerStore, store),
        feedback=cast(FeedbackStore, store),
        files=cast(FileStore, store),
        keyring=keyring,
        staff=Staff([Worker("xiaozhi", "小智")]),
        channels={},
        readiness=ready,
        metrics_text=lambda: b"",
        settings=ApiSettings(),
        metrics_allow=Networks(()),
        clock=clock,
    )
    server = make_server(api, host="127.0.0.1", port=0)
    serving = asyncio.create_task(server.serve())
    await server.accepting()
    pipe.send((server.port, secret.reveal()))
    while await asyncio.to_thread(pipe.recv):
        pipe.send(time.process_time())
    server.drain()
    await serving


def serve(pipe: Connection) -> None:
    """Run the door until told to stop; tell the CPU seconds used so far whenever asked."""
    uvloop.run(_run(pipe))


def spent(pipe: Connection) -> float:
    """Return the CPU seconds that the door has used."""
    pipe.send(True)
    seconds: float = pipe.recv()
    return seconds


async def call(session: aiohttp.ClientSession, path: str, bodies: Sequence[dict[str, Any]]) -> None:
    """Post all bodies, one after another."""
    for body in bodies:
        async with session.post(path, json=body) as response:
            await response.read()
            response.raise_for_status()


async def measure(pipe: Connection, requests: int) -> None:
    """Print the CPU ms of each kind of request, the least of three rounds."""
    port, key = pipe.recv()
    message = {"conversation_id": "k-1", "contact": "林晓燕", "text": "退款多久到账？"}
    kinds: dict[str, tuple[str, dict[str, Any]]] = {
        "POST /api/v1/messages": ("/api/v1/messages", message),
        "POST /api/v1/ask": ("/api/v1/ask", {"text": "退款多久到账？"}),
        "POST /v1/chat/completions": (
            "/v1/chat/completions",
            {"model": "xiaozhi", "messages": [{"role": "user", "content": "退款多久到账？"}]},
        ),
    }
    headers = {"authorization": f"Bearer {key}"}
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}", headers=headers) as session:
        for name, (path, body) in kinds.items():
            costs = []
            for part in range(3):
                before = spent(pipe)
                batches = [
                    [body | {"message_id": f"{part}-{lane}-{number}"} for number in range(requests // AT_ONCE)]
                    for lane in range(AT_ONCE)
                ]
                await asyncio.gather(*(call(session, path, batch) for batch in batches))
                costs.append((spent(pipe) - before) * 1000 / requests)
            print(f"{name:28} {min(costs):.3f} CPU ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=4_000)
    arguments = parser.parse_args()
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    door = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,))
    door.start()
    asyncio.run(measure(ours, arguments.requests))
    ours.send(False)
    door.join()


if __name__ == "__main__":
    main()
