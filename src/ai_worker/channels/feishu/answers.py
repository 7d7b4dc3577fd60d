"""What Feishu's answer codes mean for what was asked of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from ai_worker.pipeline.sending import SendFailed

OK = 0
TOKEN_REJECTED = frozenset({99991661, 99991663, 99991671, 99991664, 99991668})
"""The tenant token is missing, invalid or of the wrong form: fetch another and try once more."""

APP_FREQUENCY = frozenset({99991400, 1000004})
"""The application has used up its calls; `x-ogw-ratelimit-reset` says for how many seconds."""

CHAT_FREQUENCY = 230020
"""This chat has had its five messages of this second, from whichever application."""

GONE = frozenset({230011, 230110, 231003, 230054})
"""The message that we answer was withdrawn or deleted."""

TOO_LONG = frozenset({230025, 200860})
UNBUILDABLE_CARD = frozenset({230099, 200621, 200610, 230028})

STREAM_CLOSED = frozenset({200850, 300309})
"""Streaming switched itself off after ten minutes."""

OUT_OF_SEQUENCE = 300317
CLICK_IN_PROGRESS = 200810

LACKS_SCOPE = 99991672

_SOON, _BUSY = 1.0, 5.0
_OPERATOR = 120.0
"""An administrator has to mend it; what waits meanwhile is worth keeping until it expires."""

Scope = Literal["", "app", "chat"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a refusal."""

    retry_after: float | None
    """Seconds; `None` when the same message will never be taken."""

    meaning: str
    blocks: Scope = ""
    """Whose limit is used up."""


VERDICTS: Mapping[int, Verdict] = MappingProxyType(
    {
        1: Verdict(_BUSY, "the platform is busy"),
        99991400: Verdict(_BUSY, "the application has made too many calls", "app"),
        1000004: Verdict(_BUSY, "the application has made too many calls", "app"),
        230020: Verdict(_SOON, "too many messages to this chat", "chat"),
        99991661: Verdict(_BUSY, "the access token was missing"),
        99991663: Verdict(_BUSY, "the access token was refused, and a new one too"),
        99991664: Verdict(_BUSY, "the access token was refused, and a new one too"),
        99991668: Verdict(_BUSY, "the access token was refused, and a new one too"),
        99991671: Verdict(_BUSY, "the access token was refused, and a new one too"),
        LACKS_SCOPE: Verdict(None, "the application lacks a permission (权限)"),
        10003: Verdict(_OPERATOR, "the App ID is wrong"),
        10014: Verdict(_OPERATOR, "the App Secret is wrong"),
        10012: Verdict(_OPERATOR, "the application is disabled"),
        230001: Verdict(None, "the content is not valid"),
        9499: Verdict(None, "the request is not valid"),
        230002: Verdict(None, "the application's bot is not in the chat"),
        230006: Verdict(_OPERATOR, "the application has no bot ability (机器人能力)"),
        230013: Verdict(None, "the person is outside the application's availability (可用范围)"),
        230011: Verdict(None, "the message was withdrawn"),
        230110: Verdict(None, "the message was deleted"),
        230025: Verdict(None, "the message is too long"),
        230072: Verdict(None, "the message may not be edited any more"),
        234001: Verdict(None, "the file is not asked for rightly"),
        234002: Verdict(_OPERATOR, "the application may not read files of messages (权限)"),
        234003: Verdict(None, "the file is not of that message"),
        234004: Verdict(None, "the application's bot is not in the chat"),
        234006: Verdict(None, "the file is larger than the platform takes"),
        234009: Verdict(None, "the application may not see that file"),
        234010: Verdict(None, "the file is empty"),
        234011: Verdict(None, "the picture's format is not known"),
        234037: Verdict(None, "the file is larger than the platform gives out"),
        234040: Verdict(None, "the message was written before the bot could see the chat"),
        230099: Verdict(None, "the card could not be built"),
        CLICK_IN_PROGRESS: Verdict(_SOON, "somebody is clicking in the card"),
        OUT_OF_SEQUENCE: Verdict(_SOON, "the card has had a later update"),
        200740: Verdict(None, "there is no such card"),
        200750: Verdict(None, "the card has expired"),
        200770: Verdict(None, "the update's uuid was used before"),
        200850: Verdict(None, "the card does not stream any more"),
        300309: Verdict(None, "the card does not stream any more"),
        200860: Verdict(None, "the card is too large"),
        300302: Verdict(None, "the card may not be updated"),
        300310: Verdict(None, "the card's element takes no text"),
        300311: Verdict(None, "the card is another application's"),
        300313: Verdict(None, "the card has no such element"),
    }
)
"""By code, from the platform's error lists of the message, card and authorization APIs."""

UNKNOWN = Verdict(30.0, "a code that its reference does not explain")
"""When in doubt a refusal is temporary: giving up too early loses the reply, trying again does not."""


class Answered(SendFailed):
    """The platform answered, and the answer is no."""

    code = "channel.feishu_answered"

    def __init__(
        self, answer: int, detail: str, *, retry_after: float | None, unsure: bool = False, blocks: str = ""
    ) -> None:
        super().__init__("feishu", detail, retry_after=retry_after, unsure=unsure, blocks=blocks)
        self.answer = answer
        """The platform's code."""


def verdict(code: int) -> Verdict:
    """Return what to do about an answer other than `OK`."""
    return VERDICTS.get(code, UNKNOWN)
