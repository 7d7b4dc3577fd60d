"""The system's clock is set back two hours and forward ninety-five days while messages flow."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from ai_worker import app
from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.scratch import CHANNEL, WecomApplication, open_model
from ai_worker.drills.ways import echo, numbers
from ai_worker.foundation.clock import SystemClock
from ai_worker.llm.scripted import ScriptedModel
from ai_worker.settings import load

pytestmark = pytest.mark.slow

DESK = WecomApplication()
BACK, FORWARD = timedelta(hours=-2), timedelta(days=95)


class SteppedClock(SystemClock):
    """The machine's clock, until somebody sets it."""

    def __init__(self) -> None:
        self.step = timedelta()

    def now(self) -> datetime:
        return super().now() + self.step


def _platform(clock: SteppedClock) -> SimulatedWecom:
    """Return a platform whose clock is right when ours is: callbacks are signed with our time."""
    return SimulatedWecom(
        corp_id=DESK.corp_id,
        agent_id=DESK.agent_id,
        secret=DESK.secret,
        token=DESK.token,
        encoding_aes_key=DESK.encoding_aes_key,
        clock=clock,
    )


@pytest.mark.parametrize("max_concurrent", [100, 2], ids=["all in work", "most waiting"])
@pytest.mark.parametrize("steps", [(BACK,), (FORWARD,), (BACK, FORWARD, BACK)], ids=["back", "forward", "to and fro"])
async def test_a_step_of_the_clock_leaves_nothing_stuck(
    tmp_path: Path, steps: tuple[timedelta, ...], max_concurrent: int
) -> None:
    clock = SteppedClock()
    file = tmp_path / "ai-worker.toml"
    async with _platform(clock) as platform, ScriptedModel(echo, delay_s=0.3) as model:
        file.write_text(
            f'max_concurrent = {max_concurrent}\ndata_dir = "{tmp_path / "data"}"\n'
            '[api]\nhost = "127.0.0.1"\nport = 0\n[console]\nport = 0\n'
            + open_model(model.base_url)
            + DESK.settings(platform.api_base),
            encoding="utf-8",
        )
        async with app.running(load(file, environ={}), clock=clock) as service:
            platform.callback_url = f"{service.api_url}/channels/{CHANNEL}/callback"
            number = 0
            for step in (*steps, timedelta()):
                saying = []
                for member in range(10):
                    saying.append(asyncio.create_task(platform.say(f"u{member}", f"请登记，编号 {number}")))
                    number += 1
                assert all(said.acknowledged for said in await asyncio.gather(*saying))
                clock.step += step  # with ten turns in progress, or waiting
            async with asyncio.timeout(25):
                for member in range(10):
                    await platform.replies_to(f"u{member}", len(steps) + 1, timeout=25)
            await asyncio.sleep(1.0)

            answered = [n for member in range(10) for one in platform.shown_to(f"u{member}") for n in numbers(one.text)]
            assert sorted(answered) == list(range(number))
