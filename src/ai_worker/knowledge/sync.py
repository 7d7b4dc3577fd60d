"""Sync: knowledge that is kept in step with its sources, by one node at a time."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.archive import NoSuchThing, Thing
from ai_worker.knowledge.curator import Curator
from ai_worker.knowledge.ingest.found import Found
from ai_worker.knowledge.keeping import Keeping
from ai_worker.knowledge.library import Library
from ai_worker.knowledge.sources import (
    Missed,
    NoSuchSource,
    Origin,
    OriginFailed,
    OriginGone,
    RunReport,
    Seen,
    SourceState,
    SourceStore,
)

TOLD = 50
"""Documents that failed in one run that are told."""

TOGETHER = 20
TOGETHER_BYTES = 50_000_000
"""How many documents are read by one process, and how much of them is in memory at once."""

Hold = Callable[[str], Awaitable[bool]]
"""Takes or extends a source's lease; returns whether it is ours."""

Release = Callable[[str], Awaitable[None]]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """Documents that are kept in step with where they come from."""

    name: str
    origin: Origin
    base: str
    keeping: Keeping
    every: timedelta
    grace: timedelta
    """How long a document may be missing before it is removed here."""

    @property
    def by(self) -> str:
        """Who changes what it changes."""
        return f"source {self.name}"


class Sync:
    """Looks at sources when they are due, and at once when asked to."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        store: SourceStore,
        library: Library,
        curator: Curator,
        hold: Hold,
        release: Release,
        clock: Clock,
    ) -> None:
        """Prepare; nothing is looked at yet.

        Args:
            sources: What there is.
            store: Keeps how they stand.
            library: Takes documents in.
            curator: Removes them.
            hold: See `Hold`: two nodes never look at one source at once.
            release: Gives the lease back.
            clock: Tells the time.
        """
        self.sources = {source.name: source for source in sources}
        self._store = store
        self._library = library
        self._curator = curator
        self._hold = hold
        self._release = release
        self._clock = clock

    async def look(self) -> None:
        """Look at every source that is due and is nobody else's at this moment."""
        if not self.sources:
            return
        known = await self._store.sources()
        for source in self.sources.values():
            if source.name not in known or known[source.name].due_at <= self._clock.now():
                await self.run(source.name)

    async def run(self, name: str) -> RunReport | None:
        """Look at one source now; return what became of it, `None` if another process is at it.

        Raises:
            NoSuchSource: There is none of this name.
        """
        source = self.sources.get(name)
        if source is None:
            raise NoSuchSource(f"The settings name no source {name!r}.")
        if not await self._hold(name):
            return None
        try:
            report = await self._run(source)
            now = self._clock.now()
            await self._store.put(SourceState(name, now, now + source.every, report))
        finally:
            await self._release(name)
        log.info(
            "knowledge.source_looked_at",
            source=name,
            changed=report.changed,
            removed=report.removed,
            failed=len(report.failed),
            code=report.code,
        )
        return report

    async def _run(self, source: Source) -> RunReport:
        try:
            listed = await source.origin.listed()
        except OriginFailed as error:
            return RunReport(code=error.code, error=str(error))
        seen = await self._store.seen(source.name)
        run = _Run(source, seen)
        for id in listed:
            await self._fetch(run, id)
            if len(run.waiting) >= TOGETHER or run.waiting_bytes >= TOGETHER_BYTES:
                await self._take(run)
                if not await self._hold(source.name):  # somebody else is at it by now
                    return run.report
        await self._take(run)
        for id in seen.keys() - set(listed):
            run.missing.append(id)
        for id in run.missing:
            await self._miss(run, id, self._clock.now())
        return replace(run.report, missing=run.gone)

    async def _fetch(self, run: "_Run", id: str) -> None:
        former = run.seen.get(id)
        run.report = replace(run.report, checked=run.report.checked + 1)
        try:
            fetched = await run.source.origin.fetch(id, former.mark if former else "")
        except OriginGone:
            run.missing.append(id)
            return
        except OriginFailed as error:
            run.fail(Missed(id, error.code, str(error)))
            return
        if fetched.content is not None:
            run.waiting[id] = fetched.content, fetched.mark
        elif former is not None and former.missing_since is not None:
            await self._store.remember(run.source.name, {id: Seen(fetched.mark)})

    async def _take(self, run: "_Run") -> None:
        if not run.waiting:
            return
        source = run.source
        found = [Found(id, content=content) for id, (content, _) in run.waiting.items()]
        report = await self._library.take(
            found, base=source.base, keeping=source.keeping, by=source.by, source=source.name
        )
        for failure in report.failed:
            run.fail(Missed(failure.document, failure.code, failure.reason))
        run.report = replace(run.report, changed=run.report.changed + report.documents)
        await self._store.remember(source.name, {id: Seen(mark) for id, (_, mark) in run.waiting.items()})
        run.waiting.clear()

    async def _miss(self, run: "_Run", id: str, now: datetime) -> None:
        """Note that a document is not there; remove it here once that has lasted for its grace."""
        former = run.seen.get(id)
        if former is None:
            return
        since = former.missing_since or now
        if now - since < run.source.grace:
            run.gone += 1
            await self._store.remember(run.source.name, {id: Seen(former.mark, since)})
            return
        try:
            await self._curator.remove(Thing(run.source.base, "document", id), by=run.source.by)
            run.report = replace(run.report, removed=run.report.removed + 1)
        except NoSuchThing:
            log.info("knowledge.source_document_gone_already", source=run.source.name, document=id)
        await self._store.remember(run.source.name, {id: None})


class _Run:
    """One look at a source, as far as it has come."""

    def __init__(self, source: Source, seen: Mapping[str, Seen]) -> None:
        self.source = source
        self.seen = seen
        self.report = RunReport()
        self.waiting: dict[str, tuple[bytes, str]] = {}
        self.missing: list[str] = []
        self.gone = 0

    @property
    def waiting_bytes(self) -> int:
        return sum(len(content) for content, _ in self.waiting.values())

    def fail(self, missed: Missed) -> None:
        self.report = replace(self.report, failed=(*self.report.failed, missed)[:TOLD])
