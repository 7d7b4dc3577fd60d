"""Beginning to work and ending it, in the order that loses nothing."""

import asyncio
import gc
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from ai_worker.app.chores import Chore
from ai_worker.app.doors import Doors
from ai_worker.app.line import Line
from ai_worker.channels.contract import Rate, Receive
from ai_worker.channels.roster import Roster

log = structlog.get_logger(__name__)

TURNS_END_S = 20.0


SENDS_END_S = 5.0


REQUESTS_END_S = 5.0
"""How long turns, sends and requests in progress may take at a stop: 30 seconds together."""


@asynccontextmanager
async def at_work(
    line: Line | None,
    receive: Receive,
    rate: Rate,
    doors: Doors,
    channels: Roster,
    chores: Sequence[Chore],
    failed: asyncio.Future[None],
) -> AsyncIterator[None]:
    """Receive, answer and deliver until the block ends; then stop in the order that loses nothing."""

    def ended(task: asyncio.Task[None]) -> None:
        if not failed.done() and not task.cancelled():
            failed.set_exception(task.exception() or RuntimeError("a part that must never end has ended"))

    await channels.start(receive, rate, connects=line is not None)
    serving = [asyncio.create_task(doors.serve())] if doors.servers else []
    lasting: Sequence[Chore] = [line.runner.run, line.delivery.run, *chores] if line else chores
    tasks = [*serving, *(asyncio.create_task(work()) for work in lasting)]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        await doors.accepting()
        yield
    finally:
        failed.cancel()  # from here on parts may end; without effect if one had failed before
        doors.drain()
        if line is not None:
            await line.runner.drain(TURNS_END_S)
        doors.close()
        if line is not None:
            await line.delivery.drain(SENDS_END_S)
        if serving:
            await asyncio.wait(serving, timeout=REQUESTS_END_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await channels.stop()


def spare_the_collector() -> None:
    """Let the garbage collector pass over what lives as long as the process, and look less often.

    Modules, routes and settings are half a million objects that a collection would walk through for
    nothing. What a message makes is freed by reference counting; cycles are rare (one object in ten
    messages), so they may wait. A turn that waits for its model is some 250 objects, which every
    collection would find alive: in a crowd of 10,000 they are to be looked at a dozen times, not a hundred.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(200_000, 20, 20)
