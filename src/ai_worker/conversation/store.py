"""The port through which conversations are read and taken over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from ai_worker.conversation.contacts import ContactKey
from ai_worker.conversation.conversation import Conversation, State
from ai_worker.conversation.message import Attachment, InboundMessage, Part, Reply
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.errors import Conflict, NotFound

DeliveryState = Literal["waiting", "sending", "sent", "unknown", "delivered", "failed", "expired"]


class NoSuchConversation(NotFound):
    """No conversation has this number."""

    code = "conversation.not_found"


class AlreadyTaken(Conflict):
    """Another person has taken this conversation over, or handed it back, in the meantime."""

    code = "conversation.already_taken"
    hint = "Reload the conversation to see who answers it now."


@dataclass(frozen=True, slots=True)
class ThreadItem:
    """One line of a thread, in the order in which it happened."""

    at: datetime
    author: Literal["contact", "worker", "human", "notice"]
    """`notice`: something that happened (handed over, taken over, handed back), not something said."""

    text: str
    """What was said. Of a notice a code, for the reader's own language: `handed_over` (`result` says why),
    `taken_over` or `handed_back` (`name` says by whom).
    """

    name: str = ""
    """Who said it: the contact's, worker's or person's name."""

    parts: tuple[Part, ...] = ()
    turn_id: str = ""
    result: TurnResult | None = None
    """What the turn decided, on the worker's lines."""

    response_ms: float | None = None
    """Accept to first visible words, on the worker's lines."""

    delivery: DeliveryState | None = None
    """How the reply fared on its way out; `None` for inbound lines and pull channels."""

    error: str = ""
    """Why delivery failed, in the vendor's words, or why the message was given up; empty otherwise."""

    outbound_id: str = ""
    """Of what went out or is to go out; empty for inbound lines and pull channels."""

    letter: Literal["dead", "dropped"] | None = None
    """`dead`: it was given up, and a person has to decide. `dropped`: a person has decided against it."""

    department: str | None = None
    """The contact's, on its lines; `None` where the platform's directory does not say."""

    attachments: tuple[Attachment, ...] = ()
    """What a person sent with the words; what a contact sent is among the files of its turn."""

    @property
    def letter_id(self) -> str:
        """What its dead letter is called: a reply by its own id, a message by its turn."""
        return self.outbound_id or self.turn_id


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One finished or running turn, as `GET /api/v1/turns/{id}` shows it."""

    id: str
    channel: str
    conversation_id: int
    conversation_key: str
    state: Literal["waiting", "held", "done", "dead"]
    """`waiting`: accepted. `held`: a holding notice is out. `dead`: given up after all attempts."""

    received_at: datetime
    finished_at: datetime | None
    question: str
    result: TurnResult | None


class ConversationStore(Protocol):
    """Reads conversations, and changes who answers them."""

    async def conversations(self, *, states: Sequence[State] = (), limit: int = 50) -> list[Conversation]:
        """Return conversations: those waiting for a person first, longest wait first, then newest first.

        `states` narrows them down; empty means all. Standalone questions are left out.
        """
        ...

    async def counts(self) -> dict[State, int]:
        """Return how many conversations are in each state, standalone questions left out."""
        ...

    async def conversation(self, conversation_id: int) -> Conversation:
        """Return one conversation.

        Raises:
            NoSuchConversation: There is none with this number.
        """
        ...

    async def find(self, channel: str, key: str) -> Conversation | None:
        """Return the conversation of a channel with this key; `None` if there never was one."""
        ...

    async def of_contact(self, key: ContactKey, *, limit: int = 5) -> list[Conversation]:
        """Return the private conversations with a contact, the latest first; standalone questions are left out."""
        ...

    async def thread(self, conversation_id: int, *, limit: int = 200) -> list[ThreadItem]:
        """Return the latest `limit` lines of a conversation, oldest first."""
        ...

    async def take_over(self, conversation_id: int, person: str, at: datetime) -> Conversation:
        """Let `person` answer from now on.

        Raises:
            AlreadyTaken: Another person answers it.
        """
        ...

    async def hand_back(self, conversation_id: int, person: str, at: datetime) -> Conversation:
        """Let the worker answer from now on.

        Raises:
            AlreadyTaken: `person` does not answer it now.
        """
        ...

    async def say(self, conversation_id: int, person: str, reply: Reply, at: datetime) -> str:
        """Make a person's reply durable and due for delivery; return its outbound id.

        The files that it carries belong to it from then on.

        Raises:
            AlreadyTaken: `person` does not answer it now.
        """
        ...

    async def turn(self, turn_id: str) -> TurnRecord | None:
        """Return a turn; `None` if there is none with this id."""
        ...


def show(message: InboundMessage) -> str:
    """Return what a person would read of a message: its words, and a mark for each other part."""
    marks = [f"[{part.text or part.kind}]" for part in message.parts if part.kind != "text"]
    return " ".join([message.text, *marks]).strip()


def show_reply(reply: Reply) -> str:
    """Return what a list or a history says of a reply: its words, and a mark for each thing it carries."""
    return " ".join([reply.text, *(f"[{attachment.name}]" for attachment in reply.attachments)]).strip()
