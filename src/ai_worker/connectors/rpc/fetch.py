"""Which models and fields a connection needs to know, and how they are asked for one after the other."""

from collections.abc import Awaitable, Callable

from ai_worker.connectors.kind import Parts
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.rpc.exchange import Exchange
from ai_worker.connectors.rpc.options import RpcOptions
from ai_worker.connectors.rpc.snapshot import Model, Snapshot, written
from ai_worker.connectors.rpc.system import System
from ai_worker.connectors.settings import ConnectorSettings
from ai_worker.skills.tool import ToolFailed

MAX_MODELS = 500

READING = Operation("read_contract", "GET", "/", "", "", {"type": "object"}, "read", transport="rpc")
"""What the calls of a snapshot are made for; its name stands in errors."""

Describe = Callable[[Exchange, str], Awaitable[Model]]
"""Returns one model as the system has it. Raises ToolFailed."""


async def snapshot_of(
    kind: str,
    version: Callable[[Exchange], Awaitable[str]],
    describe: Describe,
    *,
    system: System,
    settings: ConnectorSettings,
    options: RpcOptions,
    parts: Parts,
) -> bytes:
    """Return the snapshot of all models that the options name, and of those that their fields lead to.

    Of a model that is only passed through, the fields that are named are kept and no others.

    Raises:
        ToolFailed: The system cannot be reached, does not take our credentials, or has no such model or field.
    """
    exchange = Exchange("contract", settings.profile(), system, clock=parts.clock, resolver=parts.resolver)
    await exchange.start()
    try:
        known: dict[str, Model] = {}

        async def model(name: str) -> Model:
            if name not in known:
                if len(known) >= MAX_MODELS:
                    raise ToolFailed(f"the options lead to more than {MAX_MODELS} models")
                known[name] = await describe(exchange, name)
            return known[name]

        used: dict[str, set[str]] = {}
        for name in options.models:
            await model(name)
        for name, path in options.paths():
            await _walk(model, used, name, path)
        whole = set(options.models)
        whole |= {change.model for change in options.changes.values() if change.call}
        kept = {name: one if name in whole else _only(one, used.get(name, set())) for name, one in known.items()}
        return written(Snapshot(kind, await version(exchange), kept))
    finally:
        await exchange.close()


async def _walk(model: Callable[[str], Awaitable[Model]], used: dict[str, set[str]], name: str, path: str) -> None:
    for step in path.split("."):
        field = (await model(name)).fields.get(step)
        if field is None:
            raise ToolFailed(f"{name} has no field {step!r}, which the options name")
        used.setdefault(name, set()).add(step)
        name = field.relation or name


def _only(model: Model, fields: set[str]) -> Model:
    return Model({name: model.fields[name] for name in sorted(fields)}, model.title, model.may)
