"""The port through which channels remember, and agree between the nodes of one installation."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ai_worker.pipeline.sending import Limit, Need

VALUE_BYTES = 65_536
"""The longest value that is remembered, in UTF-8."""


def checked(value: str) -> str:
    """Return a value that may be remembered.

    Raises:
        ValueError: It is too long: these are small things.
    """
    if len(value.encode("utf-8", "surrogatepass")) > VALUE_BYTES:
        raise ValueError(f"a channel remembers at most {VALUE_BYTES} bytes under one key")
    return value


@dataclass(frozen=True, slots=True)
class Usage:
    """How much of a limit is used up now."""

    limit: Limit
    used: int
    """Messages of the last `limit.seconds`, on all nodes together."""

    blocked_s: float
    """For how many seconds more the platform lets nothing through; 0.0 if it has not said so."""


class ChannelStore(Protocol):
    """Durable small things of the channels, shared by all nodes. Every method may raise `Busy`."""

    async def recall(self, channel: str, key: str) -> str | None:
        """Return what was remembered; `None` if nothing was, or its time is over."""
        ...

    async def remember(self, channel: str, key: str, value: str, *, until: datetime | None = None) -> None:
        """Keep `value` in place of the former one, for ever or until a moment (UTC).

        Never a secret in the clear: whoever keeps a token here encrypts it.
        """
        ...

    async def forget(self, channel: str, key: str) -> None:
        """Drop a value; nothing happens if there is none."""
        ...

    async def own(self, name: str, *, owner: str, lease: timedelta) -> bool:
        """Take the lease `name`, or extend it; return whether it is this owner's until `lease` from now.

        False while it is another living owner's. A lease runs out by the store's own clock.
        """
        ...

    async def disown(self, name: str, *, owner: str) -> None:
        """Give a lease back before its time; nothing happens if it is another's by now."""
        ...

    async def spend(self, channel: str, needs: Sequence[Sequence[Need]]) -> list[float]:
        """Count messages that are about to be sent, one transaction for all of them, in order.

        Never more than a limit's `most` are counted in any of its `seconds`. A limit of up to 100 is
        counted exactly; of a larger one, what was spent comes back up to a fiftieth of `seconds` late.
        A message that has to wait keeps its place before those behind it in `needs`. One that takes
        more than a limit ever allows waits until nothing of it is spent.

        Args:
            channel: The configured channel.
            needs: For each message, what it takes. All or nothing: a message takes of all its limits
                or of none.

        Returns:
            For each message 0.0 if it was counted and must be sent now, else after how many seconds
            there can be room.
        """
        ...

    async def usage(self, channel: str, limits: Sequence[Limit]) -> list[Usage]:
        """Return how much of each limit is used up; nothing is counted by it."""
        ...

    async def block(self, channel: str, key: str, *, seconds: float) -> None:
        """Let nothing more be spent of the limit `key` for so long: the platform said so.

        A block that ends later stays as it is.
        """
        ...
