"""The business systems, as the console shows and changes them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from ai_worker.connectors.adding import asked
from ai_worker.connectors.connection import Connection
from ai_worker.connectors.contract import Connector, NoSuchConnector
from ai_worker.connectors.draft import Draft
from ai_worker.connectors.editing import Workbench
from ai_worker.connectors.folder import ConnectorsFolder
from ai_worker.connectors.health import Health
from ai_worker.console.system_cards import (
    CallRow,
    Card,
    ToolRow,
    call_row,
    credentials_of,
    fix_of,
    name_of,
    state_of,
    tool_row,
)
from ai_worker.console.words import Words
from ai_worker.foundation.clock import Clock
from ai_worker.skills.calls import NO_CALLS, CallStore, CallSums, Checked, Standing
from ai_worker.skills.tool import Tool

SUMS_S = 10.0
"""For so long the sums of calls are used again: every open page asks for them every few seconds."""

A_DAY = timedelta(days=1)


class SystemDesk:
    """Looks after the business systems."""

    def __init__(
        self,
        folder: ConnectorsFolder,
        health: Health,
        calls: CallStore,
        *,
        bench: Workbench,
        keep_secret: Callable[[str, str], str],
        clock: Clock,
    ) -> None:
        """Prepare.

        Args:
            folder: Holds the connectors of this process.
            health: Looks whether a system is there.
            calls: Knows what became of calls and checks.
            bench: Changes the connectors folder.
            keep_secret: Puts a connector's secret into a file, and returns the reference to it.
            clock: Tells the time.
        """
        self.folder, self.bench = folder, bench
        self._health, self._calls, self._clock = health, calls, clock
        self._keep_secret = keep_secret
        self._sums: tuple[float, Mapping[str, CallSums]] | None = None

    async def cards(self, t: Words) -> list[Card]:
        """Return every system: those that work, and those whose files are switched off or refused."""
        sums, standings = await self._summed(), await self._calls.standings()
        ids = [*self.folder.hub.ids(), *self.folder.problems, *self.folder.switched_off]
        return [self._card(t, one, sums, standings) for one in dict.fromkeys(ids)]

    async def card(self, t: Words, connector_id: str) -> Card:
        """Return one system.

        Raises:
            NoSuchConnector: There is none of this id.
        """
        found = next((card for card in await self.cards(t) if card.id == connector_id), None)
        if found is None:
            raise NoSuchConnector(f"there is no connector {connector_id!r}")
        return found

    def connector(self, connector_id: str) -> Connector:
        """Return one that is in use.

        Raises:
            NoSuchConnector: There is none of this id.
        """
        found = self.folder.hub.get(connector_id)
        if found is None:
            raise NoSuchConnector(f"no connector {connector_id!r} is in use")
        return found

    def tool(self, connector_id: str, name: str) -> Tool:
        """Return one tool of a connector that is in use.

        Raises:
            NoSuchConnector: There is none.
        """
        for tool in self.connector(connector_id).tools():
            if tool.name == name:
                return tool
        raise NoSuchConnector(f"{connector_id!r} offers no tool {name!r}")

    def tools(self, connector_id: str) -> list[ToolRow]:
        """Return what a connector offers; nothing where it is not in use."""
        found = self.folder.hub.get(connector_id)
        return [tool_row(tool) for tool in found.tools()] if found is not None else []

    async def history(self, connector_id: str, limit: int) -> Sequence[CallRow]:
        """Return the latest calls, the newest first."""
        return [call_row(called) for called in await self._calls.latest(connector_id, limit=limit)]

    async def check(self, connector_id: str) -> Checked:
        """Look now whether a system is there.

        Raises:
            NoSuchConnector: There is none of this id.
            NoCheck: There is nothing harmless to call.
        """
        return await self._health.check(self.connector(connector_id))

    async def switch(self, connector_id: str, *, enabled: bool) -> None:
        """Switch a connector on or off; it is in effect when this returns.

        Raises:
            NoSuchConnector: No file describes it.
            ConnectorRefused: It cannot be used as it is.
        """
        await asyncio.to_thread(self.bench.enable, self._file(connector_id), enabled=enabled)
        await self.folder.look()

    async def remove(self, connector_id: str) -> None:
        """Move a connector into the trash.

        Raises:
            NoSuchConnector: No file describes it.
        """
        await asyncio.to_thread(self.bench.remove, self._file(connector_id), now=self._clock.now())
        await self.folder.look()

    async def restore(self, connector_id: str) -> None:
        """Bring back what was removed last under this id.

        Raises:
            NothingRemoved: There is none.
            ConnectorExists: There is another one by now.
        """
        await asyncio.to_thread(self.bench.restore, connector_id)
        await self.folder.look()

    async def ask(self, draft: Draft, *, into: Path) -> Path:
        """Ask a running system for its contract; see `adding.asked`."""
        return await asked(draft, self.bench.resolve, self.bench.parts, into=into)

    async def install(
        self, draft: Draft, contract: Path | None, *, secret: str, language: str, option: str = ""
    ) -> None:
        """Connect a new system; it is in use when this returns.

        Args:
            draft: What it is.
            contract: Its contract; `None`: it needs none.
            secret: One that is put into a file; empty: there is none.
            language: Of the comments in its file.
            option: The option that the secret is for; empty: it is for `[auth]`.

        Raises:
            ConnectorRefused: It cannot be used; nothing was written.
            ConnectorExists: There is one of this id.
        """

        def work() -> None:
            self.bench.vacant(draft.id)
            made = draft.with_secret(self._keep_secret(draft.id, secret), option) if secret else draft
            self.bench.install(made, contract, language=language)

        await asyncio.to_thread(work)
        await self.folder.look()

    async def _summed(self) -> Mapping[str, CallSums]:
        now = self._clock.monotonic()
        if self._sums is None or now - self._sums[0] >= SUMS_S:
            self._sums = now, await self._calls.sums(self._clock.now() - A_DAY)
        return self._sums[1]

    def _file(self, connector_id: str) -> Path:
        file = self.folder.file_of(connector_id)
        if file is None:
            raise NoSuchConnector(f"no file describes a connector {connector_id!r}")
        return file

    def _card(
        self, t: Words, connector_id: str, sums: Mapping[str, CallSums], standings: Mapping[str, Standing]
    ) -> Card:
        used, off = self.folder.hub.get(connector_id), self.folder.switched_off.get(connector_id)
        refused, standing = self.folder.problems.get(connector_id), standings.get(connector_id)
        settings = off.settings if off is not None else used.settings if isinstance(used, Connection) else None
        tools = used.tools() if used is not None else ()
        error, code, fix = "", "", ""
        if refused is not None:
            error, code = str(refused), refused.code
            fix = t("connectors.fix_file_kept" if used is not None else "connectors.fix_file")
        elif standing is not None and standing.last.code != "ok" and off is None:
            error, code = standing.last.detail, standing.last.code
            fix = fix_of(t, standing.last)
        return Card(
            id=connector_id,
            name=name_of(t, settings) if settings is not None else connector_id,
            kind=settings.kind if settings is not None else "",
            state=state_of(standing, refused=refused is not None, off=off is not None),
            tools=len(tools),
            writes=sum(tool.acts for tool in tools),
            sums=sums.get(connector_id, NO_CALLS),
            standing=standing,
            error=error,
            code=code,
            fix=fix,
            address=settings.base_url or "" if settings is not None else "",
            credentials=credentials_of(settings) if settings is not None else (),
            file=self.folder.file_of(connector_id),
        )
