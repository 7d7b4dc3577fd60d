"""What every connector offers, and the errors that all of them raise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from ai_worker.foundation.errors import Misconfigured, NotFound
from ai_worker.skills.tool import Asker, Tool, ToolFailed, ToolResult


class ConnectorRefused(Misconfigured):
    """A connector's file is not as it must be; no connector is half loaded."""

    code = "connector.bad"
    hint = "Mend the file, or move it out of the connectors folder."

    def __init__(self, file: Path, reason: str) -> None:
        super().__init__(f"{file}: {reason}")
        self.file = file
        self.reason = reason


class NoSuchConnector(NotFound):
    """There is no connector with this id, or it offers no such tool."""

    code = "connector.unknown"
    hint = "ai-worker connectors list"


class ArgumentsRefused(ToolFailed):
    """The arguments do not fit the operation; nothing was sent."""

    code = "tool.bad_arguments"
    hint = "`ai-worker connectors tools ID` says what each tool takes."


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, decoded, masked and cut to size."""

    status: int
    """Of HTTP; of everything else 200: what failed is raised."""

    data: Any
    """A JSON value; text where it is none. Of a file only its type and size are said."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """In lower case."""

    notes: tuple[str, ...] = ()
    """What the reader must know of it: that it was cut, that it is not what the contract says."""


@dataclass(frozen=True, slots=True)
class Preview:
    """The exact request that a call would send, without what proves who calls. For people to look at."""

    method: str
    address: str
    """With the query; of what is not HTTP: what comes closest (`postgresql://host/database`)."""

    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    """As text; empty: none."""


@runtime_checkable
class Announces(Protocol):
    """A system, or what calls it, that may be told over an open session that what it offers has changed."""

    def announced(self) -> bool:
        """Return whether that was said since the last time, and forget it."""
        ...


class Connector(Protocol):
    """One business system."""

    id: str

    async def start(self) -> None:
        """Open the connection pool; calls nobody."""
        ...

    async def close(self) -> None:
        """Close the pool; calls in flight fail."""
        ...

    def tools(self) -> Sequence[Tool]:
        """Return its tools; the names begin with the connector's id and a dot."""
        ...

    def allows(self, tool: Tool, asker: Asker) -> bool:
        """Return whether a tool may be used for this asker."""
        ...

    def minds_departments(self) -> bool:
        """Return whether what may be done depends on the asker's department."""
        ...

    def for_asker(self, tool: Tool, asker: Asker) -> Tool:
        """Return a tool as it is for this asker: with what is always theirs, and with what is kept from them."""
        ...

    def preview(self, name: str, arguments: Mapping[str, Any]) -> Preview:
        """Return the request that a call would send; sends nothing.

        Raises:
            ArgumentsRefused: The arguments do not fit.
        """
        ...

    def fits(self, name: str, arguments: Mapping[str, Any], *, asker: Asker | None = None) -> None:
        """Raise if a tool could not be called so; nothing is sent.

        Raises:
            ToolFailed: Its arguments are wrong, or it is not for `asker`.
        """
        ...

    async def check(self) -> str:
        """Call something harmless, and return in a few words what came back.

        Raises:
            ToolFailed: The system is not there, or does not take our credentials.
        """
        ...

    async def call(
        self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str, asker: Asker | None = None
    ) -> ToolResult:
        """Call one of its tools once, for `asker`; `None`: for an administrator.

        Raises:
            ToolRefused: The system says that there is no such thing.
            ArgumentsRefused: The arguments do not fit; nothing was sent.
            ToolUnsure: Of a tool that acts: the request may have reached the system, and no answer came.
            ToolFailed: The system failed or did not answer; a tool that acts has changed nothing.
        """
        ...
