"""The department that the directory knows decides what a turn may read: in its answer, its choices and its prompt."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from ai_worker.conversation.engine import TurnEngine
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.conversation.persona import Staff, Worker
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.foundation.clock import SystemClock
from ai_worker.knowledge.confidence import ANSWER_AT, CLARIFY_AT
from ai_worker.knowledge.desk import Entry
from ai_worker.knowledge.keeping import Keeping
from ai_worker.llm.contract import ModelSettings
from ai_worker.llm.ladder import build_model
from ai_worker.llm.scripted import ScriptedModel
from tests.knowledge.shop import Shop, open_shop

SECRET = "绩效系数为一点七"
FOR_FINANCE = Keeping(("总部/财务",))
ENTRIES = [
    Entry("奖金-内部", "年终奖怎么发", ("年终奖的绩效系数是多少",), f"财务内部：{SECRET}。", FOR_FINANCE),
    Entry("奖金-公告", "年终奖什么时候公布", (), "春节前在公告栏公布。"),
]


@dataclass
class Desk:
    """A worker over a real database, and a model that is asked when the knowledge is not sure."""

    shop: Shop
    engine: TurnEngine
    model: ScriptedModel
    asked: int = 0

    async def ask(self, who: str, text: str) -> TurnResult:
        """Send a message through the store, as a channel does, and run its turn."""
        self.asked += 1
        now, pipeline = self.shop.clock.now(), self.shop.stores.pipeline
        message = InboundMessage("service-desk", f"m-{self.asked}", who, Contact(who), text, now)
        await pipeline.accept(message)
        (claim,) = await pipeline.claim(owner="run", limit=1, now=now)
        result = await self.engine.run(TurnInput(claim.turn_id, claim.message, (), "xiaozhi"))
        await pipeline.finish(claim, result, [], now=now, response_ms=1.0)
        return result


@asynccontextmanager
async def office(folder: Path) -> AsyncIterator[Desk]:
    async with open_shop(folder) as shop, ScriptedModel("我不清楚。") as server:
        await shop.library.put_entries(ENTRIES, base="default")
        settings = ModelSettings(base_url=server.base_url, name="scripted", timeout_s=5)
        model = build_model(settings, max_concurrent=2, clock=SystemClock())
        await model.start()
        engine = TurnEngine(
            staff=Staff([Worker("xiaozhi", "小智")]),
            retriever=shop.library,
            toolbox=None,
            model=model,
            feedback=None,
            clock=SystemClock(),
            thresholds=Thresholds(Bars(ANSWER_AT, CLARIFY_AT)),
        )
        try:
            yield Desk(shop, engine, server)
        finally:
            await model.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with office(tmp_path) as made:
        for who, department in (("cai", "总部/财务/核算"), ("xing", "总部/行政")):
            await made.shop.stores.contacts.keep(
                "service-desk", Contact(who, who, department), at=made.shop.clock.now()
            )
        yield made


async def test_the_directorys_department_reaches_the_search(desk: Desk) -> None:
    result = await desk.ask("cai", "年终奖怎么发")

    assert result.reply is not None
    assert SECRET in result.reply.text
    assert result.candidates[0].id == "奖金-内部"


@pytest.mark.parametrize("who", ["xing", "stranger"])
async def test_nothing_of_what_others_may_read_is_in_anything_that_a_turn_makes(desk: Desk, who: str) -> None:
    for question in ("年终奖怎么发", "年终奖的绩效系数是多少", "年终奖", SECRET, "财务内部的奖金"):
        made = msgspec.json.encode(await desk.ask(who, question)).decode()
        told = msgspec.json.encode([asked.messages for asked in desk.model.asked]).decode()
        for leaked in ("绩效系数", "财务内部", "奖金-内部", "一点七"):
            assert leaked not in made.replace(question, "")
            assert leaked not in told.replace(question, "")
        desk.model.asked.clear()


async def test_who_is_moved_to_another_department_reads_what_that_may_read(desk: Desk) -> None:
    assert SECRET in str((await desk.ask("cai", "年终奖怎么发")).reply)

    await desk.shop.stores.contacts.keep("service-desk", Contact("cai", "cai", "总部/行政"), at=desk.shop.clock.now())

    assert SECRET not in str((await desk.ask("cai", "年终奖怎么发")).reply)
