"""How a contract differs from the one before."""

from dataclasses import dataclass

from ai_worker.connectors.operation import Contract


@dataclass(frozen=True, slots=True)
class Changes:
    """How a contract differs from the one before, by the names of its operations."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    same: bool
    """It is the same contract, byte by byte."""

    @classmethod
    def between(cls, former: Contract, now: Contract) -> "Changes":
        """Return what has changed."""
        was = {one.name: one for one in former.operations}
        new = {one.name: one for one in now.operations}
        return cls(
            tuple(name for name in new if name not in was),
            tuple(name for name in was if name not in new),
            tuple(name for name, one in new.items() if name in was and was[name] != one),
            former.sha256 == now.sha256,
        )
