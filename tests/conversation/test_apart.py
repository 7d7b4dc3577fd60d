"""Private chats never share context: not over channels, not with a group, and not because two contacts are one person.

Everything is real but the channels: the store's history, the turn, and the prompt that a model gets over a socket.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from ai_worker.conversation.contacts import ContactKey
from ai_worker.conversation.engine import TurnEngine
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.conversation.persona import Staff, Worker
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.conversation.turn import TurnInput
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.ids import new_id
from ai_worker.llm.contract import ModelSettings
from ai_worker.llm.ladder import build_model
from ai_worker.llm.scripted import ScriptedModel
from ai_worker.storage.opening import Stores, open_stores
from tests.conversation.conftest import Shelf

CLOCK = SystemClock()
WECOM, FEISHU = ContactKey("wecom", "zhangsan"), ContactKey("feishu", "ou_x")
SECRET = {
    WECOM: "我下个月离职，工资 18500",
    FEISHU: "帮我订体检，我有高血压",
    "group": "群里说一下，周五团建去怀柔",
}


@dataclass
class Desk:
    """A worker that answers what waits in the store with a model that can be overheard."""

    stores: Stores
    engine: TurnEngine
    model: ScriptedModel

    async def hear(self, key: ContactKey, text: str, *, group: bool = False) -> str:
        """Let a contact say something, answer it, and return all that the model was told for it."""
        contact = Contact(key.id, "张三")
        place = "group:g1" if group else key.id
        message = InboundMessage(key.channel, new_id("m"), place, contact, text, CLOCK.now(), group=group)
        await self.stores.pipeline.accept(message)
        (claim,) = await self.stores.pipeline.claim(owner="run-1", limit=9, now=CLOCK.now())
        given = TurnInput(claim.turn_id, claim.message, claim.history, "xiaozhi", pending=claim.pending)
        self.model.asked.clear()
        result = await self.engine.run(given)
        await self.stores.pipeline.finish(claim, result, [], now=CLOCK.now(), response_ms=1)
        told = [message["content"] for asked in self.model.asked for message in asked.messages]
        assert told, "the model was asked"
        return "\n".join(told)


@asynccontextmanager
async def open_desk(folder: Path) -> AsyncIterator[Desk]:
    async with (
        open_stores("sqlite:///ai-worker.db", data_dir=folder, clock=CLOCK) as stores,
        ScriptedModel("好的，我记下了。", piece=8) as server,
    ):
        settings = ModelSettings(base_url=server.base_url, name="scripted", timeout_s=2)
        model = build_model(settings, max_concurrent=2, clock=CLOCK)
        await model.start()
        engine = TurnEngine(
            staff=Staff([Worker("xiaozhi", "小智", grounding="open")]),
            retriever=Shelf({}),
            toolbox=None,
            model=model,
            feedback=None,
            clock=CLOCK,
            thresholds=Thresholds(Bars(0.8, 0.4)),
        )
        try:
            yield Desk(stores, engine, server)
        finally:
            await model.close()


async def hears_its_own_alone(desk: Desk) -> None:
    """Ask in each place what was said, and look at what the model was told."""
    for place, secret in SECRET.items():
        key = place if isinstance(place, ContactKey) else WECOM
        told = await desk.hear(key, "我刚才说了什么？", group=place == "group")
        assert secret in told
        for other in SECRET.values():
            assert other == secret or other not in told


async def test_a_turn_hears_its_own_conversation_and_no_other_before_linking_and_after(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.hear(WECOM, SECRET[WECOM])
        await desk.hear(FEISHU, SECRET[FEISHU])
        await desk.hear(WECOM, SECRET["group"], group=True)

        await hears_its_own_alone(desk)
        await desk.stores.contacts.link(WECOM, FEISHU, at=CLOCK.now())
        await hears_its_own_alone(desk)
        await desk.stores.contacts.unlink(FEISHU)
        await hears_its_own_alone(desk)


async def test_the_department_of_one_channel_is_not_told_on_another(tmp_path: Path) -> None:
    async with open_desk(tmp_path) as desk:
        await desk.hear(WECOM, "食堂几点开？")
        await desk.hear(FEISHU, "食堂几点开？")
        await desk.stores.contacts.keep("wecom", Contact("zhangsan", "张三丰", "稽核部"), at=CLOCK.now())
        await desk.stores.contacts.link(WECOM, FEISHU, at=CLOCK.now())

        assert "提问者：张三丰，稽核部。" in await desk.hear(WECOM, "公司班车几点？")
        there = await desk.hear(FEISHU, "公司班车几点？")
        assert "提问者：张三。" in there
        assert "稽核部" not in there
