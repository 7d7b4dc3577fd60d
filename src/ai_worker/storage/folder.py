"""The data folder: made if need be, and kept for those who may work in it together."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ai_worker.foundation.errors import Misconfigured

WHOLE = "run.lock"
"""Held by a whole service for itself, and by the parts of one together."""


class FolderUnusable(Misconfigured):
    """The data folder cannot be made or written."""

    code = "storage.folder_unusable"
    hint = "Set data_dir to a folder that belongs to the user that ai-worker runs as."


class AlreadyRunning(Misconfigured):
    """Another process serves this data folder."""

    code = "app.already_running"
    hint = "Stop the other `ai-worker run`, or give this one another data_dir."


def make_folder(folder: Path) -> None:
    """Make the folder if it is not there.

    Raises:
        FolderUnusable: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FolderUnusable(f"The folder {folder} cannot be made: {error.strerror}") from None


@contextmanager
def held(folder: Path, *, role: str | None = None) -> Iterator[None]:
    """Keep out of the folder whoever must not work beside this process, until the block ends.

    A whole service keeps everybody out. A part of one (`role`) works beside the other parts, and
    keeps out whole services and a second part like itself. The locks are the kernel's: they end
    with the process, however that ends.

    Raises:
        FolderUnusable: The folder cannot be made or written.
        AlreadyRunning: Somebody who must not be there is there.
    """
    make_folder(folder)
    with ExitStack() as stack:
        if role is None:
            stack.enter_context(_lock(folder / WHOLE, fcntl.LOCK_EX))
        else:
            stack.enter_context(_lock(folder / WHOLE, fcntl.LOCK_SH))
            stack.enter_context(_lock(folder / f"run.{role}.lock", fcntl.LOCK_EX))
        yield


def in_use(folder: Path) -> bool:
    """Return whether a service, or a part of one, works in the folder at this moment."""
    if not (folder / WHOLE).exists():
        return False
    try:
        with _lock(folder / WHOLE, fcntl.LOCK_EX):
            return False
    except AlreadyRunning:
        return True


@contextmanager
def _lock(file: Path, how: int) -> Iterator[None]:
    try:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FolderUnusable(f"The data folder {file.parent} cannot be used: {error.strerror}") from None
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise AlreadyRunning(f"Another process serves the data folder {file.parent}") from None
    try:
        yield
    finally:
        os.close(handle)
