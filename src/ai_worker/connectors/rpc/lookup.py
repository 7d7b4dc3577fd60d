"""Find records by what people know of them, and answer the fields that were asked for."""

from collections.abc import Mapping, Sequence
from typing import Any

from ai_worker.connectors.operation import Operation
from ai_worker.connectors.rpc.exchange import Exchange
from ai_worker.connectors.rpc.system import Call, Condition, System
from ai_worker.connectors.rpc.values import sent
from ai_worker.skills.tool import ToolRefused

LOOKED_AT = 5
"""Records that may fit one number: with upper and lower case taken for the same there can be several."""


def search_of(system: System, operation: Operation, arguments: Mapping[str, Any], *, more: Sequence[str] = ()) -> Call:
    """Return the call that finds the records of a lookup or a change.

    Args:
        system: Which is asked.
        operation: The lookup or the change.
        arguments: With the number.
        more: Fields that are read besides those that are answered.
    """
    extra = operation.extra
    conditions: list[Condition] = []
    for argument, (path, type) in extra["by"].items():
        same = extra["ignore_case"] and type == "text"
        value = sent(system, operation, argument, type, arguments[argument])
        conditions.append((path, "same" if same else "=", value))
    paths = [*extra["fields"], *(path for path, _ in extra["by"].values()), *more]
    return system.search(
        extra["model"],
        conditions,
        list(dict.fromkeys(paths)),
        offset=0,
        limit=extra["limit"] if extra["many"] else LOOKED_AT,
        order=extra["order"],
    )


async def find(system: System, exchange: Exchange, operation: Operation, arguments: Mapping[str, Any]) -> Any:
    """Return what is answered of the record, or of many the list of them.

    Raises:
        ToolRefused: There is no such record, or there are several.
        ToolFailed: The system failed or could not be reached.
    """
    result = await exchange.ask(operation, search_of(system, operation, arguments), acts=False)
    records = fitting(operation, arguments, system.records(result, operation.extra["flags"]))
    if operation.extra["many"]:
        return [picked(record, operation.extra["fields"]) for record in records]
    return picked(only_one(operation, arguments, records), operation.extra["fields"])


def only_one(operation: Operation, arguments: Mapping[str, Any], records: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the record that is meant.

    Raises:
        ToolRefused: There is none, or there are several.
    """
    named = ", ".join(f"{argument}={str(arguments[argument])[:80]}" for argument in operation.extra["by"])
    if not records:
        raise ToolRefused(f"{operation.name}: there is no record with {named}")
    if len(records) > 1:
        exact = [record for record in records if _is(operation, arguments, record, exactly=True)]
        if len(exact) != 1:
            raise ToolRefused(f"{operation.name}: several records have {named}")
        return exact[0]
    return records[0]


def fitting(
    operation: Operation, arguments: Mapping[str, Any], records: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the records that have what was asked for: a system that answers with others is not believed."""
    return [record for record in records if _is(operation, arguments, record, exactly=False)]


def _is(operation: Operation, arguments: Mapping[str, Any], record: Mapping[str, Any], *, exactly: bool) -> bool:
    for argument, (path, type) in operation.extra["by"].items():
        value: Any = record
        for name in path.split("."):
            value = value.get(name) if isinstance(value, Mapping) else value
        if type != "text" or isinstance(value, list):
            continue
        wanted, has = str(arguments[argument]), str(value)
        folded = operation.extra["ignore_case"] and not exactly
        if (wanted.casefold() != has.casefold()) if folded else (wanted != has):
            return False
    return True


def picked(record: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """Return these fields of a record and no others, nested as their names are; what is not there is null."""
    inner: dict[str, list[str]] = {}
    for path in paths:
        first, _, rest = path.partition(".")
        inner.setdefault(first, []).extend([rest] if rest else [])
    result: dict[str, Any] = {}
    for first, rests in inner.items():
        value = record.get(first)
        if rests and isinstance(value, Mapping):
            value = picked(value, rests)
        elif rests and isinstance(value, list):
            value = [picked(one, rests) for one in value if isinstance(one, Mapping)]
        elif rests:
            value = None
        result[first] = value
    return result
