"""What a channel has seen of its platform: for health, and for the proofs of the set-up."""

from datetime import datetime

from ai_worker.channels.contract import ChannelHealth, Proof
from ai_worker.foundation.clock import Clock


class Seen:
    """Takes note of the latest of everything."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._inbound_at: datetime | None = None
        self._outbound_at: datetime | None = None
        self._error = ""
        self._proofs: dict[Proof, datetime] = {}

    def proved(self, proof: Proof) -> None:
        """A part of the set-up has been shown to be right."""
        self._proofs[proof] = self._clock.now()

    def inbound(self) -> None:
        """A message has come in and is kept."""
        self._inbound_at = self._clock.now()
        self.proved("message")

    def outbound(self) -> None:
        """A message has been taken by the platform."""
        self._outbound_at = self._clock.now()
        self._error = ""
        self.proved("reply")

    def failed(self, error: Exception) -> None:
        """A message was not taken."""
        self._error = str(error)

    def health(self, connection: ChannelHealth | None = None) -> ChannelHealth:
        """Return the channel's health: that of its long connection if it has one, and of its sending."""
        standing = connection or ChannelHealth("ready")
        state, detail = standing.state, standing.detail
        if self._error and state == "ready":
            state, detail = "degraded", "the last message could not be sent"
        proofs = dict(self._proofs)
        if standing.connected_at is not None:
            proofs["connection"] = proofs["credentials"] = standing.connected_at
        return ChannelHealth(
            state=state,
            detail=detail,
            last_inbound_at=self._inbound_at,
            last_outbound_at=self._outbound_at,
            last_error=self._error or standing.last_error,
            proofs=proofs,
            connected_at=standing.connected_at,
            displaced=standing.displaced,
        )
