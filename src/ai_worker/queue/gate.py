"""A gate that lets everybody through in the order in which they came, however often it is shut."""

import asyncio
from collections import deque


class Gate:
    """Open at first. An `asyncio.Event` would let whoever comes as it opens overtake those who wait."""

    def __init__(self) -> None:
        self.open = True
        self._waiting: deque[asyncio.Future[None]] = deque()

    def shut(self) -> None:
        """Let nobody through from now on."""
        self.open = False

    def unlock(self) -> None:
        """Let those who wait through, one after another, and then everybody."""
        self.open = True
        self._call_next()

    async def through(self, *, again: bool = False) -> None:
        """Return once the gate is open and everybody who came before has gone on.

        Whoever is through goes on at once: nobody else runs before the next `await`.

        Args:
            again: The caller was through already and had to come back; it is the first in the line.
        """
        if self.open and (again or not self._waiting):
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if again:
            self._waiting.appendleft(turn)
        else:
            self._waiting.append(turn)
        try:
            await turn
            while not self.open:  # shut again before this one could go on
                place = self._waiting.index(turn)
                turn = self._waiting[place] = asyncio.get_running_loop().create_future()
                await turn
        finally:
            self._waiting.remove(turn)
            if self.open:
                self._call_next()

    def _call_next(self) -> None:
        if self._waiting and not self._waiting[0].done():
            self._waiting[0].set_result(None)
