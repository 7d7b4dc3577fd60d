"""Waiting until a delivery has nothing to do before its clock goes on."""

import asyncio
from collections.abc import Sequence

from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.delivery import Delivery
from ai_worker.pipeline.store import PipelineStore


async def at_rest(pipeline: PipelineStore, deliveries: Sequence[Delivery], clock: Clock) -> None:
    """Return once nothing is due and nothing in work, at two looks: between them, what was claimed has begun."""
    looks = 0
    async with asyncio.timeout(20):
        while looks < 2:
            due = await pipeline.next_due(now=clock.now())
            resting = (due is None or due > clock.now()) and not any(delivery.active for delivery in deliveries)
            looks = looks + 1 if resting else 0
            await asyncio.sleep(0.003)
