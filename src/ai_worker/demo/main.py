"""`ai-worker demo`: the whole product on loopback, with a sample company and simulated platforms."""

import asyncio
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from zoneinfo import ZoneInfo

from ai_worker.demo.attendant import Attendant
from ai_worker.demo.office import Office, Ports, opened
from ai_worker.demo.outcome import Outcome
from ai_worker.demo.rounds import opening
from ai_worker.demo.screen import Screen
from ai_worker.demo.words import Language, spoken_language
from ai_worker.foundation.clock import Clock, SystemClock
from ai_worker.foundation.errors import AiWorkerError

ZONE = ZoneInfo("Asia/Shanghai")

OK, PROBLEM = 0, 1


def run(
    *,
    once: bool = False,
    as_json: bool = False,
    port_api: int | None = None,
    port_console: int | None = None,
    language: str = "zh-CN",
) -> int:
    """Play the demo; return the exit code: 0, or 1 when a step of the round did not work.

    Args:
        once: Play the scripted round and end. Else keep serving afterwards: on a terminal with
            keys, elsewhere until SIGTERM or SIGINT.
        as_json: Print a JSON summary alone on stdout; implies `once`.
        port_api: The API's port, 0 for any; `None` for the usual one if it is free, any with `once`.
        port_console: The same for the console.
        language: The language of the screen and of the service: `en`, or Chinese.

    Raises:
        AiWorkerError: A part did not start. With `as_json` it is told in the summary instead.
    """
    once = once or as_json
    ports = Ports(port_api or 0, port_console or 0) if once else Ports.usual(api=port_api, console=port_console)
    outcome, spoken = Outcome(), spoken_language(language)
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        screen = Screen(nowhere if as_json else sys.stdout, language=spoken, zone=ZONE)
        try:
            with tempfile.TemporaryDirectory(prefix="ai-worker-demo-", ignore_cleanup_errors=True) as folder:
                asyncio.run(play(screen, outcome, folder=Path(folder), once=once, ports=ports, language=spoken))
        except asyncio.CancelledError:  # SIGINT or SIGTERM: the way to end a demo that goes on serving
            if not outcome.complete:
                outcome.problem = "interrupted"
        except AiWorkerError as error:
            if not as_json:
                raise
            outcome.problem = str(error)
        finally:
            screen.close()
        _sum_up(screen, outcome, once=once)
    if as_json:
        print(json.dumps(outcome.public(), ensure_ascii=False, indent=2))
    return OK if outcome.ok else PROBLEM


def _sum_up(screen: Screen, outcome: Outcome, *, once: bool) -> None:
    if outcome.failed:
        screen.line(f"  {screen.say('failed', steps=' '.join(outcome.failed))}", "red")
    for platform, broken in outcome.violations.items():
        for words in broken:
            screen.line(f"  {screen.say('violation', platform=screen.say(platform), words=words)}", "red")
    if not once:
        screen.line(f"  {screen.say('bye')}")


async def play(screen: Screen, outcome: Outcome, *, folder: Path, once: bool, ports: Ports, language: Language) -> None:
    """Start everything, play the round, and go on as asked; fill `outcome` on the way.

    Raises:
        AiWorkerError: A part did not start.
        asyncio.CancelledError: SIGINT or SIGTERM came; everything has been stopped.
    """
    _cancel_on_signals()
    clock = SystemClock()
    screen.title()
    async with opened(folder, ports=ports, language=language, clock=clock, report=screen.part) as office:
        screen.part("console", {"link": await office.service.console_link()}, 0.0)
        if ports.taken:
            screen.line(f"    {screen.say('taken', ports=' '.join(map(str, ports.taken)))}", "yellow")
        screen.line()
        outcome.facts = office.facts()
        if once:
            await _play_round(screen, outcome, office)
        elif screen.live and sys.stdin.isatty():
            await _attend(screen, outcome, office, clock)
        else:
            await _play_round(screen, outcome, office)
            screen.line(f"  {screen.say('serving')}")
            await asyncio.shield(office.service.failed)


async def _play_round(screen: Screen, outcome: Outcome, office: Office) -> None:
    async for exchange in opening(office.line):
        outcome.exchanges.append(exchange)
        outcome.tally.add(exchange)
        screen.exchange(exchange)
    outcome.violations = office.violations()
    outcome.complete = True
    screen.line(f"  {screen.score(outcome.tally)}")


async def _attend(screen: Screen, outcome: Outcome, office: Office, clock: Clock) -> None:
    from ai_worker.demo.keyboard import Keys  # needs the modules of a terminal

    # The keys are read from the start, so that what is pressed early is neither shown nor lost.
    async with Keys(sys.stdin.fileno()) as keys:
        await _play_round(screen, outcome, office)
        await Attendant(screen, outcome.tally, office, keys, clock=clock).attend()


def _cancel_on_signals() -> None:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
