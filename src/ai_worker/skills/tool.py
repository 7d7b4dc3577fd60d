"""Tools: callables with a schema, offered by connectors and called by a turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

from ai_worker.foundation.errors import AiWorkerError

Risk = Literal["read", "write-reversible", "write-irreversible", "money", "admin"]

ApprovedBy = Literal["nobody", "asker", "colleague", "never"]
"""Who has to say yes before a tool acts: the one who asked, somebody else, or nobody could (`never`)."""


@dataclass(frozen=True, slots=True)
class Asker:
    """For whom a tool is called. What they may not see or do, the worker does not see or do for them."""

    channel: str
    id: str
    """As the channel knows them."""

    name: str = ""
    department: str = ""
    """As the platform's directory has it; empty where it does not say: then they are in none."""

    member: bool = False
    """Whether the platform vouches for them as one of the company's own people."""

    turn_id: str = field(default="", compare=False)
    """The turn in which it is called; empty: in none. It says nothing of who asks."""


class ToolFailed(AiWorkerError):
    """The business system refused, failed or did not answer. The words may be shown to the model."""

    code = "tool.failed"
    hint = "See base_url (of a local program: command) and the credentials in its connector.toml, and whether it is up."


class ToolRefused(ToolFailed):
    """The business system works and says that there is no such thing: an order number nobody has."""

    code = "tool.refused"
    hint = "Check the number with the contact."


class ToolUnsure(ToolFailed):
    """The request went out and no usable answer came back: nobody knows whether the system has acted."""

    code = "tool.unsure"
    hint = "Look into the business system before anybody does it again."


@dataclass(frozen=True, slots=True)
class Slot:
    """One value that a verb needs and that can be read off the contact's words."""

    name: str
    """The tool's argument."""

    pattern: str
    """Regular expression whose first group, or whole match, is the value: `ORD\\d{5,}`."""

    ask: str
    """What to ask when it is missing: `请告诉我订单号（ORD 开头）。`"""


@dataclass(frozen=True, slots=True)
class Verb:
    """A business question that a tool answers without any model: words in, a sentence out."""

    name: str
    """`order.status`"""

    triggers: tuple[str, ...]
    """Words that give it away; one is enough when every slot is filled: `订单`, `到哪`, `物流`."""

    slots: tuple[Slot, ...]
    template: str
    """The answer, with `{field}` of the tool's result: `订单 {id} {status_text}，预计 {eta} 送达。`"""


@dataclass(frozen=True, slots=True)
class ReadBack:
    """What is read after a tool has acted, to see that it did."""

    tool: str
    """A tool that only reads, of the same connector."""

    arguments: Mapping[str, str]
    """Its arguments, each a template over the arguments and the result of the act: `{order_id}`."""

    template: str
    """What is told of it: `系统里现在的收货地址：{address}`."""

    expects: Mapping[str, str] = field(default_factory=dict)
    """Fields of what is read, and the value that each must have, as a template over the act's arguments.
    One that differs is told as it is: the act is then in doubt. Empty: nothing is compared."""


@dataclass(frozen=True, slots=True)
class Bound:
    """An argument that is always the asker's own, whatever anybody says."""

    argument: str
    title: str
    """What people call it: `工号`."""

    value: str


@dataclass(frozen=True, slots=True)
class Tool:
    """One operation of a connector."""

    name: str
    """`erp.get_order`; letters, digits, `_`, `.` and `-`, at most 64 characters."""

    connector: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of an object."""

    risk: Risk = "read"
    verb: Verb | None = field(default=None)
    idempotent: bool = False
    """Of a tool that acts: its system honours the idempotency key. The same key again changes nothing
    and gives the first result. Only such a call is ever repeated after an unknown outcome."""

    unattended: bool = False
    """Of a tool that acts: a turn may call it without asking a person first."""

    title: str = ""
    """What people read when they are asked for their word: `修改收货地址`; empty: the description."""

    approved_by: ApprovedBy = "asker"
    """Of a tool that acts and is not `unattended`."""

    confirm: str = ""
    """What it is about to do, as a template over its arguments; empty: the arguments are listed."""

    read_back: ReadBack | None = None

    bound: tuple[Bound, ...] = ()
    """What it is called with besides its parameters, for whom it is offered: nobody fills it in, and whoever
    gives their word is shown it."""

    masked: frozenset[str] = frozenset()
    """Arguments, and names within them, whose values are secrets: nobody is shown them."""

    for_known_only: bool = False
    """Of a tool that acts: it is not called for whom it is offered, because nobody knows well enough who they
    are. A person does it."""

    @property
    def acts(self) -> bool:
        """Whether it may change something in the business system."""
        return self.risk != "read"


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back."""

    data: Any
    """JSON value."""

    source: str
    """Where it came from, as shown to the reader: `ERP GET /orders/ORD12345`."""


@dataclass(frozen=True, slots=True)
class Called:
    """One call that was made, for those who watch: never its arguments or its result."""

    connector: str
    tool: str
    code: str
    """`ok`, or the error's code."""

    ms: float
    at: datetime
    """Aware, in UTC."""

    asker: str = ""
    """For whom: `wecom/zhangsan`; or which administrator called it: `cli/root`, `console/李娜`."""

    turn_id: str = ""
    """The turn that called it; empty: none did."""


class Toolbox(Protocol):
    """All tools that a worker may use. The `connectors` floor implements it."""

    def tools(self, connectors: Sequence[str] = ("*",), *, asker: Asker | None = None) -> list[Tool]:
        """Return the tools of the named connectors (`"*"` means all) that may be used for `asker`.

        `None` asks for what there is, whoever asks.
        """
        ...

    def check(self, name: str, arguments: Mapping[str, Any], *, asker: Asker | None = None) -> None:
        """Raise if a tool could not be called so; nothing is sent.

        Raises:
            ToolFailed: It is unknown, its arguments are wrong, or it is not for `asker`.
        """
        ...

    async def call(
        self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str, asker: Asker | None = None
    ) -> ToolResult:
        """Call a tool once, for `asker`; `None`: for an administrator at the console or the command line.

        Raises:
            ToolUnsure: Of a tool that acts: nobody knows whether it has.
            ToolFailed: It is unknown, its arguments are wrong, or the system refused or failed. A tool
                that acts has changed nothing then.
        """
        ...
