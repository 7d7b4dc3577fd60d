"""Where the model of intents lives, and who has it made: one process of a machine, in a child, at leisure."""

import asyncio
import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog

from ai_worker.knowledge.intents.lessons import MOST_CELLS, MOST_ENTRIES, Lessons

if TYPE_CHECKING:
    from ai_worker.knowledge.intents.model import Intents

FILE = "wordings.intents"
PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG", "LC_ALL", "TZ")
"""The environment that the child gets: what starts Python, and none of the secrets."""

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LOOK_AGAIN_S = 1.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LearningLimits:
    """What making a model may use."""

    cpu_s: int = 60
    wait_s: int = 300
    """On a machine that is busy with other things."""

    memory_bytes: int = 1 << 30


class IntentFolder:
    """The model on disk, and the latest one that could be read.

    While a new one is made the older one goes on, or none: the search does without.
    """

    def __init__(self, folder: Path, *, learns: bool, limits: LearningLimits | None = None) -> None:
        """Nothing is read yet.

        Args:
            folder: Where the model may be; it is made if it is missing.
            learns: Whether this process has models made, or only takes over what others had made.
            limits: What making one may use.
        """
        self._folder = folder
        self._learns = learns
        self._limits = limits or LearningLimits()
        self._wanted: Lessons | None = None
        self._work: asyncio.Task[None] | None = None
        self.current: Intents | None = None
        """What questions are scored by; `None` where there is nothing to learn from, or not yet."""

    async def tend(self, lessons: Lessons | None) -> None:
        """Take over lessons; return at once, or after reading a model that is there already."""
        self._wanted = lessons
        if lessons is None:
            self.current = None
        elif not await asyncio.to_thread(self._take_over, lessons) and self._learns and not self._busy:
            self._work = asyncio.create_task(self._learn(), name="knowledge.intents")

    async def settle(self) -> None:
        """Wait until nothing is being learned any more."""
        if self._work is not None:
            await asyncio.wait([self._work])

    async def close(self) -> None:
        """Stop learning."""
        if self._busy and self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])

    @property
    def _busy(self) -> bool:
        return self._work is not None and not self._work.done()

    def _take_over(self, lessons: Lessons) -> bool:
        """Read the model from disk, if it is the one of these lessons; return whether it is in use now."""
        wanted = lessons.fingerprint
        if self.current is not None and self.current.meta.fingerprint == wanted:
            return True
        if not (self._folder / FILE).exists():
            return False
        from ai_worker.knowledge.intents.model import Intents  # and with it numpy, which a command may not need

        try:
            found = Intents.open(self._folder / FILE)
        except (OSError, ValueError, KeyError, msgspec.MsgspecError) as error:
            log.warning("knowledge.intents_unreadable", folder=str(self._folder), reason=str(error))
            return False
        if found is None or found.meta.fingerprint != wanted:
            return False
        self.current = found
        return True

    async def _learn(self) -> None:
        done: Lessons | None = None
        while (lessons := self._wanted) is not None and lessons is not done:
            done = lessons
            if lessons.too_much:
                log.warning(
                    "knowledge.intents_skipped",
                    entries=len(lessons.keys),
                    wordings=len(lessons.texts),
                    most_entries=MOST_ENTRIES,
                    most_cells=MOST_CELLS,
                )
                self.current = None
                continue
            while not await asyncio.to_thread(self._take_over, lessons):
                with self._alone() as alone:
                    if alone and not await self._child(lessons):
                        break  # it is not tried again before the wordings change
                if not alone:
                    await asyncio.sleep(LOOK_AGAIN_S)

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Keep other processes from learning the same; yield whether none of them is at it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._folder / "learning.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
            else:
                yield True
        finally:
            os.close(lock)

    async def _child(self, lessons: Lessons) -> bool:
        limits = self._limits
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # no modules from the folder that the command happens to be called in
            "-m",
            "ai_worker.knowledge.intents.child",
            str(limits.cpu_s),
            str(limits.memory_bytes),
            str(self._folder / FILE),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ} | ONE_THREAD,
        )
        try:
            async with asyncio.timeout(limits.wait_s):
                await child.communicate(msgspec.json.encode(lessons))
        except TimeoutError:
            log.warning("knowledge.intents_slow", entries=len(lessons.keys), seconds=limits.wait_s)
        finally:
            if child.returncode is None:
                child.kill()
                await child.wait()
        if child.returncode:
            log.warning("knowledge.intents_failed", entries=len(lessons.keys), ended=child.returncode)
            return False
        log.info("knowledge.intents_learned", entries=len(lessons.keys), wordings=len(lessons.texts))
        return True
