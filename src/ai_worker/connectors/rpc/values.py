"""Values on their way to a system."""

from typing import Any

from ai_worker.connectors.contract import ArgumentsRefused
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.rpc.snapshot import FieldType
from ai_worker.connectors.rpc.system import System


def sent(system: System, operation: Operation, name: str, type: FieldType, value: Any) -> Any:
    """Return a value as the system takes it for a field of this type.

    Raises:
        ArgumentsRefused: It is no such value.
    """
    try:
        return system.sent(type, value)
    except (ValueError, TypeError, ArithmeticError):
        raise ArgumentsRefused(f"{operation.name}: {name!r} is no value for a field of type {type}") from None
