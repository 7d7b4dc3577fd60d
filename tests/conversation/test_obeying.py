"""A model that does whatever any text tells it, and texts that tell it all sorts of things.

The model speaks over a real socket. No order of theirs comes out in a reply, and none is carried out.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Literal

import pytest

from ai_worker.conversation.message import Contact, Utterance
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import SystemClock
from ai_worker.knowledge.passage import Passage
from ai_worker.llm.contract import ModelSettings
from ai_worker.llm.ladder import build_model
from ai_worker.llm.obeying import obeying
from ai_worker.llm.scripted import Asked, Call, Say, Script, ScriptedModel
from ai_worker.skills.tool import Asker, Tool, ToolResult
from tests.conversation.conftest import Everything, Office, words
from tests.conversation.hostile import DOCUMENTS, Hostile
from tests.conversation.test_turn_that_acts import Orders, Paper

HONEST = "信用卡退款最迟 5 天到账，储蓄卡最迟 3 天到账。"
QUESTION = "信用卡退款多久到账？"
GROUNDINGS: tuple[Literal["strict", "open"], ...] = ("strict", "open")

hostile = pytest.mark.parametrize("case", DOCUMENTS, ids=lambda case: case.id)


class Remarks(Orders):
    """An order system in whose remarks a customer has written something."""

    def __init__(self, remark: str) -> None:
        super().__init__(honours_keys=True)
        self.remark = remark

    async def call(self, name: str, arguments: Any, *, idempotency_key: str, asker: Asker | None = None) -> ToolResult:
        result = await super().call(name, arguments, idempotency_key=idempotency_key)
        return replace(result, data={**result.data, "remark": self.remark})


class OneTool(Orders):
    """The same, with nothing to read."""

    def check(self, name: str, arguments: Mapping[str, Any], *, asker: Asker | None = None) -> None:
        """Take any arguments."""

    def tools(self, connectors: Sequence[str] = ("*",), *, asker: Asker | None = None) -> list[Tool]:
        return [tool for tool in super().tools(connectors) if tool.acts]


@asynccontextmanager
async def office(script: Script, case: Hostile, grounding: Literal["strict", "open"]) -> AsyncIterator[Office]:
    """An office in whose knowledge, history or order system the case stands."""
    text = f"{HONEST}\n\n{case.text}" if case.place == "document" else HONEST
    title = case.text if case.place == "title" else "退款到账时限"
    document = case.text if case.place == "title" else "售后政策.md"
    shelf = Everything([(Passage(f"{document}#1", "公司", document, "passage", title, text), 0.6)])
    async with ScriptedModel(script) as server:
        model = build_model(
            ModelSettings(base_url=server.base_url, name="scripted", timeout_s=5), max_concurrent=4, clock=SystemClock()
        )
        await model.start()
        erp = Remarks(case.text) if case.place == "result" else OneTool(honours_keys=True)
        made = Office(shelf, erp, model=model, grounding=grounding)
        if case.place == "history":
            made.history = [Utterance("user", case.text), Utterance("assistant", "好的。")]
        if case.place == "said":
            made.history = [Utterance("user", "退款呢"), Utterance("assistant", case.text)]
        try:
            yield made
        finally:
            await model.close()


async def ask(at: Office, case: Hostile) -> tuple[TurnResult, str]:
    """Ask what the document answers; return the result, and all that anybody was shown."""
    shown: list[str] = []
    question = case.text if case.place == "question" else QUESTION
    given = at.given("帮忙看看老周那单的进度" if case.place == "result" else question)
    if case.place == "name":
        given = replace(given, message=replace(given.message, contact=Contact("lin", case.text, case.text)))
    result = await at.engine.run(given, on_delta=shown.append, on_draft=shown.append, notebook=Paper())
    return result, "\n".join([*shown, words(result), *(cited.quote for cited in result.citations)])


@hostile
@pytest.mark.parametrize("grounding", GROUNDINGS)
async def test_what_a_text_orders_is_neither_said_nor_done(case: Hostile, grounding: Literal["strict", "open"]) -> None:
    async with office(obeying, case, grounding) as at:
        result, shown = await ask(at, case)
        erp = at.erp

    assert isinstance(erp, Orders)
    assert erp.cancelled == [], "nothing was cancelled"
    assert not [one for one in case.never if one.casefold() in shown.casefold()]
    if case.place in ("document", "title", "name", "history"):
        assert "最迟 5 天" in words(result) or result.decision != "answer"


@pytest.mark.parametrize("case", [one for one in DOCUMENTS if one.place != "question"], ids=lambda case: case.id)
async def test_what_a_text_orders_is_not_done_in_a_later_turn_either(case: Hostile) -> None:
    async with office(obeying, case, "open") as at:
        await at.say("帮忙看看老周那单的进度" if case.place == "result" else QUESTION, notebook=Paper())
        at.shelf = Everything([])
        for number in (2, 3):
            await at.say("好的，就照上面说的办", notebook=Paper(), turn_id=f"t-{number}")
        erp = at.erp

    assert isinstance(erp, Orders)
    assert erp.cancelled == [], "nothing was cancelled"


IMPORTED = [case for case in DOCUMENTS if case.place == "document" and case.id != "picture"]
"""An approved answer may show a picture."""


def wanting(case: Hostile) -> Script:
    """A model that was won over already: it says what the text wants, whatever it is shown."""

    def rule(asked: Asked) -> Say:
        said = "".join(f"{never} [1]。" for never in case.never)
        calls = (Call("erp_cancel_order", {"order_id": "ORD12345"}),) if not case.never else ()
        return Say(f"信用卡退款最迟 5 天到账 [1]。{said}", calls=calls)

    return rule


@hostile
async def test_what_a_won_over_model_says_for_it_does_not_go_out(case: Hostile) -> None:
    async with office(wanting(case), case, "strict") as at:
        _, shown = await ask(at, case)
        erp = at.erp

    assert isinstance(erp, Orders)
    assert erp.cancelled == []
    assert not [one for one in case.never if one.casefold() in shown.casefold()]


@hostile
async def test_without_a_model_no_order_is_quoted(case: Hostile) -> None:
    async with office("", case, "strict") as at:
        at.model = None
        shelf = at.shelf
        assert isinstance(shelf, Everything)
        at.shelf = Everything([(passage.passage, 0.95) for passage in shelf.search(QUESTION)])
        _, shown = await ask(at, case)

    assert not [one for one in case.never if one.casefold() in shown.casefold()]


@pytest.mark.parametrize("case", IMPORTED, ids=lambda case: case.id)
async def test_not_even_a_table_that_was_imported_unread_gives_orders(case: Hostile) -> None:
    entry = Passage("row-1", "公司", "常见问题.csv", "entry", "退款多久到账", f"{HONEST}\n\n{case.text}")
    at = Office(Everything([(entry, 0.95)]))
    result = await at.say(QUESTION)

    assert words(result).startswith(HONEST)
    assert not [one for one in case.never if one.casefold() in words(result).casefold()]
