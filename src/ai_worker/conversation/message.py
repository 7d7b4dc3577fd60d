"""Messages: what a contact says, and what is said back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

PartKind = Literal["text", "image", "file", "voice", "video", "location", "link", "card", "event"]


@dataclass(frozen=True, slots=True)
class Contact:
    """The person on the other side, as one channel knows them. Never the same across channels."""

    id: str
    name: str | None = None
    """How to address them; `None` when the platform did not say."""

    department: str | None = None
    """Where they work, as the platform's directory has it; `None` when it did not say."""

    member: bool = False
    """Whether the platform vouches for them as one of the company's own people."""


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a message that is not plain words."""

    kind: PartKind
    text: str = ""
    """What a person would read in its place: a file's name, a place's label, a transcript."""

    media_id: str = ""
    url: str = ""
    seal: str = field(default="", repr=False)
    """The key that what stands at `url` is encrypted with, where the platform makes one for each."""

    file: str = ""
    """The id of the file if we had it before the message, as a web chat's upload; empty: it has to be fetched."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A picture or file that is kept: what is known of it without its content."""

    id: str
    name: str
    """As people see it, with its extension; no path."""

    media_type: str
    """`image/png` and the like only where the content itself says so; never what a sender claims of a picture."""

    size: int
    """Bytes."""

    sha256: str
    """Of the content, in hexadecimal."""

    @property
    def is_picture(self) -> bool:
        """Whether it is a raster image: what pages may show, and platforms take as a picture."""
        return self.media_type.startswith("image/")


@dataclass(frozen=True, slots=True)
class Utterance:
    """One thing that was said earlier in a conversation."""

    role: Literal["user", "assistant"]
    """`user`: the contact. `assistant`: the worker, or a person who had taken over."""

    text: str
    contact: Contact | None = None
    """Who said it, in a group; `None` where only one contact can have, and of what was said to them."""

    tainted: bool = False
    """Of what was said to them: it may repeat what may give nobody orders; see `TurnResult.tainted`."""


@dataclass(frozen=True, slots=True)
class InboundMessage:
    """One message as a channel decoded it: verified, cleaned, not yet stored."""

    channel: str
    """The configured channel's name."""

    message_id: str
    """The platform's own id. (`channel`, `message_id`) is what duplicates are recognised by."""

    conversation_key: str
    """Which conversation of the channel it belongs to: a contact, or a group."""

    contact: Contact
    text: str
    received_at: datetime
    parts: tuple[Part, ...] = ()
    sent_at: datetime | None = None
    """When the contact sent it, by the platform's word; `None` when it does not say."""

    address: Mapping[str, str] = field(default_factory=dict)
    """What the channel needs to reply, in its own words; nobody else looks inside."""

    worker: str | None = None
    """Which worker is asked; `None` means the channel's own."""

    history: tuple[Utterance, ...] | None = None
    """What was said before, when the caller brings it; `None` means: look it up."""

    standalone: bool = False
    """A question on its own: no history before it, and it is no history for what comes after."""

    digest: str = ""
    """SHA-256 of the request body where the caller chose the id, to tell a repeat from a clash."""

    turn_id: str = ""
    """The turn that answers it, where that was told before the store has seen the message; empty: the
    store chooses. Always derived from (`channel`, `message_id`), so that a repeat brings the same."""

    group: bool = False
    """It was said in a group: several contacts share the conversation and all of them see the reply."""

    chosen: str = ""
    """The id of the choice whose button was pressed; `text` is then its label. Empty: nothing was pressed."""

    by_machine: bool = False
    """Another program says it of its own accord: it cannot give a person's word, and nothing is changed for it."""

    group_name: str = ""
    """What the group is called, where the platform says so with its messages."""

    @property
    def passes_on(self) -> bool:
        """Whether words of others are in it: a card or a page that the contact has passed on."""
        return any(part.kind in ("card", "link") for part in self.parts)


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that a clarifying question offers."""

    id: str
    """The entry's id."""

    label: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What the worker, or a person in its place, says."""

    text: str
    """Markdown of the plainest kind: paragraphs, lists, bold, links. Complete without `choices`."""

    choices: tuple[Choice, ...] = ()
    """Shown as buttons where the channel has them; `text` lists them with numbers already."""

    rateable: bool = False
    """Whether the contact may say if it helped: buttons in the same message where the channel has them."""

    attachments: tuple[Attachment, ...] = ()
    """Pictures and files that go out behind the words, in this order. With them `text` may be empty."""
