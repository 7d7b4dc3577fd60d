"""Contracts that nobody has decided about yet: uploaded or asked for, and compiled beside the event loop."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from ai_worker.connectors.adding import asked_for, compiled, kind_named
from ai_worker.connectors.draft import Draft
from ai_worker.connectors.kind import Options
from ai_worker.connectors.openapi.files import compile_file
from ai_worker.connectors.operation import Contract, ContractTooLarge
from ai_worker.console.unpacking import unpacked
from ai_worker.foundation.errors import AiWorkerError, NotFound
from ai_worker.foundation.ids import new_id
from ai_worker.foundation.secret import Secret

log = structlog.get_logger(__name__)

MOST = 8
"""Contracts that are kept; of more, the oldest is forgotten."""

COMPILE_S = 120.0
SUFFIXES = tuple(f"{kind}{packed}" for kind in (".json", ".yaml", ".yml") for packed in (".gz", ""))
OPENAPI = Draft("", "openapi", "", ())

Ask = Callable[[Draft, Path], Awaitable[Path]]
"""Asks a running system for its contract, and puts it into a folder."""


class NoSuchImport(NotFound):
    """The upload was forgotten: another took its place, or the service was restarted."""

    code = "console.no_such_import"


@dataclass(slots=True)
class Import:
    """One contract on its way."""

    token: str
    name: str
    """What the file was called where it came from; of a system that is asked, its kind."""

    folder: Path
    draft: Draft
    """What is known of the connector already, without a secret that was typed in."""

    secret: Secret = field(default_factory=lambda: Secret(""))
    option: str = ""
    """The option that the secret is for; empty: it is for `[auth]`."""

    file: Path | None = None
    """The contract; `None`: there is none yet, or the kind needs none."""

    done: int = 0
    count: int = 0
    """Operations that are compiled, and all of them; 0 while nobody knows."""

    contract: Contract | None = None
    problem: str = ""
    """Why it cannot be used."""

    code: str = ""
    """The error's; empty unless there is a problem."""

    task: "asyncio.Task[None] | None" = field(default=None, repr=False)


class Imports:
    """The contracts of this process that wait for somebody's word."""

    def __init__(self) -> None:
        self._kept: dict[str, Import] = {}

    async def begin(self, name: str, content: bytes, *, draft: Draft = OPENAPI) -> Import:
        """Take a contract's file, or several in a ZIP file, and compile it in the background."""
        folder = await _folder()
        made = Import(new_id("import"), name, folder, draft)

        async def work() -> None:
            if content[:4] == b"PK\x03\x04":
                made.file = await asyncio.to_thread(unpacked, content, folder / "contract")
            else:
                made.file = folder / _file_name(name)
                await asyncio.to_thread(made.file.write_bytes, content)
            made.contract = await asyncio.to_thread(compile_file, made.file, progress=progress)

        def progress(done: int, count: int) -> None:
            made.done, made.count = done, count

        return self._keep(made, work)

    async def ask(self, draft: Draft, options: Options, secret: Secret, *, option: str, ask: Ask) -> Import:
        """Ask a running system for its contract in the background; a kind that needs none is compiled at once.

        Args:
            draft: What somebody has said of it, without the secret.
            options: The kind's, as they were checked.
            secret: One that was typed in; empty: there is none.
            option: The option that the secret is for; empty: it is for `[auth]`.
            ask: Asks it.
        """
        folder, kind = await _folder(), kind_named(draft.kind)
        made = Import(new_id("import"), draft.kind, folder, draft, secret, option)

        async def work() -> None:
            if asked_for(kind, options):
                whole = draft.with_secret(secret.reveal(), option) if secret else draft
                made.file = await ask(whole, folder)
            made.contract = await asyncio.to_thread(compiled, kind, made.file, options)

        return self._keep(made, work)

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
            shutil.rmtree(gone.folder, ignore_errors=True)

    def close(self) -> None:
        """Let all go."""
        for token in list(self._kept):
            self.forget(token)

    def _keep(self, made: Import, work: Callable[[], Awaitable[None]]) -> Import:
        while len(self._kept) >= MOST:
            self.forget(next(iter(self._kept)))
        self._kept[made.token] = made
        made.task = asyncio.create_task(_told(made, work))
        return made


async def _told(made: Import, work: Callable[[], Awaitable[None]]) -> None:
    """Do the work, and keep why it could not be done."""
    try:
        async with asyncio.timeout(COMPILE_S):
            await work()
    except AiWorkerError as error:
        made.problem, made.code = str(error).replace(f"{made.folder}/", ""), error.code
    except TimeoutError:
        made.problem, made.code = f"it was not compiled within {COMPILE_S:.0f} s", ContractTooLarge.code
    except Exception as error:  # a task boundary: somebody waits for what came of it
        log.exception("console.import_failed", error=type(error).__name__)
        made.problem, made.code = type(error).__name__, AiWorkerError.code


async def _folder() -> Path:
    return Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="ai-worker-import-"))


def _file_name(name: str) -> str:
    """Return what an uploaded contract is called here: its own name may be anything, its kind matters."""
    suffix = next((one for one in SUFFIXES if name.lower().endswith(one)), ".json")
    return f"openapi{suffix}"
