"""Mapped files: how much of the index a process keeps in its own memory.

The index's files are mapped, and every page that was ever looked at stays part of the process, until
the kernel needs the room. Letting go of them takes nothing from the kernel's own cache: what is
looked at again is there again without the disk being read.
"""

import ctypes
import mmap
import os
from functools import cache
from pathlib import Path
from typing import Protocol

MOST_BYTES = 128_000_000
"""More of mapped files than this is let go of; the interpreter and its libraries are about 30 MB of it."""

SEARCHES = 8
"""So many searches pass between two looks. In 100,000 passages a search maps up to 5 MB anew."""

READ_ONLY = "r--"


class Advise(Protocol):
    """The system call `madvise`."""

    def __call__(self, start: ctypes.c_void_p, length: ctypes.c_size_t, advice: int) -> int:
        """Tell the kernel what a stretch of memory is needed for; 0 if it listens."""
        ...


class MappedFiles:
    """The files of a folder, as far as this process maps them."""

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most = most_bytes
        self._searches = 0

    def searched(self) -> None:
        """Say that a search was made; every now and then, let go of pages if they have become many."""
        self._searches += 1
        if self._searches >= SEARCHES:
            self._searches = 0
            if (mapped := mapped_bytes()) is not None and mapped > self._most:
                self.let_go()

    def let_go(self) -> None:
        """Take the pages of these files out of the process. Who reads them at the moment reads on undisturbed.

        Only what cannot have been written to is touched: letting go of anything else would lose it.
        """
        begins = f"{self._folder.resolve()}{os.sep}"
        for line in Path("/proc/self/maps").read_text("utf-8", "replace").splitlines():
            found = line.split(maxsplit=5)  # range, rights, offset, device, inode, path
            if len(found) > 5 and found[5].startswith(begins) and found[1].startswith(READ_ONLY):
                start, end = (int(part, 16) for part in found[0].split("-"))
                _madvise()(ctypes.c_void_p(start), ctypes.c_size_t(end - start), mmap.MADV_DONTNEED)


def mapped_bytes() -> int | None:
    """Return how much of all mapped files is in memory; `None` where the system does not say so."""
    try:
        shared = Path("/proc/self/statm").read_bytes().split()[2]
    except OSError:
        return None
    return int(shared) * mmap.PAGESIZE


@cache
def _madvise() -> Advise:
    advise: Advise = ctypes.CDLL(None).madvise
    return advise
