"""Where a message goes: what the durable address of a conversation says, in the API's terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

from ai_worker.pipeline.sending import SendFailed


@dataclass(frozen=True, slots=True)
class Place:
    """One person, or one group, and the message there that is answered."""

    user: str
    """open_id of the person; in a group of the one who asked, empty if nobody did."""

    chat: str
    """chat_id; in private it may be empty."""

    message: str
    """message_id of what is answered; empty for what is said unasked."""

    group: bool

    @classmethod
    def of(cls, address: Mapping[str, str]) -> Self:
        """Read an address.

        Raises:
            SendFailed: It names nobody.
        """
        place = cls(
            user=address.get("user", ""),
            chat=address.get("chat", ""),
            message=address.get("message", ""),
            group=address.get("in") == "group" or not address.get("user"),
        )
        if not place.receiver:
            raise SendFailed("feishu", "there is nobody to send to", retry_after=None)
        return place

    @property
    def receiver(self) -> str:
        """The id that a message is sent to."""
        return self.chat if self.group else self.user

    @property
    def receiver_type(self) -> Literal["chat_id", "open_id"]:
        """What kind of id that is."""
        return "chat_id" if self.group else "open_id"

    @property
    def limit_key(self) -> str:
        """Whose five messages a second this counts to."""
        return f"chat:{self.receiver}"

    @property
    def conversation(self) -> str:
        """The key of the conversation: a group's never meets a person's."""
        return f"group:{self.chat}" if self.group else self.user

    def address(self) -> dict[str, str]:
        """Return it in the form that is kept with a message."""
        told = {"user": self.user, "chat": self.chat, "message": self.message}
        return {**{key: value for key, value in told.items() if value}, "in": "group" if self.group else "p2p"}
