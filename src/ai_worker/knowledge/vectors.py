"""Vectors of passages: kept on disk beside the search index, looked through by brute force.

They are a cache, as the index is: made from the store's passages by an endpoint, found again by a
digest of model and text, and made anew wherever they are missing. A row that no passage needs any
more is overwritten with zeros and used again, so that deleted knowledge leaves nothing behind.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ai_worker.foundation.errors import Busy
from ai_worker.knowledge.passage import Passage

if TYPE_CHECKING:
    from numpy.typing import NDArray

EXACT = 20_000
"""Up to so many rows, each is compared exactly; above, by the signs of its numbers first."""

REFINED = 512
"""Rows that are compared exactly after that."""

BLOCK = 4_096
GROWS_BY = 4_096
TEXT_CHARACTERS = 2_000
"""Of a longer passage the beginning is embedded."""


class VectorsBusy(Busy):
    """Another process keeps the vectors in this folder."""

    code = "knowledge.vectors_busy"


def available() -> bool:
    """Return whether the library that looks through vectors is installed: the extra `vectors`."""
    return find_spec("numpy") is not None


def meaning(passage: Passage) -> str:
    """Return the text that stands for a passage: an entry's wordings and answer, a passage with its title."""
    parts = [passage.title, *passage.aliases[:5], passage.text]
    return "\n".join(part for part in parts if part)[:TEXT_CHARACTERS]


def digest(model: str, text: str) -> int:
    """Return what a vector is found by: 63 bits of the SHA-256 of model and text, never 0."""
    raw = hashlib.sha256(f"{model}\x1f{text}".encode(errors="replace")).digest()
    return int.from_bytes(raw[:8], "big") >> 1 or 1


class VectorShelf:
    """The vectors of one model, as two files: digests, and as many rows of half-precision numbers.

    One process at a time; a plain object of one thread.
    """

    def __init__(self, folder: Path, *, model: str) -> None:
        """Open the shelf; it is empty if there is none yet.

        Raises:
            VectorsBusy: Another process has it open.
        """
        import numpy

        self._np = numpy
        self.model = model
        self._root = folder
        self._folder = folder / hashlib.sha256(model.encode()).hexdigest()[:16]
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._folder / "writing.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise VectorsBusy("Another process keeps the vectors of this folder") from error
        self.width = 0
        """Numbers in one vector; 0 before the first."""

        self._digests: NDArray[Any] = numpy.zeros(0, numpy.int64)
        self._vectors: NDArray[Any] = numpy.zeros((0, 0), numpy.float16)
        self._signs: NDArray[Any] = numpy.zeros((0, 0), numpy.uint64)
        self._rows: dict[int, int] = {}
        self._free: list[int] = []
        self._keys: dict[int, set[str]] = {}
        self._row_of: dict[str, int] = {}
        if (widths := self._folder / "width").exists():
            self._map(int(widths.read_text()), 0)

    def close(self) -> None:
        """Write what is not on disk yet, and let others open it."""
        self.flush()
        os.close(self._lock)

    def forget_others(self) -> None:
        """Remove the vectors of former models: this one's are complete."""
        for other in self._root.iterdir():
            if other.is_dir() and other != self._folder:
                shutil.rmtree(other, ignore_errors=True)

    @property
    def held(self) -> int:
        """How many passages have a vector."""
        return len(self._row_of)

    def knows(self, key: str, at: int) -> bool:
        """Take over the vector with this digest for a passage; return whether there is one."""
        row = self._rows.get(at)
        if row is None:
            return False
        self._link(key, row)
        return True

    def put(self, key: str, at: int, vector: Sequence[float]) -> bool:
        """Keep a passage's vector; return whether it could be: one of another width, or of zeros, cannot."""
        np = self._np
        numbers = np.asarray(vector, np.float32)
        length = float(np.linalg.norm(numbers))
        if not self.width and len(numbers):
            self._map(len(numbers), GROWS_BY)
        if len(numbers) != self.width or not np.isfinite(length) or length == 0.0:
            return False
        if at not in self._rows:
            row = self._take()
            self._vectors[row] = (numbers / length).astype(np.float16)
            self._signs[row] = _signs(np, self._vectors[row : row + 1])[0]
            self._digests[row] = at
            self._rows[at] = row
        self._link(key, self._rows[at])
        return True

    def drop(self, key: str) -> None:
        """Forget a passage's vector; without any passage it is overwritten."""
        row = self._row_of.pop(key, None)
        if row is None:
            return
        self._keys[row].discard(key)
        if not self._keys[row]:
            del self._keys[row]
            self._clear(row)

    def drop_all_but(self, keys: Mapping[str, object] | set[str]) -> None:
        """Forget the passages that are not among `keys`, and every vector that no passage has."""
        for key in [key for key in self._row_of if key not in keys]:
            self.drop(key)
        for row in [row for row in self._rows.values() if row not in self._keys]:
            self._clear(row)

    def flush(self) -> None:
        """Write what has changed to the disk."""
        for mapped in (self._vectors, self._digests):
            if hasattr(mapped, "flush"):
                mapped.flush()

    def nearest(self, vector: Sequence[float], *, bases: Sequence[str], limit: int) -> list[tuple[str, float]]:
        """Return the passages nearest in meaning, as keys of the index with their cosine, the nearest first."""
        np = self._np
        wanted = np.asarray(vector, np.float32)
        length = float(np.linalg.norm(wanted))
        if not self.width or len(wanted) != self.width or not np.isfinite(length) or length == 0.0:
            return []
        wanted = wanted / length
        rows = self._candidates(wanted)
        likeness: NDArray[Any] = (
            self._vectors[rows].astype(np.float32) @ wanted if rows is not None else self._all(wanted)
        )
        found: list[tuple[str, float]] = []
        everywhere = "*" in bases
        for place in np.argsort(-likeness, kind="stable"):
            row = int(rows[place]) if rows is not None else int(place)
            keys = sorted(self._keys.get(row, ()))
            found += [(key, float(likeness[place])) for key in keys if everywhere or key.partition("\x1f")[0] in bases]
            if len(found) >= limit:
                break
        return found[:limit]

    def _all(self, wanted: "NDArray[Any]") -> "NDArray[Any]":
        np = self._np
        blocks = [
            self._vectors[at : at + BLOCK].astype(np.float32) @ wanted for at in range(0, len(self._vectors), BLOCK)
        ]
        whole: NDArray[Any] = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
        return whole

    def _candidates(self, wanted: "NDArray[Any]") -> "NDArray[Any] | None":
        """Return the rows whose signs are most like the question's; `None` where all are looked at."""
        if len(self._rows) <= EXACT:
            return None
        np = self._np
        differing = np.bitwise_count(self._signs ^ _signs(np, wanted[None, :])).sum(axis=1, dtype=np.int32)
        differing[self._digests == 0] = self.width + 1
        nearest: NDArray[Any] = np.argpartition(differing, min(REFINED, len(differing) - 1))[:REFINED]
        return nearest

    def _link(self, key: str, row: int) -> None:
        if self._row_of.get(key) != row:
            self.drop(key)
            self._row_of[key] = row
            self._keys.setdefault(row, set()).add(key)

    def _take(self) -> int:
        if not self._free:
            self._map(self.width, len(self._digests) + max(GROWS_BY, len(self._digests) // 2))
        return self._free.pop()

    def _clear(self, row: int) -> None:
        self._rows.pop(int(self._digests[row]), None)
        self._digests[row] = 0
        self._vectors[row] = 0
        self._signs[row] = 0
        self._free.append(row)

    def _map(self, width: int, rows: int) -> None:
        """Map the files, grown to `rows`; what they hold stays."""
        np = self._np
        self.flush()
        digests, vectors = self._folder / "digests", self._folder / "vectors"
        held = digests.stat().st_size // 8 if digests.exists() else 0
        rows = max(rows, held)
        for path, size in ((digests, rows * 8), (vectors, rows * width * 2)):
            with path.open("ab") as file:
                file.truncate(size)
        (self._folder / "width").write_text(str(width))
        if not rows:
            return
        self.width = width
        self._digests = np.memmap(digests, np.int64, "r+", shape=(rows,))
        self._vectors = np.memmap(vectors, np.float16, "r+", shape=(rows, width))
        known = len(self._signs)
        signs = [_signs(np, self._vectors[at : min(at + BLOCK, rows)]) for at in range(known, rows, BLOCK)]
        self._signs = np.concatenate([self._signs, *signs]) if known else np.concatenate(signs)
        self._rows = {int(at): row for row, at in enumerate(self._digests) if at}
        self._free = [row for row in range(rows - 1, -1, -1) if not self._digests[row]]


def _signs(np: Any, vectors: "NDArray[Any]") -> "NDArray[Any]":
    """Return the signs of each vector's numbers, 64 in one integer."""
    bits = np.packbits(vectors > 0, axis=1)
    padded = np.zeros((len(bits), -(-bits.shape[1] // 8) * 8), np.uint8)
    padded[:, : bits.shape[1]] = bits
    words: NDArray[Any] = padded.view(np.uint64)
    return words
