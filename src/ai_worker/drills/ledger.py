"""The ledger: what was sent, when it was acknowledged, what was shown for it, and what that adds up to."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Entry:
    """One message that a drill sends."""

    number: int
    """Stands in its text, and in the text of its reply: whose reply is whose is never guessed."""

    conversation: int
    began_at: float = 0.0
    """When its first attempt began, in monotonic seconds."""

    accepted_at: float | None = None
    """When an attempt was acknowledged; `None` while none was."""

    turns: set[str] = field(default_factory=set)
    """The turns that the API named for it: the same message is one turn, however often it comes."""


@dataclass(frozen=True, slots=True)
class Tally:
    """What a drill counted."""

    accepted: int
    replied: int
    """Accepted messages with at least one reply."""

    lost: int
    """Accepted messages without one."""

    duplicated: int
    """Replies, or turns, beyond the first of a message."""

    out_of_order: int
    """Replies shown before the reply to a message of the same conversation that had certainly been
    accepted earlier: it was acknowledged before this one was sent at all."""

    @property
    def clean(self) -> bool:
        """Whether nothing was lost, doubled or out of order."""
        return not (self.lost or self.duplicated or self.out_of_order)


Shown = Mapping[int, Sequence[float]]
"""Message number → where its replies stood among those of its conversation, ascending."""


def count(entries: Iterable[Entry], shown: Shown) -> Tally:
    """Hold what was shown against what was accepted."""
    known = list(entries)
    accepted = [entry for entry in known if entry.accepted_at is not None]
    replied = [entry for entry in accepted if shown.get(entry.number)]
    by_conversation: defaultdict[int, list[Entry]] = defaultdict(list)
    for entry in replied:
        by_conversation[entry.conversation].append(entry)
    return Tally(
        accepted=len(accepted),
        replied=len(replied),
        lost=len(accepted) - len(replied),
        duplicated=sum(max(0, len(shown.get(entry.number, ())) - 1) + max(0, len(entry.turns) - 1) for entry in known),
        out_of_order=sum(_overtaken(entries, shown) for entries in by_conversation.values()),
    )


def _overtaken(entries: list[Entry], shown: Shown) -> int:
    """Return how many replies of one conversation came before one that was due earlier."""
    early = 0
    earliest_behind = float("inf")
    for entry in sorted(entries, key=lambda entry: shown[entry.number][0], reverse=True):
        early += earliest_behind < entry.began_at
        assert entry.accepted_at is not None
        earliest_behind = min(earliest_behind, entry.accepted_at)
    return early
