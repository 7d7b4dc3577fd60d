"""Whether an answer helped, told over the API."""

from pathlib import Path

import pytest

from tests.api.world import World, open_world


async def _asked(world: World, key: str | None = None) -> str:
    async with world.client(key) as client:
        response = await client.post("/api/v1/ask", json={"text": "退款多久到账？"})
    return str(response.json()["turn_id"])


async def test_an_opinion_is_kept_with_the_right_answer(world: World) -> None:
    turn = await _asked(world)
    opinion = {"turn_id": turn, "rating": "down", "correct_answer": "五天内到账。", "reason": "说错了天数"}
    async with world.client() as client:
        response = await client.post("/api/v1/feedback", json=opinion)

    assert (response.status_code, response.json()) == (200, {"turn_id": turn, "rating": "down"})
    (kept,) = await world.feedback.of_turn(turn)
    assert (kept.mark, kept.correct_answer, kept.reason) == ("down", "五天内到账。", "说错了天数")


async def test_a_later_opinion_of_the_same_caller_replaces_the_earlier(world: World) -> None:
    turn = await _asked(world)
    async with world.client() as client:
        for rating in ("down", "up"):
            assert (await client.post("/api/v1/feedback", json={"turn_id": turn, "rating": rating})).status_code == 200

    assert [kept.mark for kept in await world.feedback.of_turn(turn)] == ["up"]


async def test_nobody_rates_another_callers_answer_but_an_administrator(world: World) -> None:
    turn = await _asked(world)
    other, admin = (
        await world.another_key("crm", "chat", "feedback"),
        await world.another_key("boss", "feedback", "admin"),
    )
    answers = []
    for key in (other, admin):
        async with world.client(key) as client:
            answers.append(await client.post("/api/v1/feedback", json={"turn_id": turn, "rating": "up"}))

    assert [answer.status_code for answer in answers] == [404, 200]
    assert answers[0].json()["code"] == "feedback.no_such_answer"
    assert len(await world.feedback.of_turn(turn)) == 1


async def test_a_key_without_the_scope_is_refused(world: World) -> None:
    turn = await _asked(world)
    async with world.client(await world.another_key("reader", "chat")) as client:
        response = await client.post("/api/v1/feedback", json={"turn_id": turn, "rating": "up"})

    assert response.status_code == 403


@pytest.mark.parametrize(
    "body", [{}, {"turn_id": "t"}, {"turn_id": "t", "rating": "great"}, {"turn_id": "\x00", "rating": "up"}, []]
)
async def test_what_is_no_opinion_is_refused(world: World, body: object) -> None:
    async with world.client() as client:
        response = await client.post("/api/v1/feedback", json=body)

    assert response.status_code in (400, 422)


async def test_an_unknown_answer_burns_no_idempotency_key(world: World) -> None:
    async with world.client() as client:
        headers = {"idempotency-key": "f-1"}
        refused = await client.post("/api/v1/feedback", json={"turn_id": "t-unknown", "rating": "up"}, headers=headers)
        turn = await _asked(world)
        kept = await client.post("/api/v1/feedback", json={"turn_id": turn, "rating": "up"}, headers=headers)

    assert (refused.status_code, kept.status_code) == (404, 200)


async def test_the_same_opinion_under_one_key_gets_the_first_answer_after_a_restart(tmp_path: Path) -> None:
    named = {"idempotency-key": "opinion of order 1024"}
    async with open_world(tmp_path) as world, world.client() as client:
        turn = await _asked(world)
        first = await client.post("/api/v1/feedback", json={"turn_id": turn, "rating": "down"}, headers=named)
    async with open_world(tmp_path) as world, world.client() as client:
        again = await client.post("/api/v1/feedback", json={"turn_id": turn, "rating": "down"}, headers=named)
        other = await client.post("/api/v1/feedback", json={"turn_id": turn, "rating": "up"}, headers=named)

        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert other.status_code == 422
        assert [kept.mark for kept in await world.feedback.of_turn(turn)] == ["down"]
