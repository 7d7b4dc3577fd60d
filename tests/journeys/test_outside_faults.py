"""A model and a messenger that misbehave: answered once or held, never wrong, nothing shown twice."""

import asyncio
import random
from pathlib import Path
from typing import get_args

import pytest

from ai_worker.demo.wecom import Fault
from ai_worker.drills.ways import echo, numbers
from ai_worker.llm.scripted import Asked, Misbehaviour, Say
from tests.journeys.talking import house

pytestmark = pytest.mark.slow

STALLING = {"stalled"}
"""Stops in the middle and says nothing more: found out by a timer, and not by this test's patience."""


async def test_a_model_that_fails_in_every_way_delays_answers_and_spoils_none(tmp_path: Path) -> None:
    chance = random.Random(7)
    ways = [way for way in get_args(Misbehaviour) if way not in STALLING]

    def moody(asked: Asked) -> Say:
        bad = chance.random() < 0.4
        return Say(echo(asked), misbehave=chance.choice(ways) if bad else None)

    async with house(tmp_path) as home:
        home.model._script = moody
        await home.site.start()
        talk = home.talk(240, members=24)
        talking = asyncio.create_task(talk.run())
        await home.pace.release(240, over_s=5.0)
        async with asyncio.timeout(30):
            await talking
        await asyncio.sleep(3.0)
        home.model._script = echo

        tally = await home.tally(talk, within_s=90)

        assert (tally.accepted, tally.duplicated, tally.out_of_order) == (240, 0, 0)
        # What a broken answer leaves is a hand-over in words: nothing of the broken text is ever shown.
        for member in range(24):
            for shown in home.platform.shown_to(f"member{member}"):
                assert "�" not in shown.text
                assert not numbers(shown.text) or shown.text.endswith("已经登记。"), shown.text
        finished = sum(len(home.platform.shown_to(f"member{member}")) for member in range(24))
        assert finished >= 240, "every message was answered, or handed over in words"
        assert tally.lost <= 240 * 0.2, "only what the model itself spoiled goes to a person"


async def test_a_messenger_that_limits_breaks_and_loses_answers_shows_nothing_twice(tmp_path: Path) -> None:
    chance = random.Random(11)
    kinds = (
        Fault.code(45009, "api freq out of limit"),
        Fault.code(-1, "system busy"),
        Fault.lost_answer(),
        Fault.http(502),
        Fault.http(502, takes=True),
        Fault.slow(0.2),
    )
    async with house(tmp_path) as home:
        await home.site.start()
        home.platform.fail_next(
            *(chance.choice(kinds) if chance.random() < 0.3 else Fault(takes=True) for _ in range(200))
        )
        talk = home.talk(120, members=30)
        talking = asyncio.create_task(talk.run())
        await home.pace.release(120, over_s=3.0)
        async with asyncio.timeout(30):
            await talking

        tally = await home.tally(talk, within_s=110)

        assert (tally.accepted, tally.lost, tally.duplicated, tally.out_of_order) == (120, 0, 0, 0)
