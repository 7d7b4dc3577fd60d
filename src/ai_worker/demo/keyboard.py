"""Single keys from the terminal, without Enter."""

import asyncio
import os
import termios
import tty
from contextlib import suppress
from types import TracebackType
from typing import Self


class Keys:
    """The keys that are pressed on a terminal while the block lasts, one character each."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._pressed: asyncio.Queue[str] = asyncio.Queue(16)
        self._before = termios.tcgetattr(self._descriptor)

    async def __aenter__(self) -> Self:
        tty.setcbreak(self._descriptor)
        asyncio.get_running_loop().add_reader(self._descriptor, self._read)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._descriptor)
        with suppress(termios.error):  # a terminal that is gone needs no restoring
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    def _read(self) -> None:
        try:
            pressed = os.read(self._descriptor, 64).decode(errors="ignore")
        except OSError:
            pressed = ""
        if not pressed:  # the terminal is gone: nobody can press q any more
            asyncio.get_running_loop().remove_reader(self._descriptor)
        for key in pressed or "q":
            if not self._pressed.full():
                self._pressed.put_nowait(key)

    async def next(self) -> str:
        """Return the next key, in lower case."""
        return (await self._pressed.get()).lower()
