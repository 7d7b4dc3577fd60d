"""The door that WeCom's signed callbacks come in by: the same for applications, bots and customer service."""

import math
import re

from ai_worker.channels.contract import CallbackRequest, CallbackResponse
from ai_worker.channels.wecom.crypto import Envelope
from ai_worker.channels.wecom.refused import Refused
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.secret import Secret

MAX_BODY = 1_048_576
MAX_FIELD = 64
"""Characters of a signature, time stamp or nonce."""

RECEIVED = CallbackResponse()
"""An empty 200: received, nothing to say now."""

_TIMESTAMP = re.compile(r"[0-9]{1,11}")
"""ASCII digits only: `int` would also take signs, underscores, spaces and other scripts' digits."""


class Door:
    """Lets in what the platform signed about now."""

    def __init__(
        self, *, token: Secret, encoding_aes_key: Secret, receive_id: str, max_age_s: float, clock: Clock
    ) -> None:
        self.envelope = Envelope(token=token, encoding_aes_key=encoding_aes_key, receive_id=receive_id)
        self._max_age_s, self._clock = max_age_s, clock

    def verify(self, request: CallbackRequest) -> CallbackResponse:
        """Answer the verification of the callback address.

        Raises:
            Refused: It is not the platform's.
        """
        self.look_at(request)
        return CallbackResponse(body=self.open(request, request.query.get("echostr", "")))

    def look_at(self, request: CallbackRequest) -> None:
        """Refuse what is not shaped like a signed callback of about now, before anything is computed from it.

        Raises:
            Refused: It is not.
        """
        query = request.query
        for name in ("msg_signature", "timestamp", "nonce"):
            if not 0 < len(query.get(name, "")) <= MAX_FIELD:
                raise Refused("query")
        if not _TIMESTAMP.fullmatch(query["timestamp"]):
            raise Refused("query")
        if abs(self._clock.now().timestamp() - int(query["timestamp"])) > self._max_age_s:
            raise Refused("stale")
        if len(request.body) > MAX_BODY:
            raise Refused("size")

    def open(self, request: CallbackRequest, encrypted: str) -> bytes:
        """Return what the platform encrypted.

        Raises:
            Refused: It was not the platform, or not for us.
        """
        query = request.query
        return self.envelope.open(
            encrypted, signature=query["msg_signature"], timestamp=query["timestamp"], nonce=query["nonce"]
        )


def come_again(seconds: float) -> CallbackResponse:
    """Return the answer to what could not be kept now; the platform tries three times."""
    return CallbackResponse(status=503, headers={"Retry-After": str(max(1, math.ceil(seconds)))})
