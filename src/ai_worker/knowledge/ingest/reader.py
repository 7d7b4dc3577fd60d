"""The parent's side of parsing: one child process for many documents, replaced whenever it dies."""

import asyncio
import os
import signal
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import msgspec
import structlog

from ai_worker.knowledge.ingest.parsed import Parsed, Refusal, Request, Response
from ai_worker.knowledge.ingest.refusals import ReaderCrashed, TooCostly

ANSWER_BYTES = 256_000_000
PASSED_ON = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG", "LC_ALL", "TZ")
"""The environment that the child gets: what starts Python, and none of the secrets."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may use."""

    seconds: int = 20
    """Of CPU, and of waiting."""

    memory_bytes: int = 1 << 30


class DocumentReader:
    """Reads documents, one after the other, in a child process.

    Use it as an async context manager; the child starts with the first document.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._child: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        """Return itself; nothing starts yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the child."""
        await self._end()

    async def read(self, name: str, content: bytes) -> Parsed | Refusal:
        """Return what a document holds, or why it cannot be read.

        Args:
            name: The document's id; its ending says what kind of document it is.
            content: The whole file.
        """
        try:
            async with asyncio.timeout(self._limits.seconds + 1):
                return await self._ask(name, content)
        except TimeoutError:
            await self._end()
            reason = f"Reading it takes longer than {self._limits.seconds} seconds"
            return Refusal(TooCostly.code, reason)
        except (asyncio.IncompleteReadError, ConnectionError):
            return self._explain(name, await self._end())

    async def _ask(self, name: str, content: bytes) -> Parsed | Refusal:
        child = self._child or await self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        request = msgspec.json.encode(Request(name, len(content)))
        child.stdin.write(len(request).to_bytes(4) + request)
        child.stdin.write(content)
        await child.stdin.drain()
        size = int.from_bytes(await child.stdout.readexactly(4))
        if size > ANSWER_BYTES:
            await self._end()
            return Refusal(TooCostly.code, "The document holds more text than a document may")
        response = msgspec.json.decode(await child.stdout.readexactly(size), type=Response)
        if response.parsed is not None:
            return response.parsed
        assert response.refusal is not None  # the child answers with one of the two
        return response.refusal

    async def _start(self) -> asyncio.subprocess.Process:
        self._child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # no modules from the folder that the command happens to be called in
            "-m",
            "ai_worker.knowledge.ingest.child",
            str(self._limits.seconds),
            str(self._limits.memory_bytes),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in PASSED_ON if name in os.environ},
        )
        return self._child

    async def _end(self) -> int:
        """End the child, if there is one; return how it ended: minus a signal's number, or an exit code."""
        child, self._child = self._child, None
        if child is None:
            return 0
        if child.returncode is None and child.stdin is not None and not child.stdin.is_closing():
            try:
                async with asyncio.timeout(0.2):  # one that died by itself has a reason to tell
                    await child.wait()
            except TimeoutError:
                child.kill()
        await child.communicate()
        return child.returncode or 0

    def _explain(self, name: str, ended: int) -> Refusal:
        log.warning("knowledge.reader_died", document=name, ended=ended)
        if ended == -signal.SIGXCPU:
            return Refusal(TooCostly.code, f"Reading it takes more than {self._limits.seconds} seconds of computing")
        how = signal.Signals(-ended).name if ended < 0 else f"exit code {ended}"
        size = self._limits.memory_bytes >> 20
        reason = f"The reader died ({how}): the document is damaged, or needs more than {size} MB of memory"
        return Refusal(ReaderCrashed.code, reason)
