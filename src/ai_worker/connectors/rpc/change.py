"""Change one record that people know by its number: find it, look whether it may be, write it, read it again."""

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from ai_worker.connectors.operation import Operation
from ai_worker.connectors.rpc.exchange import Exchange
from ai_worker.connectors.rpc.lookup import fitting, only_one, picked, search_of
from ai_worker.connectors.rpc.system import Condition, System
from ai_worker.connectors.rpc.values import sent
from ai_worker.skills.tool import ToolFailed, ToolRefused, ToolUnsure

log = structlog.get_logger(__name__)

Made = list[tuple[str, int]]
"""Records that were made for a change: model and number."""


async def carry_out(
    system: System, exchange: Exchange, operation: Operation, arguments: Mapping[str, Any]
) -> tuple[dict[str, Any], Sequence[str]]:
    """Change the record once, and return what it is like afterwards, with notes.

    Raises:
        ToolRefused: There is no such record, it may not be changed, or the system says no; nothing was changed.
        ToolUnsure: It may have been changed, in whole or in part.
        ToolFailed: The system failed or could not be reached; nothing was changed.
    """
    extra = operation.extra
    record = await _found(system, exchange, operation, arguments)
    number = _number(operation, record)
    made: Made = []
    try:
        values = await _values(system, exchange, operation, arguments, record, made)
        if values:
            update = system.update(extra["model"], number, values, stamp=system.stamp(record))
            await exchange.ask(operation, update, acts=True)
    except ToolUnsure:
        raise
    except ToolFailed:
        await _undo(system, exchange, operation, made)
        raise
    if extra["call"]:
        try:
            await exchange.ask(operation, system.call(extra["model"], extra["call"], [number]), acts=True)
        except ToolFailed as error:
            if not values or isinstance(error, ToolUnsure):
                raise
            raise ToolUnsure(f"{error}; its fields were written before") from None
    return await _read_again(system, exchange, operation, record, number)


async def _found(
    system: System, exchange: Exchange, operation: Operation, arguments: Mapping[str, Any]
) -> dict[str, Any]:
    extra = operation.extra
    owned = [source["record"] for source in _sources(extra["set"]) if "record" in source]
    search = search_of(system, operation, arguments, more=[*extra["only"], *owned, *system.stamp_fields()])
    records = system.records(await exchange.ask(operation, search, acts=False), extra["flags"])
    record = only_one(operation, arguments, fitting(operation, arguments, records))
    for name, allowed in extra["only"].items():
        if (value := record.get(name)) not in allowed:
            words = ", ".join(map(str, allowed))
            raise ToolRefused(f"{operation.name}: {name} is “{value}”; it is changed only while it is {words}")
    return record


def _number(operation: Operation, record: Mapping[str, Any]) -> int:
    number = record.get("id")
    if not isinstance(number, int):
        raise ToolFailed(f"{operation.name}: the system answered with a record that has no id")
    return number


def _sources(plans: Mapping[str, Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    inner = [one for plan in plans.values() for one in plan.get("values", {}).values()]
    return [*plans.values(), *inner]


async def _values(
    system: System,
    exchange: Exchange,
    operation: Operation,
    arguments: Mapping[str, Any],
    record: Mapping[str, Any],
    made: Made,
) -> dict[str, Any]:
    """Return what is written; records that are made for it are put into `made`."""
    values = {}
    for name, plan in operation.extra["set"].items():
        if "create" in plan:
            fields = _plain(system, operation, arguments, record, plan["values"])
            values[name] = await _with(system, exchange, operation, plan["create"], fields, made)
        else:
            values.update(_plain(system, operation, arguments, record, {name: plan}))
    return values


def _plain(
    system: System,
    operation: Operation,
    arguments: Mapping[str, Any],
    record: Mapping[str, Any],
    plans: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    values = {}
    for name, plan in plans.items():
        if "record" in plan:
            own = record.get(plan["record"])
            values[name] = own.get("id") if isinstance(own, Mapping) else own
        elif "argument" not in plan:
            values[name] = sent(system, operation, name, plan["type"], plan["value"])
        elif plan["argument"] in arguments:
            values[name] = sent(system, operation, name, plan["type"], arguments[plan["argument"]])
    return values


async def _with(
    system: System, exchange: Exchange, operation: Operation, model: str, values: Mapping[str, Any], made: Made
) -> int:
    """Return the number of a record with these values: one that is there, or a new one."""
    conditions: list[Condition] = [(name, "=", value) for name, value in values.items()]
    search = system.search(model, conditions, ["id"], offset=0, limit=1, order="id")
    for record in system.records(await exchange.ask(operation, search, acts=False)):
        return _number(operation, record)
    result = await exchange.ask(operation, system.create(model, values), acts=True)
    number = result[0] if isinstance(result, list) and result else result
    if not isinstance(number, int):
        raise ToolUnsure(f"{operation.name}: the system does not say which {model} it has made")
    made.append((model, number))
    return number


async def _undo(system: System, exchange: Exchange, operation: Operation, made: Made) -> None:
    """Delete what was made for a change that did not come about."""
    for model, number in made:
        try:
            await exchange.ask(operation, system.delete(model, number), acts=True)
        except ToolFailed as error:
            log.warning("connector.left_behind", operation=operation.name, model=model, number=number)
            raise ToolUnsure(f"{operation.name}: not done, and the new {model} {number} was left behind") from error


async def _read_again(
    system: System, exchange: Exchange, operation: Operation, record: Mapping[str, Any], number: int
) -> tuple[dict[str, Any], Sequence[str]]:
    paths = operation.extra["fields"]
    try:
        read = system.read(operation.extra["model"], [number], paths)
        records = system.records(await exchange.ask(operation, read, acts=False), operation.extra["flags"])
        return picked(records[0], paths), ()
    except (ToolFailed, IndexError):
        # It is done; that it cannot be shown must not look as if it were not.
        by = [path for path, _ in operation.extra["by"].values()]
        return picked(record, by), ("done; what it is like now could not be read",)


def planned(extra: Mapping[str, Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a change will write and call, for people to look at."""

    def shown(plan: Mapping[str, Any]) -> Any:
        if "create" in plan:
            return {"model": plan["create"], **{name: shown(one) for name, one in plan["values"].items()}}
        if "record" in plan:
            return f"({plan['record']} of the record)"
        return plan["value"] if "value" in plan else arguments.get(plan["argument"], "(stays)")

    writes = {"write": {name: shown(plan) for name, plan in extra["set"].items()}} if extra["set"] else {}
    return {**writes, **({"call": extra["call"]} if extra["call"] else {})}
