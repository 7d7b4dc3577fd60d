"""Workers: the configured personas that answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ai_worker.foundation.errors import NotFound


class NoSuchWorker(NotFound):
    """No worker has this name."""

    code = "worker.not_found"
    hint = "GET /v1/models lists the workers."


@dataclass(frozen=True, slots=True)
class Worker:
    """One digital employee."""

    name: str
    """The settings' name: `xiaozhi`; also the `model` of the OpenAI-compatible API."""

    display_name: str
    """What people see: `小智`."""

    persona: str = ""
    """How it speaks and what it is for; part of the model's instructions."""

    knowledge: tuple[str, ...] = ("*",)
    skills: tuple[str, ...] = ("*",)
    connectors: tuple[str, ...] = ("*",)
    channels: tuple[str, ...] = ("*",)
    grounding: Literal["strict", "open"] = "strict"
    """`strict`: only what knowledge and tools support. `open`: the model may answer from itself."""

    language: str = "zh-CN"
    time_zone: str = "Asia/Shanghai"


class Staff:
    """All workers of this installation; the first is the default."""

    def __init__(self, workers: Sequence[Worker]) -> None:
        if not workers:
            raise ValueError("there must be at least one worker")
        self.workers = tuple(workers)

    @property
    def default(self) -> Worker:
        """The worker that answers when nobody else is asked for."""
        return self.workers[0]

    def named(self, name: str) -> Worker:
        """Return the worker called `name`.

        Raises:
            NoSuchWorker: There is none.
        """
        for worker in self.workers:
            if worker.name == name:
                return worker
        raise NoSuchWorker(f"No worker is called {name!r}")

    def of_channel(self, channel: str) -> Worker:
        """Return the first worker that answers this channel; the default if none names it."""
        for worker in self.workers:
            if "*" in worker.channels or channel in worker.channels:
                return worker
        return self.default
