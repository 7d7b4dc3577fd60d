"""Keeps the vectors of all passages up to date in the background, and embeds questions in time.

Nothing waits for it: as long as vectors are missing, or their endpoint is down, words alone find.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import structlog

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.knowledge.index import key_of
from ai_worker.knowledge.store import Change, KnowledgeStore
from ai_worker.knowledge.vectors import VectorsBusy, VectorShelf, digest, meaning

PAGE = 500
"""Changes that are looked at together."""

ENOUGH = 0.9
"""The share of passages with a vector from which on vectors take part: with a few, those few would win."""

REST_S = 30.0
"""How long an endpoint that failed is left alone."""

log = structlog.get_logger(__name__)


class EmbeddingFailed(AiWorkerError):
    """The endpoint for embeddings gave no usable answer."""

    code = "embeddings.failed"
    retryable = True
    hint = "See [embeddings] in the settings; until it answers, knowledge is searched by words alone."

    def __init__(self, detail: str, *, refused: bool = False) -> None:
        super().__init__(detail)
        self.refused = refused
        """The endpoint is well and does not take these texts: one of them is too long for it, say."""


class Embedder(Protocol):
    """Turns texts into vectors. The `llm` floor implements it."""

    identity: str
    """Which vectors these are: another model's, or of another width, cannot be compared with them."""

    batch: int
    """Texts that one call may carry."""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vector of each text, in order.

        Raises:
            EmbeddingFailed: There is no usable answer.
        """
        ...


class VectorKeeper:
    """One runner: walks through the store's changes and keeps the shelf in step. It is a `Nearness`."""

    def __init__(self, store: KnowledgeStore, embedder: Embedder, *, folder: Path, clock: Clock) -> None:
        """Prepare; nothing is opened before the first `refresh`.

        Args:
            store: Where the passages are.
            embedder: Makes the vectors.
            folder: Where they are kept; it is made if it is missing.
            clock: Says when an endpoint that failed may be asked again.
        """
        self._store = store
        self._embedder = embedder
        self._folder = folder
        self._clock = clock
        self._shelf: VectorShelf | None = None
        self._revision = 0
        self._live: set[str] = set()
        self._complete = False
        self._not_before = 0.0
        self._refreshing = asyncio.Lock()
        self.failing = ""
        """Why vectors are not kept up to date now; empty when they are."""

    @property
    def progress(self) -> tuple[int, int]:
        """How many passages have a vector, and how many there are, as far as the store was read."""
        return (self._shelf.held if self._shelf else 0), len(self._live)

    def nearest(self, vector: Sequence[float], *, bases: Sequence[str], limit: int) -> list[tuple[str, float]]:
        """Return what is nearest in meaning; nothing as long as too few passages have a vector."""
        if self._shelf is None or self._shelf.held < ENOUGH * len(self._live):
            return []
        return self._shelf.nearest(vector, bases=bases, limit=limit)

    async def refresh(self) -> bool:
        """Bring the vectors up to the store's revision; return whether they are. Cheap when nothing is new.

        What was embedded is on disk and is not embedded again, also after a crash in between.
        """
        if self._clock.monotonic() < self._not_before:
            return False
        async with self._refreshing:
            try:
                return await self._catch_up()
            except (EmbeddingFailed, VectorsBusy) as failure:
                if not self.failing:  # one warning, however long it lasts
                    log.warning("embeddings.behind", reason=str(failure), vectors=self.progress)
                self.failing = str(failure)
                self._not_before = self._clock.monotonic() + REST_S
                return False
            finally:
                if self._shelf is not None:
                    await asyncio.to_thread(self._shelf.flush)

    def close(self) -> None:
        """Close the shelf."""
        if self._shelf is not None:
            self._shelf.close()
            self._shelf = None

    async def _catch_up(self) -> bool:
        revision = await self._store.revision()
        if self._complete and revision == self._revision:
            return True
        if revision < self._revision:  # a restored database
            self._revision, self._live = 0, set()
        if self._shelf is None:
            self._shelf = await asyncio.to_thread(VectorShelf, self._folder, model=self._embedder.identity)
        while changes := await self._store.changes(self._revision, PAGE):
            await self._take(self._shelf, changes)
            self._revision = changes[-1].revision
        self._revision = max(self._revision, revision)
        self._shelf.drop_all_but(self._live)
        if not self._complete or self.failing:
            log.info("embeddings.complete", vectors=self._shelf.held)
            self._shelf.forget_others()
        self._complete, self.failing = True, ""
        return True

    async def _take(self, shelf: VectorShelf, changes: Sequence[Change]) -> None:
        """Take over a page of changes: forget what was removed, embed what is new."""
        missing: dict[str, tuple[int, str]] = {}
        for change in changes:
            key = key_of(change.base, change.passage_id)
            if change.passage is None:
                self._live.discard(key)
                shelf.drop(key)
                continue
            self._live.add(key)
            text = meaning(change.passage)
            at = digest(shelf.model, text)
            if not shelf.knows(key, at):
                missing[key] = (at, text)
        waiting = list(missing.items())
        for start in range(0, len(waiting), self._embedder.batch):
            batch = waiting[start : start + self._embedder.batch]
            vectors = await self._embedded([text for _, (_, text) in batch])
            for (key, (at, _)), vector in zip(batch, vectors, strict=True):
                if vector is not None and not shelf.put(key, at, vector):
                    raise EmbeddingFailed(f"a vector of {len(vector)} numbers came where others have {shelf.width}")

    async def _embedded(self, texts: Sequence[str]) -> list[list[float] | None]:
        """Return the texts' vectors; `None` for one that the endpoint does not take, which must not stop the others.

        Raises:
            EmbeddingFailed: The endpoint does not work now.
        """
        try:
            return list(await self._embedder.embed(texts))
        except EmbeddingFailed as failure:
            if not failure.refused:
                raise
            if len(texts) == 1:
                log.warning("embeddings.refused", reason=str(failure), characters=len(texts[0]))
                return [None]
        return [vector for text in texts for vector in await self._embedded([text])]
