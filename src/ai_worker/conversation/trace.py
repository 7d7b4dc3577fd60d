"""Records what a turn does and how long each step takes."""

from types import TracebackType

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

    def step(self, name: StepName) -> "_Running":
        """Return what records the block under `with` as a step, also when it raises."""
        return _Running(name, self._steps, self._clock)


class _Running:
    """A step at work. A turn has several, so this is spelt out: a generator costs three times as much."""

    __slots__ = ("_began", "_clock", "_name", "_note", "_steps")

    def __init__(self, name: StepName, steps: list[Step], clock: Clock) -> None:
        self._name, self._steps, self._clock = name, steps, clock
        self._note = Note()
        self._began = clock.monotonic()

    def __enter__(self) -> Note:
        return self._note

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ms = round((self._clock.monotonic() - self._began) * 1000, 3)
        self._steps.append(Step(self._name, ms, self._note.detail))
