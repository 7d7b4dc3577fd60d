"""The sources that the settings name."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Protocol

from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.curator import Curator
from ai_worker.knowledge.folder import FolderOrigin
from ai_worker.knowledge.library import Library
from ai_worker.knowledge.settings import SourceSettings, span_of
from ai_worker.knowledge.sources import Origin, SourceStore
from ai_worker.knowledge.sync import Source, Sync
from ai_worker.sources.web import WebOrigin

LEASE = timedelta(minutes=10)
"""How long a source stays a node's that has died; it is extended for every few documents."""


class Leases(Protocol):
    """What of the channels' store is used here."""

    async def own(self, name: str, *, owner: str, lease: timedelta) -> bool:
        """Take a lease, or extend it; return whether it is this owner's."""
        ...

    async def disown(self, name: str, *, owner: str) -> None:
        """Give a lease back."""
        ...


def open_sync(
    settings: Mapping[str, SourceSettings],
    *,
    store: SourceStore,
    library: Library,
    curator: Curator,
    leases: Leases,
    owner: str,
    clock: Clock,
) -> Sync:
    """Return what keeps the configured sources in step, on behalf of one process."""

    async def hold(name: str) -> bool:
        return await leases.own(_lease(name), owner=owner, lease=LEASE)

    async def release(name: str) -> None:
        await leases.disown(_lease(name), owner=owner)

    return Sync(
        [_source(name, told) for name, told in settings.items()],
        store=store,
        library=library,
        curator=curator,
        hold=hold,
        release=release,
        clock=clock,
    )


def _lease(name: str) -> str:
    return f"knowledge.source/{name}"


def _source(name: str, told: SourceSettings) -> Source:
    origin: Origin
    if told.path is not None:
        origin = FolderOrigin(told.path)
    else:
        origin = WebOrigin(told.urls, hosts=told.hosts, allow_private=told.allow_private)
    return Source(name, origin, told.base, told.keeping, span_of(told.every), span_of(told.grace))
