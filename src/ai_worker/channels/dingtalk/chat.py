"""Markdown messages into one chat: by the session webhook while it is good, by the API otherwise."""

import re
from collections.abc import Sequence

import msgspec
import structlog
from yarl import URL

from ai_worker.channels.dingtalk.address import Address
from ai_worker.channels.dingtalk.answers import LOST_S, verdict, webhook_refusal
from ai_worker.channels.dingtalk.client import DingtalkClient
from ai_worker.channels.dingtalk.fields import Fields, text_of
from ai_worker.channels.dingtalk.hosts import TrustedHosts
from ai_worker.channels.dingtalk.post import Post
from ai_worker.channels.dingtalk.words import broken_lines, title
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.sending import Limit, Need, SendFailed

log = structlog.get_logger(__name__)

API = Limit("openapi", most=10, seconds=1.0)
"""Half of the 20 calls a second that the organisation has for each interface; others in it call as well."""

SESSION_MOST, SESSION_S = 18, 61.0
"""Robots are cut off for ten minutes after more than 20 messages to a group in a minute."""

FLOW_CONTROL_S = 60.0

_MARKS = re.compile(r"[\[\]()#*_`<>@|\\]")


class Chat:
    """Sends into the chats of one robot."""

    def __init__(
        self, *, robot_code: str, post: Post, client: DingtalkClient, hosts: TrustedHosts, clock: Clock
    ) -> None:
        self._robot_code = robot_code
        self._post, self._client, self._hosts, self._clock = post, client, hosts, clock

    def needs(self, address: Address, count: int, *, files: int = 0) -> Sequence[Need]:
        """Return which limits so many messages count to, by the way that they would go now; files go by the API."""
        session = address.session(self._clock.now(), self._hosts)
        by_api = files if session else files + count
        needs = [Need(API, min(by_api, API.most))] if by_api else []
        if session and count and address.group:  # no limit is known of private sessions
            needs.append(Need(Limit(_session_key(address), SESSION_MOST, SESSION_S), min(count, SESSION_MOST)))
        return needs

    async def send(self, address: Address, text: str, *, mention: bool) -> str:
        """Send one message and return the platform's id of it, if it gives one.

        Raises:
            SendFailed: The platform did not take it.
        """
        session = address.session(self._clock.now(), self._hosts)
        if session and await self._by_session(session, address, text, mention=mention):
            return ""
        if address.group:
            return await self._to_group(address, text, mention=mention)
        return await self._to_person(address, text)

    async def send_file(self, address: Address, message: Fields) -> str:
        """Send a picture or file, which no session takes; return the platform's id of it.

        Raises:
            SendFailed: The platform did not take it.
        """
        return await (self._group_message if address.group else self._personal_message)(address, message)

    async def _by_session(self, session: str, address: Address, text: str, *, mention: bool) -> bool:
        """Return whether the session took it; False when it is over and there is another way."""
        staff = address.staff if mention else ""
        shown = f"@{staff or _name(address)}  \n{text}" if mention else text
        body: Fields = {"msgtype": "markdown", "markdown": {"title": title(text), "text": broken_lines(shown)}}
        if staff:
            body["at"] = {"atUserIds": [staff]}
        answer = await self._post.call("POST", URL(session, encoded=True), body)
        refusal = webhook_refusal(answer.found, blocks=_session_key(address)) if answer.ok else None
        if answer.ok and refusal is None:
            return True
        over = not answer.ok or verdict(answer.found).session_over
        if over and (address.group or address.staff):
            log.info("dingtalk.session_over", status=answer.status)
            return False
        raise refusal or SendFailed("dingtalk", f"HTTP status {answer.status} of the session", retry_after=LOST_S)

    async def _to_person(self, address: Address, text: str) -> str:
        return await self._personal_message(address, self._message(text))

    async def _personal_message(self, address: Address, message: Fields) -> str:
        if not address.staff:
            detail = "the session is over, and people outside the company are reached by nothing else"
            raise SendFailed("dingtalk", detail, retry_after=None)
        path = "/v1.0/robot/oToMessages/batchSend"
        found = await self._by_api(path, {"userIds": [address.staff], **message})
        if found.get("invalidStaffIdList"):
            raise SendFailed("dingtalk", "the person is unknown, or may not use the robot", retry_after=None)
        if found.get("flowControlledStaffIdList"):
            detail = "the person gets no more messages for a while (flow control)"
            raise SendFailed("dingtalk", detail, retry_after=FLOW_CONTROL_S)
        return text_of(found, "processQueryKey")

    async def _to_group(self, address: Address, text: str, *, mention: bool) -> str:
        # This interface mentions nobody: the name is there for people to read.
        shown = f"@{_name(address)}  \n{text}" if mention else text
        return await self._group_message(address, self._message(shown))

    async def _group_message(self, address: Address, message: Fields) -> str:
        path = "/v1.0/robot/groupMessages/send"
        found = await self._by_api(path, {"openConversationId": address.conversation, **message})
        return text_of(found, "processQueryKey")

    async def _by_api(self, path: str, body: Fields) -> Fields:
        answer = await self._client.call("POST", path, {"robotCode": self._robot_code, **body})
        if not answer.ok:
            raise answer.failure(blocks=API.key)
        return answer.found

    @staticmethod
    def _message(text: str) -> Fields:
        parameter = {"title": title(text), "text": broken_lines(text)}
        return {"msgKey": "sampleMarkdown", "msgParam": msgspec.json.encode(parameter).decode()}


def _session_key(address: Address) -> str:
    """Return the key of a group's limit; nothing for a private chat, which has none."""
    return f"session:{address.conversation}" if address.group else ""


def _name(address: Address) -> str:
    return _MARKS.sub("", address.nick).strip() or "您"
