"""A running installation, as whoever runs it in its own process sees it."""

import asyncio

from ai_worker.api.server import DoorServer
from ai_worker.app.doors import url_of
from ai_worker.foundation.events import EventBus
from ai_worker.keys.links import ConsoleLinks


class Service:
    """A running installation, or a part of one."""

    def __init__(
        self, *, api: DoorServer | None, console: DoorServer | None, links: ConsoleLinks, events: EventBus
    ) -> None:
        self.events = events
        """Facts as they happen, for who runs the service in its own process."""

        self._api, self._console, self._links = api, console, links
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Raises if a part that must never end has ended."""

    @property
    def api_url(self) -> str:
        """Where the API can be reached from this machine; empty if this process does not serve it."""
        return url_of(self._api) if self._api else ""

    @property
    def console_url(self) -> str:
        """Where the console can be reached from this machine; empty if this process does not serve it."""
        return url_of(self._console) if self._console else ""

    async def console_link(self) -> str:
        """Return a fresh link into the console that works once, for ten minutes."""
        return f"{self.console_url}/start?t={(await self._links.issue()).reveal()}"
