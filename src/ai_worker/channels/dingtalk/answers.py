"""What DingTalk's answers mean for a message that is to be sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ai_worker.channels.dingtalk.fields import Fields, text_of
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.sending import SendFailed

OK = 0
TOO_FAST = frozenset({130101, 410100})
"""More than 20 messages in a minute: the robot is cut off for ten minutes."""

CUT_OFF_S = 600.0
QPS_PAUSE_S = 2.0
LOST_S = 5.0
"""Wait this long after a call whose outcome is unknown, or that never reached the platform."""

OPERATOR_S = 120.0
"""An administrator has to mend it; what waits meanwhile is worth keeping until it expires."""

UNKNOWN_S = 30.0
"""When in doubt a refusal is temporary: giving up too early loses the reply, trying again does not."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do about a refusal."""

    retry_after: float | None
    """Seconds; `None` when the same message will never be taken."""

    meaning: str
    session_over: bool = False
    """The webhook is no longer good: another way to the same chat may be."""


ROBOT_CODES: Mapping[int, Verdict] = MappingProxyType(
    {
        -1: Verdict(LOST_S, "DingTalk is busy"),
        130101: Verdict(CUT_OFF_S, "more than 20 messages in a minute: the robot is cut off for ten minutes"),
        410100: Verdict(CUT_OFF_S, "too many messages: the robot is cut off for ten minutes"),
        300001: Verdict(OPERATOR_S, "the webhook's token is unknown; copy the Webhook again", session_over=True),
        400101: Verdict(OPERATOR_S, "the webhook's token does not exist; copy the Webhook again", session_over=True),
        400013: Verdict(None, "the group no longer exists", session_over=True),
        400102: Verdict(None, "the robot has been disabled (机器人已停用)", session_over=True),
        400106: Verdict(None, "the robot does not exist; it has been removed from the group", session_over=True),
        40035: Verdict(None, "a parameter is not valid"),
        43004: Verdict(None, "the content type is not valid"),
        400105: Verdict(None, "the message type is not valid"),
        430101: Verdict(None, "the message contains a link that DingTalk considers unsafe"),
        430102: Verdict(None, "the message contains words that DingTalk does not let through"),
        430103: Verdict(None, "the message contains a picture that DingTalk does not let through"),
        430104: Verdict(None, "the message contains content that DingTalk does not let through"),
        460101: Verdict(None, "the message is too long"),
    }
)
"""By errcode, of session webhooks and custom robots."""

SECURITY_CHECK = 310000
"""The robot's security settings (安全设置) refuse the message; which of them, only the text says."""

SECURITY_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "keyword": "the message has none of the robot's keywords (自定义关键词): set `keyword` to one of them",
        "timestamp": "the time stamp is not valid: set this server's clock (NTP)",
        "sign": "the signature does not match (加签): copy `secret` again, it begins with SEC",
        "whitelist": "this server's address is not in the robot's IP list (IP地址段)",
        "ip ": "this server's address is not in the robot's IP list (IP地址段)",
    }
)
"""By a word of the text; the first that is found counts."""

GATEWAY = 88
GATEWAY_CODES: Mapping[str, Verdict] = MappingProxyType(
    {
        "40014": Verdict(LOST_S, "the access token is not valid"),
        "60011": Verdict(OPERATOR_S, "the application lacks the permission (权限管理)"),
        "60020": Verdict(OPERATOR_S, "this server's address is not among the application's server addresses"),
        "90018": Verdict(QPS_PAUSE_S, "too many calls"),
    }
)
"""By `sub_code` of the old gateway's errcode 88."""


def verdict(found: Fields) -> Verdict:
    """Return what to do about an answer of a webhook whose errcode is not `OK`."""
    errcode, words = _errcode(found), text_of(found, "errmsg")
    if errcode == SECURITY_CHECK:
        for word, meaning in SECURITY_WORDS.items():
            if word in words.lower():
                return Verdict(OPERATOR_S, meaning)
        return Verdict(OPERATOR_S, "the robot's security settings (安全设置) refuse the message")
    if errcode == GATEWAY:
        known = GATEWAY_CODES.get(text_of(found, "sub_code"))
        return known or Verdict(UNKNOWN_S, "the gateway refuses the call")
    return ROBOT_CODES.get(errcode, Verdict(UNKNOWN_S, "a code that its reference does not explain"))


def webhook_refusal(found: Fields, *, blocks: str) -> SendFailed | None:
    """Return the failure that a webhook's answer means; `None` if the message was taken.

    Args:
        found: The answer.
        blocks: Key of the limit that is used up when the answer says "too fast".
    """
    errcode = _errcode(found)
    if errcode == OK:
        return None
    known = verdict(found)
    said = shorten(text_of(found, "errmsg") or text_of(found, "sub_msg"), 200)
    detail = f"{errcode}, {known.meaning} ({said})"
    return SendFailed("dingtalk", detail, retry_after=known.retry_after, blocks=blocks if errcode in TOO_FAST else "")


def _errcode(found: Fields) -> int:
    code = found.get("errcode")
    return code if isinstance(code, int) else -1


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered."""

    status: int
    found: Fields

    @property
    def ok(self) -> bool:
        """Whether the call was taken."""
        return 200 <= self.status < 300

    @property
    def code(self) -> str:
        """The platform's word for what is wrong, `Forbidden.AccessDenied.QpsLimitForApi` for example."""
        return text_of(self.found, "code")

    @property
    def too_fast(self) -> bool:
        """Whether the organisation's calls per second are used up."""
        return self.status == 429 or "qpslimit" in self.code.lower()

    @property
    def unauthorized(self) -> bool:
        """Whether the access token was refused."""
        return self.status == 401 or "invalidauthentication" in self.code.lower()

    def failure(self, *, blocks: str = "") -> SendFailed:
        """Return the failure that a refusal means.

        Args:
            blocks: Key of the limit that is used up when the answer says so.
        """
        retry_after, meaning = self._meaning()
        said = shorten(f"{self.code} {text_of(self.found, 'message')}", 200)
        return SendFailed(
            "dingtalk",
            f"HTTP status {self.status}, {meaning} ({said})",
            retry_after=retry_after,
            blocks=blocks if self.too_fast else "",
        )

    def _meaning(self) -> tuple[float | None, str]:
        code = self.code.lower()
        if self.too_fast:
            return QPS_PAUSE_S, "too many calls in a second"
        if self.unauthorized:
            return OPERATOR_S, "the access token is refused; check Client ID and Client Secret"
        if self.status == 403:
            return OPERATOR_S, "the application lacks the permission: open-dev.dingtalk.com, 权限管理"
        if self.status >= 500:
            return LOST_S, "DingTalk has trouble of its own"
        if "template" in code:
            return OPERATOR_S, "the card template is unknown or not published; check card_template_id"
        if "robot" in code:
            return OPERATOR_S, "the robot is unknown or not published; check robot_code"
        if any(word in code for word in ("param", "invalid", "notexist", "not.exist", "staffid", "userid")):
            return None, "the call is not valid"
        return UNKNOWN_S, "the call is refused"
