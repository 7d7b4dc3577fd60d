"""What is in the queue and not yet in the store, as far as this process has put it there.

Needed for one decision: while the broker is down, may a message go straight into the store, or
would it overtake an earlier one of its conversation that only the broker has?
"""

from collections import defaultdict, deque

MOST = 100_000
"""Conversations that are remembered one by one. Above it, all count as under way until the queue is read."""


class Transit:
    """Valid only where this process alone feeds the queue and reads it."""

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._last: dict[bytes, tuple[int, int]] = {}
        self._sent: defaultdict[int, deque[tuple[int, bytes]]] = defaultdict(deque)
        self._read: dict[int, int] = {}
        self._forgotten: dict[int, int] = {}
        self._partitions: int | None = None
        self._ended: set[int] = set()

    def opened(self, partitions: int) -> None:
        """Hear how many partitions the topic has; the first word counts, new ones hold nothing old."""
        if self._partitions is None:
            self._partitions = partitions

    def sent(self, key: bytes, partition: int, offset: int) -> None:
        """Hear that the broker has kept a message of the conversation `key`."""
        if offset < self._read.get(partition, 0):
            return
        if len(self._last) >= self._most:
            self._forget()
        self._last[key] = (partition, offset)
        self._sent[partition].append((offset, key))

    def read(self, partition: int, before: int) -> None:
        """Hear that everything of a partition before this offset is in the store."""
        if before <= self._read.get(partition, 0):
            return
        self._read[partition] = before
        sent = self._sent[partition]
        while sent and sent[0][0] < before:
            offset, key = sent.popleft()
            if self._last.get(key) == (partition, offset):
                del self._last[key]
        if self._forgotten.get(partition, before) < before:
            del self._forgotten[partition]

    def ended(self, partition: int) -> None:
        """Hear that a partition was read to its end: nothing of an earlier process is left in it."""
        self._ended.add(partition)

    @property
    def known(self) -> bool:
        """Whether it can be told what the queue holds."""
        return self._partitions is not None and len(self._ended) >= self._partitions and not self._forgotten

    def holds(self, key: bytes) -> bool:
        """Return whether the queue may hold a message of this conversation that is not in the store."""
        return not self.known or key in self._last

    def _forget(self) -> None:
        """Remember only up to where the queue has to be read before anything is known again."""
        for partition, sent in self._sent.items():
            if sent:
                self._forgotten[partition] = max(self._forgotten.get(partition, -1), sent[-1][0])
        self._last.clear()
        self._sent.clear()
