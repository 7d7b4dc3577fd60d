"""Serving until somebody says stop."""

import asyncio
import signal
from collections.abc import Callable, Sequence

import structlog

from ai_worker import __version__
from ai_worker.app.parts import Role
from ai_worker.app.service import Service
from ai_worker.app.wiring import running
from ai_worker.app.work import spare_the_collector
from ai_worker.connectors.contract import Connector
from ai_worker.settings import Settings

log = structlog.get_logger(__name__)


async def serve(
    settings: Settings,
    *,
    role: Role | None = None,
    ready: Callable[[Service], None] | None = None,
    connectors: Sequence[Connector] = (),
) -> None:
    """Serve until SIGTERM or SIGINT, then drain for at most 30 seconds.

    Args:
        settings: What to serve.
        role: Which part of it; `None` means all of it.
        ready: Called once connections are accepted.
        connectors: More business systems than the connectors folder describes.

    Raises:
        Misconfigured: It could not start.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with running(settings, role=role, connectors=connectors) as service:
        log.info("app.ready", role=role, api=service.api_url, console=service.console_url, version=__version__)
        spare_the_collector()
        if ready is not None:
            ready(service)
        service.failed.add_done_callback(lambda _: stop.set())
        await stop.wait()
        log.info("app.draining")
    if not service.failed.cancelled():
        service.failed.result()
    log.info("app.stopped")
