"""Files that are on the disk when a call returns: whole or not at all, also if the power goes in between.

A name is an entry of its folder: it is on the disk once the folder is flushed, too.
"""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

PRIVATE = 0o600


def flush(path: Path) -> None:
    """Make what is written of a file, or a folder's entries, durable."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def draft(beside: Path, content: Iterable[bytes], *, mode: int = PRIVATE) -> Path:
    """Write a new file under a name of its own in the folder of `beside`; on the disk when this returns.

    Raises:
        OSError: It could not be written whole; nothing is left of it.
    """
    path = beside.with_name(f".{beside.name}.{secrets.token_hex(8)}")
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)  # what the umask took away is given back
            file.writelines(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return path


def put(path: Path, content: Iterable[bytes], *, mode: int = PRIVATE) -> None:
    """Write a file in the place of another or of none; whoever reads meanwhile sees one of both.

    Raises:
        OSError: It could not be written; what was there is still there.
    """
    replace(draft(path, content, mode=mode), path)


def replace(fresh: Path, path: Path) -> None:
    """Give a file that is on the disk another's name, durably.

    Raises:
        OSError: It could not; `fresh` is gone, and what was there is still there.
    """
    try:
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    flush(path.parent)


def put_once(path: Path, content: Iterable[bytes], *, mode: int = PRIVATE) -> bool:
    """Write a file unless there is one; of several processes exactly one does, and returns `True`.

    Raises:
        OSError: It could not be written.
    """
    fresh = draft(path, content, mode=mode)
    try:
        os.link(fresh, path)
    except FileExistsError:
        return False
    finally:
        fresh.unlink()
        flush(path.parent)
    return True


def append(path: Path, content: bytes, *, mode: int = PRIVATE) -> None:
    """Add to the end of a file, made if there is none; what was added before stays as it is.

    Raises:
        OSError: It is not on the disk.
    """
    there = path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, mode)
    with open(handle, "ab") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if not there:
        flush(path.parent)
