"""The business systems of a running service: their tools, what became of calls, and how they do."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from ai_worker.app.chores import Chore, every
from ai_worker.app.parts import Role
from ai_worker.connectors.contract import Connector
from ai_worker.connectors.editing import Workbench
from ai_worker.connectors.folder import ConnectorsFolder
from ai_worker.connectors.health import Health
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.registry import ConnectorHub
from ai_worker.console.systems import SystemDesk
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.ops.health import Check
from ai_worker.ops.metrics import Metrics
from ai_worker.settings import Settings, edit
from ai_worker.settings.references import resolver
from ai_worker.skills.call_log import CallLog
from ai_worker.skills.calls import outcome_of
from ai_worker.skills.tool import Called
from ai_worker.storage.opening import Stores

LOOK_S = 2.0
"""How often is looked whether a connector's files have changed."""

KEEP_S = 1.0
"""How often what became of calls is put into the store."""

CHECK_S = 2.0
"""How often is looked whether a system is due for a check."""


@dataclass(frozen=True, slots=True)
class Systems:
    """The business systems as this process has them."""

    folder: ConnectorsFolder
    log: CallLog
    health: Health
    resolve: Callable[[str], str]
    parts: Parts
    opened: bool
    """Whether this process calls tools at all."""

    @property
    def toolbox(self) -> ConnectorHub | None:
        """Their tools; `None` in a process that calls none."""
        return self.hub if self.opened else None

    @property
    def hub(self) -> ConnectorHub:
        """Their tools."""
        return self.folder.hub

    def chores(self, role: Role | None) -> list[Chore]:
        """Return what keeps them up to date; only runners look at the systems themselves."""
        if not self.opened:
            return []
        chores: list[Chore] = [
            partial(every, LOOK_S, self.folder.look, "connectors.folder"),
            partial(every, KEEP_S, self.log.keep, "connectors.calls"),
        ]
        if role in (None, "runner"):
            chores.append(partial(every, CHECK_S, self.health.look, "connectors.health"))
        return chores

    def desk(self, settings: Settings, stores: Stores) -> SystemDesk:
        """Return what the console looks after them with."""
        beside = settings.file or settings.connectors_folder.parent / "ai-worker.toml"

        def keep_secret(connector_id: str, secret: str) -> str:
            return edit.keep_secret(beside, f"connector-{connector_id}", "secret", secret)

        bench = Workbench(settings.connectors_folder, self.resolve, self.parts)
        return SystemDesk(
            self.folder, self.health, stores.calls, bench=bench, keep_secret=keep_secret, clock=self.parts.clock
        )

    def checks(self) -> list[Check]:
        """Return how they do; what is wrong with one keeps no message out."""
        found = [
            Check(f"connector.{name}", ok=False, detail="its changed file is refused", required=False)
            for name in self.folder.problems
        ]
        for name in self.hub.ids():
            standing = self.health.standings.get(name)
            if standing is not None and name not in self.folder.problems:
                last = standing.last
                detail = "" if last.code == "ok" else last.code
                found.append(Check(f"connector.{name}", ok=last.code == "ok", detail=detail, required=False))
        return found


@asynccontextmanager
async def open_systems(
    settings: Settings,
    stores: Stores,
    metrics: Metrics,
    clock: Clock,
    more: Sequence[Connector],
    role: Role | None,
) -> AsyncIterator[Systems]:
    """Open the connectors that the folder describes, and `more`; none for an API alone that calls no tool.

    Raises:
        ConnectorRefused: A file or its contract cannot be used.
    """
    log = CallLog(stores.calls)

    def heard(called: Called) -> None:
        log.heard(called)
        metrics.connector_called(called.connector, outcome_of(called.code), called.ms / 1000)

    opened = role != "api" or bool(settings.api.mcp_tools)
    resolve = resolver(settings.connectors_folder.parent, os.environ)
    parts = Parts.kept_in(settings.data_dir, clock)
    folder = ConnectorsFolder(
        settings.connectors_folder if opened else None,
        resolve=resolve,
        parts=parts,
        more=more if opened else (),
        heard=heard,
    )
    health = Health(
        folder.hub.connectors,
        stores.calls,
        every_s=settings.connectors.check_every_s,
        clock=clock,
        drifted=folder.drifted,
    )
    await folder.hub.start()
    try:
        yield Systems(folder, log, health, resolve, parts, opened)
    finally:
        await folder.hub.close()
        try:
            await log.keep()
        except AiWorkerError:
            return  # the store is gone, and so is whatever is left to say
