"""What WeCom's answer codes mean for a message that is to be sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ai_worker.foundation.text import shorten
from ai_worker.pipeline.sending import SendFailed

OK, TOO_OFTEN = 0, 45009
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
        95001: Verdict(None, "the customer wrote more than 48 hours ago, or has had five answers since"),
        95018: Verdict(None, "a person serves the customer in WeCom now"),
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
        60111: Verdict(None, "there is no such member"),
        46004: Verdict(None, "there is no such member"),
        60011: Verdict(None, "the application has no right to the member"),
    }
)
"""By errcode, from the platform's list of global answer codes."""

UNKNOWN = Verdict(30.0, "a code that its reference does not explain")
"""When in doubt a refusal is temporary: giving up too early loses the reply, trying again does not."""


_FIXES: Mapping[int, str] = MappingProxyType(
    {
        40001: "Copy the Secret again from the application's page; it is sent to the administrator's WeCom.",
        40013: "Copy 企业ID again from the bottom of 我的企业 › 企业信息.",
        40056: "Copy AgentId again from the application's page.",
        301002: "The AgentId and the Secret must be of the same application.",
        60020: "Enter the address named above under 企业可信IP on the application's page.",
        48002: "Open this interface for the application in the admin console.",
        93000: "Copy the robot's Webhook address again, or add the robot to the group again.",
        93019: "Copy the Bot ID again, and choose 使用长连接 on the bot's page.",
        853000: "Copy the Bot ID and the Secret of the long connection again from the bot's page.",
    }
)


def verdict(errcode: int) -> Verdict:
    """Return what to do about an answer other than `OK`."""
    return VERDICTS.get(errcode, UNKNOWN)


class Declined(SendFailed):
    """The platform has answered, with something else than `OK`."""

    def __init__(self, errcode: int, errmsg: str, *, limit: str = "") -> None:
        """Put an answer in words.

        Args:
            errcode: What the platform said.
            errmsg: And in its own words.
            limit: Key of the limit that `TOO_OFTEN` is about.
        """
        known = verdict(errcode)
        super().__init__(
            "wecom",
            f"{errcode}, {known.meaning} ({shorten(errmsg, 200)})",
            retry_after=known.retry_after,
            blocks=limit if errcode == TOO_OFTEN else "",
        )
        self.errcode = errcode


def fix(failure: SendFailed) -> str:
    """Return what an administrator can do about a failure; empty if waiting is all."""
    if isinstance(failure, Declined):
        return _FIXES.get(failure.errcode, "")
    return "Check that this server reaches the platform, and that the address in the settings is right."
