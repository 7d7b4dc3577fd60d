"""Contracts that somebody has uploaded and not yet decided about: compiled beside the event loop, with progress."""

import asyncio
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from ai_worker.connectors.openapi.files import compile_file
from ai_worker.connectors.operation import Contract, ContractRefused, ContractTooLarge
from ai_worker.foundation.errors import NotFound
from ai_worker.foundation.ids import new_id

log = structlog.get_logger(__name__)

MOST = 8
"""Uploads that are kept; of more, the oldest is forgotten."""

COMPILE_S = 120.0
SUFFIXES = tuple(f"{kind}{packed}" for kind in (".json", ".yaml", ".yml") for packed in (".gz", ""))


class NoSuchImport(NotFound):
    """The upload was forgotten: another took its place, or the service was restarted."""

    code = "console.no_such_import"


@dataclass(slots=True)
class Import:
    """One contract on its way."""

    token: str
    name: str
    """What the file was called where it came from."""

    file: Path
    done: int = 0
    count: int = 0
    """Operations that are compiled, and all of them; 0 while nobody knows."""

    contract: Contract | None = None
    problem: str = ""
    """Why it cannot be used."""

    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class Imports:
    """The uploads of this process."""

    def __init__(self) -> None:
        self._kept: dict[str, Import] = {}

    async def begin(self, name: str, content: bytes) -> Import:
        """Take a contract's file, and compile it in the background."""
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="ai-worker-import-"))
        file = folder / _file_name(name)
        await asyncio.to_thread(file.write_bytes, content)
        made = Import(new_id("import"), name, file)
        while len(self._kept) >= MOST:
            self.forget(next(iter(self._kept)))
        self._kept[made.token] = made
        made.task = asyncio.create_task(self._compile(made))
        return made

    def get(self, token: str) -> Import:
        """Return one.

        Raises:
            NoSuchImport: It was forgotten.
        """
        found = self._kept.get(token)
        if found is None:
            raise NoSuchImport(f"there is no upload {token!r}")
        return found

    def forget(self, token: str) -> None:
        """Let one go, with its file."""
        gone = self._kept.pop(token, None)
        if gone is not None:
            shutil.rmtree(gone.file.parent, ignore_errors=True)

    def close(self) -> None:
        """Let all go."""
        for token in list(self._kept):
            self.forget(token)

    async def _compile(self, made: Import) -> None:
        def progress(done: int, count: int) -> None:
            made.done, made.count = done, count

        try:
            async with asyncio.timeout(COMPILE_S):
                made.contract = await asyncio.to_thread(compile_file, made.file, progress=progress)
        except (ContractRefused, ContractTooLarge) as refused:
            made.problem = str(refused)
        except TimeoutError:
            made.problem = f"it was not compiled within {COMPILE_S:.0f} s"
        except Exception as error:  # a task boundary: somebody waits for what came of it
            log.exception("console.import_failed", error=type(error).__name__)
            made.problem = type(error).__name__


def _file_name(name: str) -> str:
    """Return what an uploaded contract is called here: its own name may be anything, its kind matters."""
    suffix = next((one for one in SUFFIXES if name.lower().endswith(one)), ".json")
    return f"openapi{suffix}"
