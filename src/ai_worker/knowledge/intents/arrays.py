"""Arrays in one file, mapped into memory rather than read: a start costs nothing, and processes share it."""

import mmap
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

MAGIC = b"aiwi0001"
ALIGNED = 64


class Placed(msgspec.Struct):
    """Where one array is in the file."""

    name: str
    kind: str
    shape: tuple[int, ...]
    offset: int


class Head(msgspec.Struct):
    """What a file begins with, after `MAGIC` and four bytes of its own length."""

    meta: msgspec.Raw
    arrays: list[Placed]
    size: int
    """Of all arrays together: a file that was cut short is told by it."""


def write(path: Path, meta: Any, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a file that is there wholly or not at all."""
    placed, end = [], 0
    for name, array in arrays.items():
        placed.append(Placed(name, array.dtype.str, array.shape, end))
        end += -(-array.nbytes // ALIGNED) * ALIGNED
    head = msgspec.json.encode(Head(msgspec.Raw(msgspec.json.encode(meta)), placed, end))
    head += b" " * (-(len(MAGIC) + 4 + len(head)) % ALIGNED)
    beside = path.with_suffix(".new")
    with beside.open("wb") as file:
        file.write(MAGIC + len(head).to_bytes(4) + head)
        for array in arrays.values():
            file.write(np.ascontiguousarray(array).tobytes())
            file.write(bytes(-array.nbytes % ALIGNED))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def read(path: Path) -> tuple[msgspec.Raw, dict[str, NDArray[Any]]]:
    """Return what `write` wrote, the arrays mapped: they stay valid when the file is replaced.

    Raises:
        OSError: The file cannot be read.
        ValueError: It is no such file, or damaged.
    """
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_size < len(MAGIC) + 4:
            raise ValueError("the file is too short")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    begin = len(MAGIC) + 4
    if mapped[: len(MAGIC)] != MAGIC:
        raise ValueError("the file is not one of ours")
    begin += int.from_bytes(mapped[len(MAGIC) : begin])
    head = msgspec.json.decode(mapped[len(MAGIC) + 4 : begin], type=Head)
    if len(mapped) != begin + head.size:
        raise ValueError("the file was cut short")
    arrays = {}
    for one in head.arrays:
        count = int(np.prod(one.shape))
        arrays[one.name] = np.frombuffer(mapped, one.kind, count, begin + one.offset).reshape(one.shape)
    return head.meta, arrays
