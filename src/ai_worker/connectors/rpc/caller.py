"""Carry out operations on models: check, ask, mask."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ai_worker.connectors.answers import clipped, masked
from ai_worker.connectors.arguments import ArgumentChecks
from ai_worker.connectors.contract import Answer, ArgumentsRefused, Preview
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.profile import Profile
from ai_worker.connectors.rpc.change import carry_out, planned
from ai_worker.connectors.rpc.compile import DEFAULT_LIMIT
from ai_worker.connectors.rpc.exchange import Exchange
from ai_worker.connectors.rpc.lookup import find, picked, search_of
from ai_worker.connectors.rpc.snapshot import FieldType
from ai_worker.connectors.rpc.system import Call, Condition, System
from ai_worker.connectors.rpc.values import sent
from ai_worker.skills.tool import Asker, ToolFailed


class RpcCaller:
    """Calls one system of models for one connection."""

    def __init__(self, connection: str, profile: Profile, system: System, parts: Parts) -> None:
        """Prepare the connection; nobody is called."""
        self._profile, self._system = profile, system
        self._checks = ArgumentChecks()
        self._exchange = Exchange(connection, profile, system, clock=parts.clock, resolver=parts.resolver)

    async def start(self) -> None:
        """Open the connection pool; calls nobody."""
        await self._exchange.start()

    async def close(self) -> None:
        """Close the pool; calls in flight fail."""
        await self._exchange.close()

    def preview(self, operation: Operation, arguments: Mapping[str, Any]) -> Preview:
        """Return what a call would send; of one in several steps the first, and what it writes then.

        Raises:
            ArgumentsRefused: The arguments do not fit.
        """
        checked = self._checks.checked(operation, arguments)
        extra = operation.extra
        match extra["do"]:
            case "who":
                shown: Any = self._system.shown(self._system.who(0))
            case "lookup" | "change":
                shown = self._system.shown(search_of(self._system, operation, checked))
                if extra["do"] == "change":
                    shown = {"first": shown, "then": planned(extra, checked)}
            case _:
                shown = self._system.shown(self._call(operation, checked))
        body = json.dumps(shown, ensure_ascii=False, indent=2)
        return Preview("POST", f"{self._profile.base_url}{self._system.path}", {}, body)

    async def call(
        self,
        operation: Operation,
        arguments: Mapping[str, Any],
        *,
        idempotency_key: str = "",
        asker: Asker | None = None,
    ) -> Answer:
        """Carry out an operation once.

        Raises:
            ToolRefused: The system says no; also where it says so with a status of 200.
            ArgumentsRefused: The arguments do not fit; nothing was sent.
            ToolUnsure: Of an operation that acts: it may have been done, in whole or in part.
            ToolFailed: The system failed, could not be reached or is left alone; nothing was changed.
        """
        data, notes = await self._carried_out(operation, self._checks.checked(operation, arguments))
        data, cut = clipped(masked(data, self._profile.masked), self._profile.max_characters)
        return Answer(200, data, notes=(*notes, *([cut] if cut else [])))

    async def _carried_out(self, operation: Operation, arguments: Mapping[str, Any]) -> tuple[Any, Sequence[str]]:
        extra, system, exchange = operation.extra, self._system, self._exchange
        match extra["do"]:
            case "who":
                told = await exchange.ask(operation, system.who(await exchange.user()), acts=False)
                return system.me(told), ()
            case "lookup":
                return await find(system, exchange, operation, arguments), ()
            case "change":
                return await carry_out(system, exchange, operation, arguments)
            case "search" | "read":
                result = await exchange.ask(operation, self._call(operation, arguments), acts=False)
                paths = self._fields(operation, arguments)
                records = [picked(record, ["id", *paths]) for record in system.records(result, extra["flags"])]
                return records, self._more(operation, arguments, records)
            case "create":
                result = await exchange.ask(operation, self._call(operation, arguments), acts=True)
                return {"id": result[0] if isinstance(result, list) and result else result}, ()
            case _:
                await exchange.ask(operation, self._call(operation, arguments), acts=True)
                return {"done": True, **{key: arguments[key] for key in ("id", "ids") if key in arguments}}, ()

    def _more(
        self, operation: Operation, arguments: Mapping[str, Any], records: Sequence[Mapping[str, Any]]
    ) -> Sequence[str]:
        if operation.extra["do"] != "search" or len(records) < arguments.get("limit", DEFAULT_LIMIT):
            return ()
        return (f"there may be more: ask again with offset {arguments.get('offset', 0) + len(records)}",)

    def _call(self, operation: Operation, arguments: Mapping[str, Any]) -> Call:
        """Return the one call that an operation on a model is."""
        extra, system = operation.extra, self._system
        model: str = extra["model"]
        match extra["do"]:
            case "search":
                return system.search(
                    model,
                    [self._condition(operation, one) for one in arguments.get("where", ())],
                    self._fields(operation, arguments),
                    offset=arguments.get("offset", 0),
                    limit=arguments.get("limit", DEFAULT_LIMIT),
                    order="id" if arguments.get("newest_first") else None,
                )
            case "read":
                return system.read(model, arguments["ids"], self._fields(operation, arguments))
            case "create":
                return system.create(model, self._values(operation, arguments))
            case "update":
                values = {name: value for name, value in arguments.items() if name != "id"}
                if not values:
                    raise ArgumentsRefused(f"{operation.name}: nothing is to be changed")
                return system.update(model, arguments["id"], self._values(operation, values))
            case "delete":
                return system.delete(model, arguments["id"])
            case "call":
                return system.call(model, extra["method"], arguments["ids"])
        raise ToolFailed(f"{operation.name}: nobody knows how to {extra['do']}")

    def _values(self, operation: Operation, arguments: Mapping[str, Any]) -> dict[str, Any]:
        types, rows = operation.extra["types"], operation.extra.get("rows", {})
        values = {}
        for name, value in arguments.items():
            if name in rows:
                values[name] = self._system.rows([self._typed(operation, rows[name], one) for one in value])
            else:
                values[name] = sent(self._system, operation, name, types[name], value)
        return values

    def _typed(self, operation: Operation, types: Mapping[str, FieldType], row: Mapping[str, Any]) -> dict[str, Any]:
        return {name: sent(self._system, operation, name, types[name], value) for name, value in row.items()}

    def _fields(self, operation: Operation, arguments: Mapping[str, Any]) -> list[str]:
        fields: list[str] = arguments.get("fields") or operation.extra["fields"]
        if unknown := [name for name in fields if name not in operation.extra["types"]]:
            raise ArgumentsRefused(f"{operation.name}: there is no field {unknown[0][:80]!r}")
        return fields

    def _condition(self, operation: Operation, given: Mapping[str, Any]) -> Condition:
        name, comparison, value = given["field"], given["is"], given["value"]
        kind = operation.extra["types"][name]
        # What nobody gets to see must not be found out by asking for it either.
        if name in self._profile.masked:
            raise ArgumentsRefused(f"{operation.name}: {name!r} is masked, and nothing is found by it")
        if (comparison == "in") is not isinstance(value, list) or isinstance(value, dict):
            raise ArgumentsRefused(f"{operation.name}: a list of values goes with `in`, and one value with all else")
        if comparison == "contains" and not (isinstance(value, str) and kind in ("text", "choice")):
            raise ArgumentsRefused(f"{operation.name}: `contains` goes with text")
        if comparison == "in":
            return name, comparison, [self._compared(operation, name, kind, one) for one in value]
        return name, comparison, self._compared(operation, name, kind, value)

    def _compared(self, operation: Operation, name: str, kind: FieldType, value: Any) -> Any:
        if kind not in ("one", "rows", "links"):
            return sent(self._system, operation, name, kind, value)
        # With text these systems would search the names of the other records, which may be masked.
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise ArgumentsRefused(f"{operation.name}: {name!r} leads to other records and is compared with an id")
        return value
