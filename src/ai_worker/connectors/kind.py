"""A kind of business system: how its contract is read, and who carries its operations out.

To add one: a folder `connectors/<kind>/` with a `Kind`, one line in `registry.KINDS`, one word in the
layers contract. A kind that is spoken over HTTP without further ado has no caller of its own.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from aiohttp.abc import AbstractResolver
from pydantic import BaseModel, ConfigDict

from ai_worker.connectors.auth_settings import CodeAuth
from ai_worker.connectors.contract import Answer, Preview
from ai_worker.connectors.kept import KeptTokens
from ai_worker.connectors.operation import Contract, Operation
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.secret import Secret
from ai_worker.skills.tool import Asker


class Caller(Protocol):
    """Carries out the operations of one connection."""

    async def start(self) -> None:
        """Make ready; calls nobody."""
        ...

    async def close(self) -> None:
        """Let go of all that is open; calls in flight fail."""
        ...

    def preview(self, operation: Operation, arguments: Mapping[str, Any]) -> Preview:
        """Return what a call would send; sends nothing.

        Raises:
            ArgumentsRefused: The arguments do not fit.
        """
        ...

    async def call(
        self,
        operation: Operation,
        arguments: Mapping[str, Any],
        *,
        idempotency_key: str = "",
        asker: Asker | None = None,
    ) -> Answer:
        """Carry out an operation once.

        Args:
            operation: One of the contract's.
            arguments: By the names of its schema; checked here.
            idempotency_key: The same for the same act, where the system takes one.
            asker: For whom; `None`: for an administrator.

        Raises:
            ToolRefused: The system works and says no; also where it says so with a status of 200.
            ArgumentsRefused: The arguments do not fit; nothing was sent.
            ToolUnsure: Of an operation that acts: the request may have reached the system, and nobody knows.
            ToolFailed: The system failed, could not be reached or is left alone; nothing was changed.
        """
        ...


class Options(BaseModel):
    """The `[options]` of a connector.toml: what only its kind understands."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a connection is made of besides its settings."""

    clock: Clock
    resolver: AbstractResolver | None = None
    """Answers for host names; `None`: the machine's own."""

    remember: Callable[[str, Secret], Awaitable[None]] | None = None
    """Keeps a refresh token that replaces the one before, by the credentials' name; `None`: nobody does.
    It returns once the token is durable."""

    recall: Callable[[str], Awaitable[Secret | None]] | None = None
    """The token that was kept last, by the credentials' name; `None`: nobody knows."""

    alone: Callable[[str], AbstractAsyncContextManager[None]] | None = None
    """Held while a refresh token is exchanged: of two processes that spend it, one would lose it."""

    connection: str = ""
    """Of a contract that is fetched: the connection's id, under which its refresh token is kept."""

    @classmethod
    def kept_in(cls, data_dir: Path, clock: Clock) -> Self:
        """Return parts that keep refresh tokens in the data folder; nothing is read or made yet."""
        kept = KeptTokens(data_dir)
        return cls(clock, remember=kept.remember, recall=kept.recall, alone=kept.alone)


Compile = Callable[[Path, Any], Contract]
"""Reads a contract (a file, or a folder of one in several files), with the kind's options. Touches no network.
Raises `ContractRefused`."""

Fetch = Callable[[ConnectorSettings, Any, Parts], Awaitable[bytes]]
"""Asks the running system for its contract, and returns what `Compile` reads from a file.
Raises ToolFailed and its kin."""

MakeCaller = Callable[[str, ConnectorSettings, Any, Contract, Parts], Caller]
"""By the connection's id, its settings, its kind's options and its contract."""


@dataclass(frozen=True, slots=True)
class ConsentGiver:
    """Who is to be asked for a person's consent, as the system itself said."""

    auth: CodeAuth
    """With their addresses, and with the client that we are to them."""

    issuer: str
    """What they call themselves; an answer of anybody else does not count (RFC 9207)."""

    states_issuer: bool
    """Whether every answer of theirs says whose it is."""

    networks: tuple[str, ...]
    """Private networks that they may stand in: the connection's own."""

    keep: Callable[[Secret], Awaitable[None]]
    """Keeps the refresh token that they gave, and who they are."""


Trusts = Callable[[str], Awaitable[bool]]
"""Asks an administrator whether a host that the system named (`login.example.com`) may give its tokens."""

FindGiver = Callable[[str, ConnectorSettings, Parts, Trusts, bool], Awaitable[ConsentGiver]]
"""By the connection's id, its settings, whom to trust, and whether to register anew though we are known.
Raises ToolFailed and its kin."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of business system."""

    name: str
    compile: Compile
    options: type[Options] = Options
    make_caller: MakeCaller | None = None
    """`None`: its operations are plain requests of HTTP."""

    fetch: Fetch | None = None
    """`None`: the contract is a file that somebody brings."""

    needs_contract: bool = True
    """Whether `contract` must be set; otherwise `compile` gets the connector's folder and its options."""

    needs_base_url: bool = True
    find_giver: FindGiver | None = None
    """`None`: its systems do not say who gives their tokens, so that the settings have to."""

    check: str = ""
    """The name of a harmless operation that shows that the system is there and takes our credentials;
    empty: the settings name one, or the first read without required arguments is used."""
