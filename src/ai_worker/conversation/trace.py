"""Records what a turn does and how long each step takes."""

from collections.abc import Iterator
from contextlib import contextmanager

from ai_worker.conversation.turn import Step, StepName
from ai_worker.foundation.clock import Clock


class Note:
    """What a step says about itself when it is done."""

    def __init__(self) -> None:
        self.detail = ""
        """One short phrase for the console; never message text or a secret."""


class Trace:
    """The steps of one turn, in order."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._steps: list[Step] = []

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps that are done."""
        return tuple(self._steps)

    def elapsed_ms(self) -> float:
        """Return milliseconds since the turn began."""
        return (self._clock.monotonic() - self._began) * 1000

    @contextmanager
    def step(self, name: StepName) -> Iterator[Note]:
        """Record the block as a step, also when it raises."""
        note, began = Note(), self._clock.monotonic()
        try:
            yield note
        finally:
            self._steps.append(Step(name, round((self._clock.monotonic() - began) * 1000, 3), note.detail))
