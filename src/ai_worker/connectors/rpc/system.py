"""What tells one system of models from another: how it logs in, how a call is written, how it says no."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ai_worker.connectors.contract import Answer
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.rpc.snapshot import FieldType
from ai_worker.foundation.secret import Secret

Condition = tuple[str, str, Any]
"""A field, names with dots between; `=`, `!=`, `>`, `>=`, `<`, `<=`, `in`, `contains`, or `same` for
equal but for case; a value as the wire has it."""


@dataclass(frozen=True, slots=True)
class Session:
    """What a log-in gave."""

    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    context: Mapping[str, Any] = field(default_factory=dict)
    """Of the account: its company, its language. Goes with every call."""

    user: int = 0
    secret: Secret | None = None
    """What must not come back in an answer."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a model's method, as this system has it."""

    model: str
    method: str
    arguments: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)
    context: Mapping[str, Any] = field(default_factory=dict)
    """Beside the session's."""


Post = Callable[[Any, Mapping[str, str]], Awaitable[Answer]]
"""Sends a message as JSON with headers, and returns what came back, whatever it says. Raises ToolFailed and its kin."""


class System(Protocol):
    """One kind of system: values in, values out; it knows no network."""

    path: str
    """Where messages go, after the base address."""

    async def sign_in(self, post: Post) -> Session:
        """Log in.

        Raises:
            CredentialsRefused: The system does not take our credentials.
            ToolFailed: It cannot be reached, or answers with what is no answer.
        """
        ...

    def secrets(self) -> Sequence[Secret]:
        """Return what must not come back in an answer, besides a session's own."""
        ...

    def message(self, session: Session, call: Call) -> Any:
        """Return what is sent for a call. It may hold secrets."""
        ...

    def shown(self, call: Call) -> Any:
        """Return what is sent for a call, for people to look at: without secrets."""
        ...

    def expired(self, answer: Answer) -> bool:
        """Return whether an answer says that the session has run out."""
        ...

    def result(self, operation: Operation, answer: Answer) -> Any:
        """Return what a call gave.

        Raises:
            ToolRefused: The system says no.
            CredentialsRefused: It does not take our credentials any more.
            ToolFailed: It failed; nothing was changed.
            ToolUnsure: Of an operation that acts: the answer does not say whether it has.
        """
        ...

    def who(self, user: int) -> Call:
        """Return the call that tells who we are."""
        ...

    def me(self, result: Any) -> dict[str, Any]:
        """Return what `who` gave, for people: name and language."""
        ...

    def search(
        self,
        model: str,
        conditions: Sequence[Condition],
        paths: Sequence[str],
        *,
        offset: int,
        limit: int,
        order: str | None,
    ) -> Call:
        """Return the call that finds records and reads fields of them: by `order`, the largest first."""
        ...

    def read(self, model: str, ids: Sequence[int], paths: Sequence[str]) -> Call:
        """Return the call that reads records."""
        ...

    def create(self, model: str, values: Mapping[str, Any]) -> Call:
        """Return the call that makes a record; its result is the record's id, alone or as the only one of a list."""
        ...

    def update(self, model: str, number: int, values: Mapping[str, Any], *, stamp: Any = None) -> Call:
        """Return the call that writes a record; with a `stamp`, only as long as nobody else has written it since."""
        ...

    def delete(self, model: str, number: int) -> Call:
        """Return the call that deletes a record."""
        ...

    def call(self, model: str, method: str, ids: Sequence[int]) -> Call:
        """Return the call of a button or a method for records."""
        ...

    def records(self, result: Any, flags: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return the records that a search or a read gave, in plain JSON: related ones nested by their fields' names.

        Args:
            result: Of the call.
            flags: Paths of fields whose `false` is a value; elsewhere it may stand for nothing.

        Raises:
            ToolFailed: It is no list of records.
        """
        ...

    def stamp(self, record: Mapping[str, Any]) -> Any:
        """Return what tells the record's version; `None`: this system has nothing of the kind."""
        ...

    def stamp_fields(self) -> Sequence[str]:
        """Return the fields that `stamp` needs."""
        ...

    def sent(self, type: FieldType, value: Any) -> Any:
        """Return a value as it is written to a field of this type, or compared with it."""
        ...

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """Return new records that belong to the one that is made, as they are written to its field."""
        ...
