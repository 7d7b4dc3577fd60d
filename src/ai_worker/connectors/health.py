"""Whether the business systems are there: looked at on a schedule, and whenever somebody asks."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zlib import crc32

import structlog

from ai_worker.connectors.connection import NoCheck
from ai_worker.connectors.contract import Announces, Connector
from ai_worker.foundation.clock import Clock
from ai_worker.skills.calls import CallStore, Checked, Standing
from ai_worker.skills.tool import ToolFailed

log = structlog.get_logger(__name__)

AT_ONCE = 8
"""Systems that are looked at together."""

SPREAD = 0.1
"""Of the time between two looks: so much earlier or later, so that not all systems are called at one moment."""


COMPARED = timedelta(days=1)
"""So often a system that can be asked for its contract is."""

ANNOUNCED = timedelta(minutes=10)
"""So often at most, where the system keeps saying that it has changed."""


async def check(connector: Connector, clock: Clock) -> Checked:
    """Call something harmless, and return what came of it.

    Raises:
        NoCheck: There is nothing harmless to call.
    """
    began = clock.monotonic()
    try:
        code, detail, fix = "ok", await connector.check(), ""
    except NoCheck:
        raise
    except ToolFailed as failed:
        code, detail, fix = failed.code, str(failed), failed.hint or ""
    except Exception as error:  # a defect of one kind of connector ends nothing else
        log.exception("connectors.check_broken", connector=connector.id)
        code, detail, fix = "internal", type(error).__name__, ""
    ms = (clock.monotonic() - began) * 1000
    return Checked(connector.id, clock.now(), code, detail, fix, round(ms, 1))


class Health:
    """Looks at every connector from time to time."""

    def __init__(
        self,
        connectors: Callable[[], Sequence[Connector]],
        store: CallStore,
        *,
        every_s: float,
        clock: Clock,
        drifted: Callable[[str], Awaitable[bool | None]] | None = None,
    ) -> None:
        """Prepare.

        Args:
            connectors: Returns those that there are now.
            store: Keeps what was seen, for every process; who finds that another has just looked does not.
            every_s: Seconds between two looks at one system; 0: none is looked at.
            clock: Tells the time.
            drifted: Asks a system whether its contract is another one by now, by the connector's id.
        """
        self._drifted, self._compared = drifted, dict[str, tuple[Connector, datetime]]()
        self._connectors, self._store, self._every_s, self._clock = connectors, store, every_s, clock
        self._blind: dict[str, Connector] = {}
        self.standings: Mapping[str, Standing] = {}
        """How each connector stands, as far as is known here."""

    async def look(self) -> None:
        """Look at the systems that are due."""
        self.standings = await self._store.standings()
        if not self._every_s:
            return
        now, room = self._clock.now(), asyncio.Semaphore(AT_ONCE)
        due = [one for one in self._connectors() if self._blind.get(one.id) is not one and self._due(one.id, now)]

        async def look_at(connector: Connector) -> None:
            async with room:
                await self._look_at(connector)

        await asyncio.gather(*map(look_at, due))
        if due:
            self.standings = await self._store.standings()

    async def check(self, connector: Connector) -> Checked:
        """Look at one system now, because somebody asks.

        Raises:
            NoCheck: There is nothing harmless to call.
        """
        checked = await check(connector, self._clock)
        await self._store.note(checked)
        self.standings = await self._store.standings()
        return checked

    async def _look_at(self, connector: Connector) -> None:
        former = self.standings.get(connector.id)
        try:
            checked = await check(connector, self._clock)
        except NoCheck:
            self._blind[connector.id] = connector  # until somebody describes it anew
            return
        if checked.code == "ok":
            checked = replace(checked, drift=await self._compare(connector))
        await self._store.note(checked)
        if checked.code != "ok" and (former is None or former.last.code == "ok"):
            log.warning("connectors.check_failed", connector=connector.id, code=checked.code)
        elif checked.code == "ok" and former is not None and former.last.code != "ok":
            log.info("connectors.check_works_again", connector=connector.id)

    async def _compare(self, connector: Connector) -> bool | None:
        """Return whether the contract has changed, if it is time to ask."""
        if self._drifted is None or not self._worth_asking(connector):
            return None
        self._compared[connector.id] = connector, self._clock.now()
        found = await self._drifted(connector.id)
        if found:
            log.warning("connectors.contract_changed", connector=connector.id)
        return found

    def _worth_asking(self, connector: Connector) -> bool:
        former = self._compared.get(connector.id)
        since = self._clock.now() - former[1] if former and former[0] is connector else COMPARED
        if since < ANNOUNCED:
            return False  # what is announced meanwhile is not forgotten
        announced = isinstance(connector, Announces) and connector.announced()
        return announced or since >= COMPARED

    def _due(self, connector_id: str, now: datetime) -> bool:
        former = self.standings.get(connector_id)
        if former is None:
            return True
        at = former.last.at
        share = crc32(f"{connector_id}{at.timestamp()}".encode()) / 2**32
        wait = self._every_s * (1 - SPREAD + 2 * SPREAD * share)
        return not timedelta(0) <= now - at < timedelta(seconds=wait)
