"""Odoo's JSON-RPC: `execute_kw` at `/jsonrpc` with an API key as password (Odoo 17 to 21; XML-RPC is the same model).

There is no session: the account's number is asked for once, and the key goes with every call.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from ai_worker.connectors.contract import Answer
from ai_worker.connectors.http.tokens import CredentialsRefused
from ai_worker.connectors.http.verdicts import acts
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.rpc.options import RpcOptions
from ai_worker.connectors.rpc.snapshot import FieldType
from ai_worker.connectors.rpc.system import Call, Condition, Post, Session
from ai_worker.foundation.secret import Secret
from ai_worker.skills.tool import ToolFailed, ToolRefused, ToolUnsure

REFUSALS = frozenset(
    {
        "odoo.exceptions.UserError",
        "odoo.exceptions.ValidationError",
        "odoo.exceptions.MissingError",
        "odoo.exceptions.AccessError",
        "odoo.exceptions.RedirectWarning",
        "odoo.exceptions.ConcurrencyError",
        "psycopg2.errors.SerializationFailure",
        "psycopg2.errors.LockNotAvailable",
    }
)
"""By which the server says no; its transaction is rolled back."""

DENIED = "odoo.exceptions.AccessDenied"
MAX_WORDS = 300
MAX_DEPTH = 12


class OdooSystem:
    """One database of an Odoo server."""

    path = "/jsonrpc"

    def __init__(self, options: RpcOptions) -> None:
        self._options = options

    def secrets(self) -> Sequence[Secret]:
        """Return the API key."""
        return [self._options.password]

    async def sign_in(self, post: Post) -> Session:
        """Ask for the account's number.

        Raises:
            CredentialsRefused: The server does not take our name and key.
            ToolFailed: It cannot be reached, or answers with what is no answer.
        """
        proof = [self._options.database, self._options.user, self._options.password.reveal(), {}]
        answer = await post(_envelope("common", "authenticate", proof), {})
        match answer.data:
            case {"result": bool(False)} | {"error": {"data": {"name": "odoo.exceptions.AccessDenied"}}}:
                raise CredentialsRefused("Odoo does not take the user's name and key")
            case {"result": int(number)} if answer.status == 200:
                context = {"lang": self._options.language} if self._options.language else {}
                return Session({}, context, number)
        raise ToolFailed(f"the log-in gave no account ({answer.status}); are database and base_url right?")

    def message(self, session: Session, call: Call) -> Any:
        """Return the call as `execute_kw` has it."""
        return self._message(session, call, self._options.password.reveal())

    def shown(self, call: Call) -> Any:
        """Return the call without the key."""
        return self._message(Session(), call, "***")

    def _message(self, session: Session, call: Call, key: str) -> Any:
        if not call.model:
            return _envelope("common", call.method, list(call.arguments))
        named = {**call.named, "context": {**session.context, **call.context}}
        who = [self._options.database, session.user, key]
        return _envelope("object", "execute_kw", [*who, call.model, call.method, [*call.arguments], named])

    def expired(self, answer: Answer) -> bool:
        """Return whether the account's number is to be asked for again: never, nothing runs out."""
        return False

    def result(self, operation: Operation, answer: Answer) -> Any:
        """Return a call's result.

        Raises:
            ToolRefused: The server says no, with its words.
            CredentialsRefused: The key was revoked.
            ToolFailed: It failed, and has rolled back.
            ToolUnsure: Of an operation that acts: the answer is none of Odoo's.
        """
        name = operation.name
        match answer.data:
            case {"error": {"data": {"name": str(kind), **told}}}:
                words = " ".join(str(told.get("message") or "").split())[:MAX_WORDS]
                if kind == DENIED:
                    raise CredentialsRefused(f"{name}: Odoo does not take our key any more")
                if kind in REFUSALS:
                    raise ToolRefused(f"{name}: Odoo refused: “{words or kind}”")
                raise ToolFailed(f"{name}: Odoo failed: “{kind[:80]}: {words}”")
            case {"error": _}:
                raise ToolFailed(f"{name}: Odoo failed and does not say why")
            case {"result": result}:
                return result
            case {"jsonrpc": "2.0", "id": _}:
                return None  # of a method that returns nothing, some versions leave the result out
        problem = f"{name}: the answer is none of Odoo's JSON-RPC"
        raise ToolUnsure(problem) if acts(operation) else ToolFailed(problem)

    def who(self, user: int) -> Call:
        """Return the call for the account's own record."""
        return self.read("res.users", [user], ["name", "lang", "company_id.display_name"])

    def me(self, result: Any) -> dict[str, Any]:
        """Return who we are."""
        (record,) = self.records(result)[:1] or ({},)
        company = record.get("company_id")
        return {
            "user": record.get("name"),
            "company": company.get("display_name") if isinstance(company, Mapping) else None,
            "language": record.get("lang"),
        }

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
        """Return a `web_search_read`, which takes related records along (Odoo 17 and later)."""
        named = {
            "domain": [_clause(*condition) for condition in conditions],
            "specification": _specification(paths),
            "offset": offset,
            "limit": limit,
            **({"order": f"{order} desc"} if order else {}),
        }
        return Call(model, "web_search_read", (), named)

    def read(self, model: str, ids: Sequence[int], paths: Sequence[str]) -> Call:
        """Return a `web_read`."""
        return Call(model, "web_read", ([*ids],), {"specification": _specification(paths)})

    def create(self, model: str, values: Mapping[str, Any]) -> Call:
        """Return a `create`."""
        return Call(model, "create", ([dict(values)],))

    def update(self, model: str, number: int, values: Mapping[str, Any], *, stamp: Any = None) -> Call:
        """Return a `write`."""
        return Call(model, "write", ([number], dict(values)))

    def delete(self, model: str, number: int) -> Call:
        """Return an `unlink`."""
        return Call(model, "unlink", ([number],))

    def call(self, model: str, method: str, ids: Sequence[int]) -> Call:
        """Return the call of a button."""
        return Call(model, method, ([*ids],))

    def records(self, result: Any, flags: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return records in plain JSON.

        Raises:
            ToolFailed: It is no list of records.
        """
        found = result.get("records") if isinstance(result, Mapping) else result
        if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
            raise ToolFailed("Odoo answered with something that is no list of records")
        return [_plain(one, "", flags, 0) for one in found]

    def stamp(self, record: Mapping[str, Any]) -> Any:
        """Return nothing: Odoo has no write that depends on a record's version."""
        return None

    def stamp_fields(self) -> Sequence[str]:
        """Return nothing."""
        return ()

    def sent(self, type: FieldType, value: Any) -> Any:
        """Return a value as Odoo takes it; raise ValueError if it is none."""
        if value is None:
            return False
        match type:
            case "datetime":
                return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
            case "decimal":
                number = Decimal(str(value))
                if not number.is_finite():
                    raise ValueError("no number")
                return float(number)
            case "links":
                return [[6, 0, list(value)]]
        return value

    def rows(self, rows: Sequence[Mapping[str, Any]]) -> Any:
        """Return new lines of a record: command 0 of Odoo's relations."""
        return [[0, 0, dict(row)] for row in rows]


def _envelope(service: str, method: str, arguments: list[Any]) -> dict[str, Any]:
    params = {"service": service, "method": method, "args": arguments}
    return {"jsonrpc": "2.0", "method": "call", "id": 0, "params": params}


def _clause(path: str, comparison: str, value: Any) -> list[Any]:
    match comparison:
        case "contains":
            return [path, "ilike", _escaped(value)]
        case "same":
            return [path, "=ilike", _escaped(value)]
    return [path, comparison, value]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")


def _specification(paths: Sequence[str]) -> dict[str, Any]:
    """Return which fields are wanted, as `web_read` has it: `{"partner_id": {"fields": {"name": {}}}}`."""
    wanted: dict[str, Any] = {}
    for path in paths:
        here = wanted
        *before, last = path.split(".")
        for step in before:
            here = here.setdefault(step, {}).setdefault("fields", {})
        here.setdefault(last, {})
    return wanted


def _plain(value: Any, path: str, flags: Collection[str], depth: int) -> Any:
    """Return a value whose `false` that stands for nothing is null."""
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, Mapping):
        return {key: _plain(one, f"{path}.{key}" if path else str(key), flags, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, path, flags, depth + 1) for one in value]
    return None if value is False and path not in flags else value
