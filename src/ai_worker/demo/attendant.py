"""What happens after the opening round on a terminal: one key, one action."""

import asyncio
from itertools import cycle

from ai_worker.demo.company import PLATFORMS, SAMPLES, Question
from ai_worker.demo.keyboard import Keys
from ai_worker.demo.load import IN_FLIGHT, Load, press
from ai_worker.demo.office import Office
from ai_worker.demo.outcome import Tally
from ai_worker.demo.screen import Screen
from ai_worker.foundation.clock import Clock

LOAD_S = 60.0
REFRESH_S = 0.5


class Attendant:
    """Does what the keys ask for: another question, a minute of load, a fresh link to the console.

    The number keys choose a platform: the next question comes from one of its people.
    """

    def __init__(self, screen: Screen, tally: Tally, office: Office, keys: Keys, *, clock: Clock) -> None:
        self._screen = screen
        self._tally = tally
        self._office = office
        self._keys = keys
        self._clock = clock
        self._samples = cycle(SAMPLES)
        self._samples_on = {
            str(number): cycle([sample for sample in SAMPLES if sample.person.platform == platform])
            for number, platform in enumerate(PLATFORMS, start=1)
        }

    async def attend(self) -> None:
        """Serve until `q` is pressed."""
        while True:
            self._screen.status(self._tally)
            match await self._keys.next():
                case " ":
                    await self._ask(next(self._samples))
                case key if key in self._samples_on:
                    await self._ask(next(self._samples_on[key]))
                case "p":
                    await self._press()
                case "o":
                    self._screen.part("console", {"link": await self._office.service.console_link()}, 0.0)
                case "q":
                    return

    async def _ask(self, question: Question) -> None:
        exchange = await self._office.line.ask(question)
        self._tally.add(exchange)
        self._screen.exchange(exchange)

    async def _press(self) -> None:
        """Load the service for a minute, or until `p` or `q` is pressed again."""
        now = self._clock.monotonic()
        load = Load(began=now, now=now)
        loading = asyncio.create_task(press(self._office.wecom, seconds=LOAD_S, clock=self._clock, load=load))
        stopping = asyncio.create_task(self._pressed_again())
        try:
            while not (loading.done() or stopping.done()):
                self._screen.loading(load)
                await asyncio.wait({loading, stopping}, timeout=REFRESH_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loading.cancel()
            stopping.cancel()
            await asyncio.gather(loading, stopping, return_exceptions=True)
        self._screen.loaded(load, in_flight=IN_FLIGHT)

    async def _pressed_again(self) -> None:
        while await self._keys.next() not in ("p", "q"):
            pass
