"""Why an event is refused: told to our log, never to the caller."""

from typing import Literal

from ai_worker.foundation.errors import BadInput

Reason = Literal[
    "size", "headers", "stale", "signature", "envelope", "json", "token", "app_id", "tenant_key", "message"
]


class Refused(BadInput):
    """An event is forged, stale, broken or meant for another application."""

    code = "channel.event_refused"

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"event refused: {reason}")
        self.reason = reason
