"""What a model call and a turn cost, as CPU ms of this process alone.

    python -m benchmarks.model_client [--calls 2000]

The model is the scripted one in a process of its own, so that only the client is counted. The aims
are 0.2 ms for a plain call, 0.41 ms for a stream of 20 chunks, and 0.1 ms for a turn without its search.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from multiprocessing.connection import Connection

from ai_worker.conversation.engine import TurnEngine
from ai_worker.conversation.message import Contact, InboundMessage, Utterance
from ai_worker.conversation.model import ChatMessage
from ai_worker.conversation.persona import Staff, Worker
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.conversation.turn import TurnInput
from ai_worker.foundation.clock import SystemClock
from ai_worker.knowledge.passage import Passage, Scored
from ai_worker.knowledge.retrieve import ANYBODY, Reader
from ai_worker.llm.contract import ModelSettings
from ai_worker.llm.ladder import Ladder, build_model
from ai_worker.llm.scripted import ScriptedModel

ANSWER = "质检通过后两天内退款。" * 20
CHUNKS = 20
AT_ONCE = 50
PROMPT = [
    ChatMessage("system", "你是小智，一名数字员工。" * 20),
    ChatMessage("user", "资料：" + "退款到账时限。" * 100 + "\n问题：退款多久到账？"),
]
ENTRY = Passage(
    "return-howto", "公司", "常见问题.csv", "entry", "怎么退货", "收到货 7 天内，在「我的订单」里点「申请售后」。"
)


class OneShelf:
    """Finds one entry at once: a turn's own cost is what is left."""

    def search(
        self,
        question: str,
        *,
        bases: Sequence[str] = ("*",),
        limit: int = 8,
        reader: Reader = ANYBODY,
        vector: Sequence[float] | None = None,
    ) -> list[Scored]:
        """Return the entry."""
        return [Scored(ENTRY, 0.95, question)]


def serve(pipe: Connection) -> None:
    """Run the scripted model until the other side hangs up."""

    async def run() -> None:
        async with ScriptedModel(ANSWER, piece=len(ANSWER) // CHUNKS) as model:
            pipe.send(model.base_url)
            await asyncio.to_thread(pipe.poll, None)

    asyncio.run(run())


async def measure(name: str, calls: int, once: Callable[[], Awaitable[object]], *, at_once: int = AT_ONCE) -> None:
    """Print the CPU ms of one call, the least of three rounds of `calls`."""
    left = 0

    async def lane() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await once()

    rounds = []
    for _ in range(3):
        left = calls
        began = time.process_time()
        await asyncio.gather(*(lane() for _ in range(at_once)))
        rounds.append((time.process_time() - began) * 1000 / calls)
    print(f"{name:<58}{min(rounds):>10.3f} ms CPU")


async def measure_model(model: Ladder, calls: int) -> None:
    async def plain() -> None:
        assert (await model.complete(PROMPT)).text == ANSWER

    async def streamed() -> None:
        pieces: list[str] = []
        await model.complete(PROMPT, on_delta=pieces.append)
        assert len(pieces) == CHUNKS

    await measure("model call, plain", calls, plain)
    await measure(f"model call, stream of {CHUNKS} chunks", calls // 2, streamed)


async def measure_turn(calls: int) -> None:
    engine = TurnEngine(
        staff=Staff([Worker("xiaozhi", "小智")]),
        retriever=OneShelf(),
        toolbox=None,
        model=None,
        feedback=None,
        clock=SystemClock(),
        thresholds=Thresholds(Bars(0.7, 0.3)),
    )
    history = tuple(
        Utterance("user" if n % 2 else "assistant", "退款到账时限是多久，运费谁来承担？") for n in range(12)
    )

    async def say(text: str) -> None:
        message = InboundMessage("c", "m", "k", Contact("lin"), text, datetime.now(UTC))
        await engine.run(TurnInput("t", message, history, "xiaozhi"))

    await measure(
        "turn answered from knowledge, search left out", calls * 5, lambda: say("请问一下怎么退货，多久到账？")
    )
    await measure("turn of small talk", calls * 5, lambda: say("好的，谢谢"))


async def run(base_url: str, calls: int) -> None:
    settings = ModelSettings(base_url=base_url, name="scripted")
    model = build_model(settings, max_concurrent=AT_ONCE, clock=SystemClock())
    await model.start()
    await measure_model(model, calls)
    await model.close()
    await measure_turn(calls)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000)
    calls = parser.parse_args().calls
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    server = spawn.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    try:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(ours.recv(), calls))
    finally:
        ours.send(None)
        server.join(5)


if __name__ == "__main__":
    main()
