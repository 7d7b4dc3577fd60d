"""What the connector commands share: the folder of this installation, and one connector of it."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ai_worker.cli.invocation import Invocation, both
from ai_worker.connectors.contract import NoSuchConnector

if TYPE_CHECKING:
    from ai_worker.connectors.connection import Connection
    from ai_worker.connectors.editing import Workbench
    from ai_worker.connectors.kind import Parts
    from ai_worker.connectors.registry import Described

Id = Annotated[str, typer.Argument(metavar="ID", help=both("连接器的 ID", "The connector's id"), show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help=both("不再确认", "Do not ask"))]

RISKS: Mapping[str, tuple[str, str]] = {
    "read": ("只读", "reads"),
    "write-reversible": ("可撤销的写", "writes that can be undone"),
    "write-irreversible": ("不可撤销的写", "writes that cannot be undone"),
    "money": ("涉及钱", "money"),
    "admin": ("涉及权限和系统", "administration"),
}

APPROVERS: Mapping[str, tuple[str, str]] = {
    "nobody": ("不用批准", "nobody"),
    "asker": ("提出的人", "whoever asked"),
    "colleague": ("另一位同事", "a colleague"),
    "never": ("不许", "never allowed"),
}


@dataclass(frozen=True, slots=True)
class Site:
    """The connectors folder of the installation that the settings describe."""

    root: Path
    resolve: Callable[[str], str]
    parts: "Parts"

    @classmethod
    def of(cls, invocation: Invocation) -> "Site":
        """Return that of the settings."""
        from ai_worker.connectors.kind import Parts
        from ai_worker.foundation.clock import SystemClock
        from ai_worker.settings.references import resolver

        root = invocation.settings().connectors_folder
        parts = Parts.kept_in(invocation.settings().data_dir, SystemClock())
        return cls(root, resolver(root.parent, invocation.environ), parts)

    @property
    def bench(self) -> "Workbench":
        """What changes the folder."""
        from ai_worker.connectors.editing import Workbench

        return Workbench(self.root, self.resolve, self.parts)

    def files(self) -> dict[str, Path]:
        """Return the files that describe connectors, by id."""
        from ai_worker.connectors.registry import connector_files

        found = connector_files(self.root)
        return {file.parent.name if file.name == "connector.toml" else file.stem: file for file in found}

    def file_of(self, connector_id: str) -> Path:
        """Return the file that describes one connector.

        Raises:
            NoSuchConnector: None does.
        """
        file = self.files().get(connector_id)
        if file is None:
            raise NoSuchConnector(f"{self.root} describes no connector {connector_id!r}")
        return file

    def described(self, connector_id: str) -> "Described":
        """Return what one connector's file says.

        Raises:
            NoSuchConnector: None describes it.
            ConnectorRefused: It cannot be used.
        """
        from ai_worker.connectors.registry import describe

        return describe(self.file_of(connector_id), self.resolve)

    def connection(self, connector_id: str) -> "Connection":
        """Return one connector, also one that is switched off; it is not started.

        Raises:
            NoSuchConnector: None describes it.
            ConnectorRefused: It cannot be used.
        """
        from ai_worker.connectors.registry import connect

        return connect(self.described(connector_id), self.parts)


@asynccontextmanager
async def opened(connection: "Connection") -> AsyncIterator["Connection"]:
    """Open a connector until the block ends."""
    await connection.start()
    try:
        yield connection
    finally:
        await connection.close()


def tool_in_json(tool: Any) -> dict[str, Any]:
    """Return what is said of a tool in JSON."""
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "risk": tool.risk,
        "acts": tool.acts,
        "approved_by": "nobody" if not tool.acts or tool.unattended else tool.approved_by,
        "arguments": tool.parameters,
        "verb": tool.verb.name if tool.verb is not None else None,
    }


def fault_of(invocation: Invocation, code: str, detail: str, fix: str) -> list[str]:
    """Return what a failed check is told in, line by line: in words first, then what was seen, then what to do."""
    from ai_worker.foundation.wording import tell

    told = tell(code, detail, invocation.language, hint=fix)
    return [told.words, *([f"  {told.detail}"] if told.detail else []), f"  → {told.hint}"]


def check_in_json(standing: Any) -> dict[str, Any] | None:
    """Return what is said of a connector's last check in JSON; `None` if it was never looked at. Times are UTC."""
    if standing is None:
        return None
    last, error = standing.last, standing.error
    return {
        "ok": last.code == "ok",
        "code": last.code,
        "detail": last.detail,
        "fix": last.fix,
        "ms": last.ms,
        "at": last.at.isoformat(),
        "good_at": standing.good_at.isoformat() if standing.good_at else None,
        "drift": last.drift,
        "last_error": {"at": error.at.isoformat(), "code": error.code, "detail": error.detail} if error else None,
    }
