"""The longest common subsequence of two short sequences."""

from collections.abc import Hashable, Sequence


class Subsequences:
    """One sequence, prepared for comparison with many: Hyyrö's bit-parallel recurrence (2004)."""

    def __init__(self, items: Sequence[Hashable]) -> None:
        self._length = len(items)
        self._masks: dict[Hashable, int] = {}
        for at, item in enumerate(items):
            self._masks[item] = self._masks.get(item, 0) | 1 << at

    def shared(self, other: Sequence[Hashable]) -> float:
        """Return the length of the longest common subsequence, over the mean length of the two."""
        masks, full = self._masks, (1 << self._length) - 1
        row = full
        for item in other:
            if mask := masks.get(item):
                same = row & mask
                row = (row + same | row - same) & full
        whole = self._length + len(other)
        return 2 * (self._length - row.bit_count()) / whole if whole else 0.0
