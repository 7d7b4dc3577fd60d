"""What WeCom's answer codes mean for a message that is to be sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

OK = 0
TOKEN_REJECTED = frozenset({40001, 40014, 41001, 42001})
"""The access token is invalid, expired or missing: fetch another and try once more."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a refusal."""

    retry_after: float | None
    """Seconds; `None` when the same message will never be taken."""

    meaning: str


_BUSY = 5.0
_FREQUENCY = 60.0
"""A minute's block lasts 60 s."""

_OPERATOR = 120.0
"""An administrator has to mend it; what waits meanwhile is worth keeping until it expires."""

VERDICTS: Mapping[int, Verdict] = MappingProxyType(
    {
        -1: Verdict(_BUSY, "WeCom is busy"),
        40001: Verdict(_OPERATOR, "the Secret is wrong; copy it again from the application's page"),
        40013: Verdict(_OPERATOR, "the corp id (企业ID) is wrong"),
        40014: Verdict(_BUSY, "the access token was refused, and a new one too"),
        41001: Verdict(_BUSY, "the access token was missing"),
        42001: Verdict(_BUSY, "the access token had expired, and a new one too"),
        45009: Verdict(_FREQUENCY, "too many calls"),
        60020: Verdict(_OPERATOR, "this server's address is not among the application's trusted IPs (企业可信IP)"),
        40003: Verdict(None, "there is no such member"),
        81013: Verdict(None, "the member is outside the application's visible range (可见范围)"),
        40007: Verdict(None, "the media id is not valid"),
        40008: Verdict(None, "the message type is not valid"),
        40058: Verdict(None, "a parameter is not valid"),
        93019: Verdict(_OPERATOR, "the Bot ID is wrong, or the bot does not use the long connection"),
        853000: Verdict(_OPERATOR, "the Bot ID or the Secret of the long connection is wrong"),
        846605: Verdict(_BUSY, "the message cannot be replied to any more"),
        846608: Verdict(_BUSY, "the answer's stream is over"),
        846609: Verdict(1.0, "the bot is not subscribed"),
        93000: Verdict(None, "the robot's key is wrong, or it was removed from the group"),
        44004: Verdict(None, "the message is empty"),
        47001: Verdict(None, "the message is not valid JSON"),
        40056: Verdict(None, "the AgentId is wrong"),
        301002: Verdict(None, "the application has no right to the AgentId"),
        48002: Verdict(None, "the application may not call this interface"),
        60011: Verdict(None, "the application has no right to the member"),
    }
)
"""By errcode, from the platform's list of global answer codes."""

UNKNOWN = Verdict(30.0, "a code that its reference does not explain")
"""When in doubt a refusal is temporary: giving up too early loses the reply, trying again does not."""


def verdict(errcode: int) -> Verdict:
    """Return what to do about an answer other than `OK`."""
    return VERDICTS.get(errcode, UNKNOWN)
