"""The frames of a Stream connection: JSON whose `data` is JSON again, as a string."""

from dataclasses import dataclass
from typing import Any

import msgspec

from ai_worker.channels.dingtalk.fields import Fields, NotJson, fields, object_of, text_of

ROBOT_TOPIC = "/v1.0/im/bot/messages/get"
CARD_TOPIC = "/v1.0/card/instances/callback"

OK, BAD, NO_TOPIC, FAILED = 200, 400, 404, 500
"""Answer codes."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One push of the platform."""

    type: str
    """`SYSTEM`, `EVENT` or `CALLBACK`."""

    topic: str
    message_id: str
    """Of this delivery, not of what is delivered: a repeat has another."""

    data: str

    def content(self) -> Fields:
        """Return what is delivered.

        Raises:
            NotJson: It is no JSON object.
        """
        return fields(self.data)


def read(raw: str) -> Frame | None:
    """Return the frame, or nothing if it is none: then there is nobody to answer."""
    try:
        found = fields(raw)
    except NotJson:
        return None
    headers, data = object_of(found, "headers"), found.get("data")
    frame = Frame(
        type=text_of(found, "type"),
        topic=text_of(headers, "topic"),
        message_id=text_of(headers, "messageId"),
        data=data if isinstance(data, str) else "",
    )
    return frame if frame.type and frame.message_id else None


def answer(frame: Frame, code: int = OK, *, data: str | None = None, response: Any = None) -> str:
    """Return the answer to a frame.

    Args:
        frame: What is answered.
        code: One of the answer codes.
        data: The answer's data as it stands; otherwise it is made of `response`.
        response: What the platform is told in return, for example how a card changes.
    """
    told = msgspec.json.encode({"response": response}).decode() if data is None else data
    message = {OK: "OK", BAD: "bad request", NO_TOPIC: "no such topic"}.get(code, "try again later")
    headers = {"messageId": frame.message_id, "contentType": "application/json"}
    return msgspec.json.encode({"code": code, "headers": headers, "message": message, "data": told}).decode()
