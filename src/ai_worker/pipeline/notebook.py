"""The notebook of a turn in progress: what it did to business systems, kept under its claim."""

import asyncio

import structlog

from ai_worker.conversation.progress import Progress
from ai_worker.foundation.errors import Busy
from ai_worker.pipeline.store import Claim, PipelineStore

log = structlog.get_logger(__name__)


class StoredNotebook:
    """Keeps a turn's progress in the store, however long the store is busy: nothing is done before."""

    def __init__(self, store: PipelineStore, claim: Claim) -> None:
        self._store, self._claim = store, claim

    async def keep(self, progress: Progress) -> None:
        """Replace what was kept of this turn.

        Raises:
            LeaseLost: Another runner works on the conversation.
        """
        while True:
            try:
                await self._store.keep(self._claim, progress)
            except Busy as busy:
                log.warning("runner.store_busy", turn=self._claim.turn_id)
                await asyncio.sleep(busy.retry_after)
            else:
                return
