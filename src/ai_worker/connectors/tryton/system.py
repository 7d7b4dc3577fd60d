"""Tryton's JSON-RPC: sessions, calls, refusals (Tryton 8.2; `trytond/protocols` of its server)."""

from base64 import b64encode
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ai_worker.connectors.contract import Answer
from ai_worker.connectors.http.tokens import CredentialsRefused
from ai_worker.connectors.http.verdicts import acts
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.rpc.options import RpcOptions
from ai_worker.connectors.rpc.snapshot import FieldType
from ai_worker.connectors.rpc.system import Call, Condition, Post, Session
from ai_worker.connectors.tryton import wire
from ai_worker.foundation.secret import Secret
from ai_worker.skills.tool import ToolFailed, ToolRefused, ToolUnsure

REFUSALS = frozenset({"UserError", "UserWarning", "ConcurrencyException"})
"""By which the server says no; it has rolled back what it began. An AccessError travels as a UserError."""

KEPT = ("company", "employee", "company_filter", "language", "companies", "employees", "groups")
"""Of an account's preferences, what its calls are made with, as Tryton's own client does."""

MAX_WORDS = 300


class TrytonSystem:
    """One database of a Tryton server."""

    def __init__(self, options: RpcOptions) -> None:
        self._options = options
        self.path = f"/{quote(options.database, safe='')}/rpc/"

    def secrets(self) -> Sequence[Secret]:
        """Return the password."""
        return [self._options.password]

    async def sign_in(self, post: Post) -> Session:
        """Log in, and ask for the account's preferences: its company and its language go with every call.

        Raises:
            CredentialsRefused: The server does not take our name and password.
            ToolFailed: It cannot be reached, or answers with what is no answer.
        """
        user, language = self._options.user, self._options.language or None
        parameters = {"password": self._options.password.reveal()}
        message = {"id": 0, "method": "common.db.login", "params": [user, parameters, language]}
        answer = await post(message, {})
        given = answer.data.get("result") if isinstance(answer.data, Mapping) else None
        match given:
            case [int(number), str(token), *_] if answer.status == 200 and token:
                pass
            case _:
                raise _no_session(answer)
        proof = b64encode(f"{user}:{number}:{token}".encode()).decode()
        session = Session({"Authorization": f"Session {proof}"}, {}, number, Secret(token))
        answer = await post(self.message(session, self.who(number)), session.headers)
        preferences = answer.data.get("result") if isinstance(answer.data, Mapping) else None
        if answer.status != 200 or not isinstance(preferences, Mapping):
            raise ToolFailed("Tryton logged us in and then did not say who we are")
        context = {name: preferences[name] for name in KEPT if name in preferences}
        if self._options.language:
            context["language"] = self._options.language
        return Session(session.headers, context, number, session.secret)

    def message(self, session: Session, call: Call) -> Any:
        """Return the call as JSON-RPC has it: the context is the last parameter."""
        if not call.model:  # of the server, not of a model
            return {"id": 0, "method": call.method, "params": [*call.arguments]}
        parameters = [*call.arguments, {**session.context, **call.context}]
        return {"id": 0, "method": f"model.{call.model}.{call.method}", "params": parameters}

    def shown(self, call: Call) -> Any:
        """Return the call without the account's own context."""
        return self.message(Session(), call)

    def expired(self, answer: Answer) -> bool:
        """Return whether the session is gone: 401, whatever was called."""
        return answer.status == 401

    def result(self, operation: Operation, answer: Answer) -> Any:
        """Return a call's result.

        Raises:
            ToolRefused: The server says no, with its words.
            ToolFailed: It failed, and has rolled back.
            ToolUnsure: Of an operation that acts: the answer is none of Tryton's.
        """
        data, name = answer.data, operation.name
        match data:
            case {"error": [str(kind), *words]} if kind in REFUSALS:
                raise ToolRefused(f"{name}: Tryton refused: “{_words(kind, words)}”")
            case {"error": [str(kind), *_]}:
                raise ToolFailed(f"{name}: Tryton failed: “{kind[:MAX_WORDS]}”")
            case {"result": result}:
                return result
        problem = f"{name}: the answer is none of Tryton's JSON-RPC"
        raise ToolUnsure(problem) if acts(operation) else ToolFailed(problem)

    def who(self, user: int) -> Call:
        """Return the call for the account's preferences."""
        return Call("res.user", "get_preferences", (True,))

    def me(self, result: Any) -> dict[str, Any]:
        """Return who we are."""
        told = result if isinstance(result, Mapping) else {}
        return {"user": self._options.user, "company": told.get("company.rec_name"), "language": told.get("language")}

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
        """Return a `search_read`."""
        domain = [_clause(*condition) for condition in conditions]
        return Call(model, "search_read", (domain, offset, limit, [[order, "DESC"]] if order else None, [*paths]))

    def read(self, model: str, ids: Sequence[int], paths: Sequence[str]) -> Call:
        """Return a `read`."""
        return Call(model, "read", ([*ids], [*paths]))

    def create(self, model: str, values: Mapping[str, Any]) -> Call:
        """Return a `create`."""
        return Call(model, "create", ([dict(values)],))

    def update(self, model: str, number: int, values: Mapping[str, Any], *, stamp: Any = None) -> Call:
        """Return a `write`; with the stamp of what was read, so that nobody else's change is written over."""
        context = {"_timestamp": {f"{model},{number}": stamp}} if stamp else {}
        return Call(model, "write", ([number], dict(values)), context=context)

    def delete(self, model: str, number: int) -> Call:
        """Return a `delete`."""
        return Call(model, "delete", ([number],))

    def call(self, model: str, method: str, ids: Sequence[int]) -> Call:
        """Return the call of a button."""
        return Call(model, method, ([*ids],))

    def records(self, result: Any, flags: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return records in plain JSON.

        Raises:
            ToolFailed: It is no list of records.
        """
        if not isinstance(result, list) or not all(isinstance(one, Mapping) for one in result):
            raise ToolFailed("Tryton answered with something that is no list of records")
        return [wire.record(one) for one in result]

    def stamp(self, record: Mapping[str, Any]) -> Any:
        """Return the record's version."""
        return record.get("_timestamp")

    def stamp_fields(self) -> Sequence[str]:
        """Return the field with the record's version."""
        return ("_timestamp",)

    def sent(self, type: FieldType, value: Any) -> Any:
        """Return a value as Tryton takes it; raise ValueError or ArithmeticError if it is none."""
        return wire.sent(type, value)

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """Return new lines of a record."""
        return [["create", [dict(row) for row in rows]]]


def _clause(path: str, comparison: str, value: Any) -> list[Any]:
    match comparison:
        case "contains":
            return [path, "ilike", f"%{_escaped(value)}%"]
        case "same":
            return [path, "ilike", _escaped(value)]
    return [path, comparison, value]


def _escaped(text: str) -> str:
    r"""Return text in which `%` and `_` stand for themselves: Tryton's LIKE escapes with a backslash."""
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


def _words(kind: str, words: Sequence[Any]) -> str:
    """Return what the server says, without the names that it gives to its warnings."""
    parts = words[0] if words and isinstance(words[0], list) else words
    said = parts[1:] if kind == "UserWarning" else parts
    text = " ".join(" ".join(part.split()) for part in said if isinstance(part, str) and part)
    return text[:MAX_WORDS] or kind


def _no_session(answer: Answer) -> ToolFailed:
    if answer.status == 401 or _asks_for_more(answer.data):
        return CredentialsRefused("Tryton does not take the user's name and password")
    if answer.status == 404:
        return ToolFailed("Tryton has no such database, or base_url leads elsewhere (404)")
    if answer.status == 429:
        return ToolFailed("Tryton was asked to log in too often, and waits (429)")
    return ToolFailed(f"the log-in gave no session ({answer.status})")


def _asks_for_more(data: Any) -> bool:
    """Return whether the server wants more than a password: a second factor, which a machine does not have."""
    match data:
        case {"error": ["LoginException", *_]}:
            return True
    return False
