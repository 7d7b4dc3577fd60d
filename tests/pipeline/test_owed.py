"""While the model is down: what is held does not block what its contact says next, and is answered once it can be."""

from dataclasses import replace
from pathlib import Path

import pytest

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import Reply
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.pipeline import recorder
from ai_worker.storage.opening import open_stores
from tests.pipeline.desk import CLOCK, SQLITE, desk

HOLDING = "有结果就在这里回复您。"


class Model:
    """What is asked for by `写` needs it; it answers everything else without."""

    def __init__(self) -> None:
        self.down = True
        self.given: list[TurnInput] = []

    async def answer(self, given: TurnInput) -> TurnResult:
        self.given.append(given)
        text = given.message.text
        if given.human or (given.blocked and given.held and not given.behind):
            return TurnResult("silent", None)
        if text == "转人工":
            return TurnResult("handoff", Reply("已经转给同事。"), reason=Reason.ASKED)
        if text.startswith("写") and (self.down or given.behind):
            return TurnResult("handoff", None if given.held else Reply(HOLDING), reason=Reason.FAILED, hold=True)
        return TurnResult("answer", Reply(f"{'补答' if given.overtaken else '答'}{text}"))

    def last(self, text: str) -> TurnInput:
        return next(given for given in reversed(self.given) if given.message.text == text)


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder, "SHORTEST_PAUSE_S", 0.3)
    monkeypatch.setattr(recorder, "LONGEST_PAUSE_S", 0.3)


async def test_the_next_question_is_answered_at_once_and_the_owed_answer_comes_when_the_model_is_back(
    tmp_path: Path,
) -> None:
    model = Model()
    async with desk(tmp_path, model.answer) as at:
        await at.say("写一段祝福")
        await at.until(lambda: at.shown() == [HOLDING])
        await at.say("怎么退货")
        await at.until(lambda: at.shown() == [HOLDING, "答怎么退货"])
        model.down = False
        await at.until(lambda: len(at.channel.shown) == 3)
        await at.until(lambda: at.backlog.unfinished == 0)

    assert at.shown() == [HOLDING, "答怎么退货", "补答写一段祝福"]
    assert [said.text for said in model.last("怎么退货").behind] == ["写一段祝福"]
    assert model.last("怎么退货").history == model.last("怎么退货").behind, "it may lean on what is not answered yet"


async def test_several_that_need_the_model_hear_one_notice_and_are_answered_in_their_order(tmp_path: Path) -> None:
    model = Model()
    async with desk(tmp_path, model.answer) as at:
        for number in range(4):
            await at.say(f"写第 {number} 段")
        await at.until(lambda: {given.message.text for given in model.given} == {f"写第 {n} 段" for n in range(4)})
        model.down = False
        await at.until(lambda: len(at.channel.shown) == 5)

    assert at.shown() == [HOLDING, *(f"答写第 {number} 段" for number in range(4))]


async def test_a_wish_for_a_person_is_obeyed_at_once_and_what_was_owed_ends_without_a_word(tmp_path: Path) -> None:
    model = Model()
    async with desk(tmp_path, model.answer) as at:
        owed = await at.say("写一段祝福")
        await at.until(lambda: at.shown() == [HOLDING])
        await at.say("转人工")
        await at.until(lambda: at.shown() == [HOLDING, "已经转给同事。"])
        model.down = False
        await at.until(lambda: at.backlog.unfinished == 0)
        record = await at.stores.conversations.turn(owed.turn_id)

    assert at.shown() == [HOLDING, "已经转给同事。"]
    assert record is not None
    assert (record.state, record.result and record.result.decision) == ("done", "silent")


async def test_a_person_who_takes_over_ends_what_was_owed(tmp_path: Path) -> None:
    model = Model()
    async with desk(tmp_path, model.answer) as at:
        owed = await at.say("写一段祝福")
        await at.until(lambda: at.shown() == [HOLDING])
        await at.stores.conversations.take_over(owed.conversation_id, "李娜", CLOCK.now())
        model.down = False
        await at.until(lambda: at.backlog.unfinished == 0)

    assert at.shown() == [HOLDING]


async def test_after_a_stop_the_owed_answer_is_still_owed_and_nothing_waits_for_it(tmp_path: Path) -> None:
    before, after = Model(), Model()
    async with desk(tmp_path, before.answer) as at:
        await at.say("写一段祝福")
        await at.until(lambda: at.shown() == [HOLDING])
        await at.say("怎么退货")
        await at.until(lambda: len(at.channel.shown) == 2)
    async with desk(tmp_path, after.answer) as again:
        await again.say("怎么换货")
        await again.until(lambda: again.shown() == ["答怎么换货"])
        after.down = False
        await again.until(lambda: again.shown() == ["答怎么换货", "补答写一段祝福"])


async def test_what_a_version_without_owed_answers_has_held_is_answered_first_as_it_was(tmp_path: Path) -> None:
    model = Model()
    async with open_stores(SQLITE, data_dir=tmp_path, clock=CLOCK) as stores:
        async with desk(tmp_path / "other", model.answer) as at:  # only for its message
            await at.say("写一段祝福", who="zhou")
            await at.until(lambda: len(model.given) == 1)
        for text in ("写一段祝福", "怎么退货"):
            await stores.pipeline.accept(replace(model.given[0].message, message_id=text, text=text))
        (claim,) = await stores.pipeline.claim(owner="old", limit=1, now=CLOCK.now())
        notice = at.channel.shown[0]
        await stores.pipeline.announce(claim, replace(notice, id="r-old", turn_id=claim.turn_id))
        await stores.pipeline.defer(claim, until=CLOCK.now())
    model.down = False
    async with desk(tmp_path, model.answer) as again:
        await again.until(lambda: "答怎么退货" in again.shown())

    assert [text for text in again.shown() if text != HOLDING] == ["答写一段祝福", "答怎么退货"]
