"""Whether this process can do its work, as `GET /readyz` tells it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    """Stable and short: `store`, `settings`, `channel.service-desk`, `model`."""

    ok: bool
    detail: str = ""
    """One short phrase for people; never a secret."""

    required: bool = True
    """Whether the process is unready without it. A channel or model that is down is reported, but
    messages are still accepted and kept, so the process stays ready."""

    state: str = ""
    """Of a channel: `ready`, `connecting`, `degraded` or `down`."""

    connected_s: float | None = None
    """For how long a channel's long connection has stood; `None` without one."""

    last_inbound_at: datetime | None = None
    last_outbound_at: datetime | None = None
    last_error: str = ""
    """What went wrong with a channel last; never a secret."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether messages can be accepted, and what that rests on."""

    ready: bool
    checks: tuple[Check, ...]

    @classmethod
    def of(cls, checks: Iterable[Check]) -> "Readiness":
        """Return ready if every required check is good."""
        checked = tuple(checks)
        return cls(all(check.ok for check in checked if check.required), checked)
