"""Where a reply goes: what a message says about its chat, kept with it until the reply is sent."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ai_worker.channels.dingtalk.hosts import TrustedHosts

MARGIN = timedelta(seconds=60)
"""A session webhook is not used in the last minute of its time."""

GROUP_PREFIX = "group:"
"""A group's conversation key begins with it, so that it never is a contact's."""


@dataclass(frozen=True, slots=True)
class Address:
    """One chat, and who spoke there."""

    conversation: str
    """The platform's id of the chat: of the group, or of the two in a private chat."""

    contact: str
    """The staff id, or the platform's own id of somebody from outside the company."""

    staff: str = ""
    """The staff id; empty for people outside, whom only the session webhook reaches."""

    nick: str = ""
    group: bool = False
    webhook: str = ""
    """The session webhook; empty if there is none on the platform's hosts. It carries a secret."""

    webhook_until: int = 0
    """Until when that is good, in milliseconds since 1970."""

    @property
    def conversation_key(self) -> str:
        """Which of our conversations the chat is."""
        return f"{GROUP_PREFIX}{self.conversation}" if self.group else self.contact

    def written(self) -> dict[str, str]:
        """Return it as a message's `address`."""
        found = {
            "conversation": self.conversation,
            "contact": self.contact,
            "staff": self.staff,
            "nick": self.nick,
            "group": "1" if self.group else "",
            "webhook": self.webhook,
            "webhook_until": str(self.webhook_until) if self.webhook else "",
        }
        return {name: value for name, value in found.items() if value}

    @classmethod
    def read(cls, written: Mapping[str, str]) -> "Address":
        """Return what `written` had written; what is missing is empty."""
        until = written.get("webhook_until", "")
        return cls(
            conversation=written.get("conversation", ""),
            contact=written.get("contact", ""),
            staff=written.get("staff", ""),
            nick=written.get("nick", ""),
            group=written.get("group") == "1",
            webhook=written.get("webhook", ""),
            webhook_until=int(until) if until.isdecimal() else 0,
        )

    def session(self, now: datetime, hosts: TrustedHosts) -> str:
        """Return the session webhook if it may be used now, else nothing."""
        if not self.webhook or not hosts.may_call(self.webhook):
            return ""
        good = datetime.fromtimestamp(self.webhook_until / 1000, UTC) - MARGIN > now
        return self.webhook if good else ""
