"""Why a callback is refused: told to our log, never to the caller."""

from typing import Literal

from ai_worker.foundation.errors import BadInput

Reason = Literal["size", "headers", "stale", "signature", "json", "robot", "message", "mode"]


class Refused(BadInput):
    """A callback is forged, stale, broken or meant for another robot."""

    code = "dingtalk.callback_refused"

    def __init__(self, reason: Reason) -> None:
        super().__init__(f"callback refused: {reason}")
        self.reason = reason
