"""Asking a running system for its contract, and whether it is another one by now."""

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path

from ai_worker.connectors.kind import Parts
from ai_worker.connectors.operation import ContractRefused, ContractTooLarge
from ai_worker.connectors.registry import Described
from ai_worker.skills.tool import ToolFailed


async def fetched(described: Described, parts: Parts, *, into: Path) -> Path:
    """Ask a running system for its contract, and return the file that it was put into.

    Raises:
        ToolFailed: The system is not there, or does not take our credentials.
        ValueError: Systems of this kind cannot be asked.
    """
    if described.kind.fetch is None:
        raise ValueError(f"a system of kind {described.kind.name!r} cannot be asked for its contract")
    parts = replace(parts, connection=described.id)
    content = await described.kind.fetch(described.settings, described.options, parts)
    file = into / (Path(described.settings.contract).name or "contract")
    await asyncio.to_thread(file.write_bytes, content)
    return file


async def drifted(described: Described, sha256: str, parts: Parts) -> bool | None:
    """Return whether a running system's contract differs from the one in use; `None`: it cannot be told.

    What was never fetched has nothing to differ from: named queries need no contract.
    """
    if described.kind.fetch is None or not described.settings.contract:
        return None
    with tempfile.TemporaryDirectory(prefix="ai-worker-") as folder:
        try:
            file = await fetched(described, parts, into=Path(folder))
            now = await asyncio.to_thread(described.kind.compile, file, described.options)
        except (ToolFailed, ContractRefused, ContractTooLarge):
            return None
    return now.sha256 != sha256
