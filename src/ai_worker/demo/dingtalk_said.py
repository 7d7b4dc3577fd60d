"""What the simulated DingTalk says, word for word, and what can go wrong with a call."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import msgspec

Told = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which a call goes wrong."""

    path: str
    """The call's address contains it."""

    status: int = 200
    answer: str = ""
    """JSON of the answer; empty: none."""

    takes: bool = False
    """The call is done all the same."""

    closes: bool = False
    """The connection is cut instead of an answer."""

    delay_s: float = 0.0

    @classmethod
    def lost_answer(cls, path: str) -> Self:
        """Do what is asked, then cut the connection before the answer."""
        return cls(path, takes=True, closes=True)


@dataclass(frozen=True, slots=True)
class Said:
    """One message that the platform delivered, or tried to."""

    msg_id: str
    chat: str
    acknowledged: bool
    lost: bool
    """No connection stood: the platform does not keep it."""

    mark: int
    """Number of the last message that had been shown anywhere when this was said."""


def robot_message(staff: str, text: str, *, group: str, msg_id: str, robot_code: str, at: datetime) -> Told:
    """Return a text for the robot, without its session. In a group the mention is removed and its space stays."""
    return {
        "conversationId": group or f"cid-{staff}",
        "conversationType": "2" if group else "1",
        "msgId": msg_id or f"msg{secrets.token_hex(8)}==",
        "createAt": int(at.timestamp() * 1000),
        "senderId": f"$:LWCP_v1:${staff}",
        "senderStaffId": staff,
        "senderNick": staff,
        "senderCorpId": "dingcorp",
        "chatbotCorpId": "dingcorp",
        "chatbotUserId": "$:LWCP_v1:$robot",
        "isAdmin": False,
        "robotCode": robot_code,
        "isInAtList": bool(group),
        "atUsers": [{"dingtalkId": "$:LWCP_v1:$robot"}] if group else [],
        "msgtype": "text",
        "text": {"content": f" {text}" if group else text},
    }


def card_press(card: str, action: str, *, staff: str) -> Told:
    """Return the callback of a pressed button."""
    return {
        "type": "actionCallback",
        "outTrackId": card,
        "userId": staff,
        "userIdType": 1,
        "corpId": "dingcorp",
        "extension": "{}",
        "content": msgspec.json.encode({"cardPrivateData": {"actionIds": [action], "params": {}}}).decode(),
    }
