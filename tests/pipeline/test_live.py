"""What is seen of answers in the making: never half of one that was given up, never less than their end."""

from pathlib import Path

from ai_worker.conversation.message import Reply
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.pipeline.board import BACKLOG, Board, Delta, Finished, Restart
from tests.pipeline.desk import desk

ANSWER = TurnResult("answer", Reply("订单已发货。"))


async def test_what_was_shown_of_an_attempt_that_failed_is_declared_void(tmp_path: Path) -> None:
    failing = [True]

    async def breaks_once(given: TurnInput) -> TurnResult:
        if failing.pop() if failing else False:
            raise RuntimeError("defect on purpose")
        return ANSWER

    async with desk(tmp_path, breaks_once) as at:
        conversation = (await at.say("在吗")).conversation_id
        await at.until(lambda: len(at.channel.shown) == 1)
        failing.append(True)
        with at.board.conversation(conversation) as listener:
            turn = (await at.say("发货了吗")).turn_id
            heard = [await listener.next()]
            while not isinstance(heard[-1], Finished):
                heard.append(await listener.next())

    assert heard == [
        Delta(turn, "订单"),
        Restart(turn),
        Delta(turn, "订单"),
        Finished(turn, conversation, ANSWER),
    ]


async def test_a_listener_that_has_fallen_behind_still_hears_how_every_turn_ended() -> None:
    board = Board()
    with board.conversation(7) as slow:
        for turn in ("t-1", "t-2", "t-3"):
            for _ in range(BACKLOG):
                board.post(Delta(turn, "字"), conversation_id=7)
            board.post(Finished(turn, 7, ANSWER), conversation_id=7)
        heard = [await slow.next()]
        while heard[-1] != Finished("t-3", 7, ANSWER):
            heard.append(await slow.next())

    assert [note.turn_id for note in heard if isinstance(note, Finished)] == ["t-1", "t-2", "t-3"]
    assert len(heard) <= BACKLOG
