"""Which answers of a bot are growing on its contacts' screens over this long connection."""

from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from ai_worker.foundation.clock import Clock

T = TypeVar("T")

LASTS_S = 330.0
"""A stream takes updates for six minutes from its first frame; this leaves time for the last one."""

PER_USER = 3
"""Answers in progress that one person can have with a bot."""

KEPT = 10_000
"""Streams that are remembered; the oldest is forgotten first, and its answer comes as a message of its own."""

SENT_KEPT = 10_000


@dataclass(slots=True)
class Stream:
    """One answer that grows."""

    id: str
    user: str
    link: str
    req_id: str
    opened_at: float
    text: str = ""


class Streams:
    """The open streams, oldest first, and how much of a long answer has gone out."""

    def __init__(self, clock: Clock, *, lasts_s: float = LASTS_S) -> None:
        self._clock, self._lasts_s = clock, lasts_s
        self._open: OrderedDict[str, Stream] = OrderedDict()
        self._users: Counter[str] = Counter()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._sent: OrderedDict[str, int] = OrderedDict()

    def get(self, id: str) -> Stream | None:
        """Return the open stream of an answer."""
        return self._open.get(id)

    def ended(self, id: str) -> bool:
        """Whether an answer's stream was ended before the answer was there: it comes as a new message."""
        return id in self._ended

    def room_for(self, user: str) -> bool:
        """Whether one more answer may grow for `user`."""
        return self._users[user] < PER_USER

    def open(self, id: str, *, user: str, link: str, req_id: str) -> Stream:
        """Remember a stream whose first frame goes out now."""
        if len(self._open) >= KEPT:
            self.close(next(iter(self._open)))
        stream = self._open[id] = Stream(id, user, link, req_id, self._clock.monotonic())
        self._users[user] += 1
        return stream

    def close(self, id: str, *, early: bool = False) -> None:
        """Forget a stream; `early`: it ended without its answer."""
        stream = self._open.pop(id, None)
        if stream is None:
            return
        self._users[stream.user] -= 1
        if self._users[stream.user] <= 0:
            del self._users[stream.user]
        if early:
            _note(self._ended, id, None, KEPT)

    def close_all_but(self, link: str) -> None:
        """Forget the streams of former connections: nothing can be said in them any more."""
        for stream in [stream for stream in self._open.values() if stream.link != link]:
            self.close(stream.id, early=True)

    def due(self) -> list[Stream]:
        """Return the streams whose time is nearly over."""
        due: list[Stream] = []
        for stream in self._open.values():
            if self._clock.monotonic() - stream.opened_at < self._lasts_s:
                break
            due.append(stream)
        return due

    def sent(self, id: str) -> int:
        """Return how many pieces of a message this process has sent."""
        return self._sent.get(id, 0)

    def count(self, id: str, pieces: int) -> None:
        """Remember that so many pieces of a message have gone out."""
        _note(self._sent, id, pieces, SENT_KEPT)


def _note(notes: OrderedDict[str, T], key: str, value: T, most: int) -> None:
    notes[key] = value
    while len(notes) > most:
        notes.popitem(last=False)
