"""Why a callback is refused: told to our log, never to the caller."""

from typing import Literal

from ai_worker.foundation.errors import BadInput

Reason = Literal[
    "size",
    "query",
    "stale",
    "xml",
    "json",
    "signature",
    "envelope",
    "receive_id",
    "corp_id",
    "agent_id",
    "bot_id",
    "message",
]


class Refused(BadInput):
    """A callback is forged, stale, broken or meant for another application."""

    code = "channel.callback_refused"

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"callback refused: {reason}")
        self.reason = reason
