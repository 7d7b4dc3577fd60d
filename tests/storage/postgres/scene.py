"""What the tests of the PostgreSQL store share."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from ai_worker.conversation.message import Contact, InboundMessage, Reply
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.ids import derived_id
from ai_worker.pipeline.store import Claim, OutboundMessage, StoreBusy
from ai_worker.storage.postgres.database import PostgresDatabase
from ai_worker.storage.postgres.pipeline import PostgresPipelineStore

Result = TypeVar("Result")
ANSWER = TurnResult("answer", Reply("可以退货。"), confidence=0.9)


def message(number: int, *, who: str | None = None, text: str = "怎么退货？") -> InboundMessage:
    """Return a message of one of seven contacts."""
    who = who or f"contact-{number % 7}"
    return InboundMessage(
        channel="service-desk",
        message_id=f"m-{number}",
        conversation_key=who,
        contact=Contact(who, "王芳"),
        text=text,
        received_at=datetime.now(UTC),
        address={"touser": who},
    )


def reply(claim: Claim) -> OutboundMessage:
    now = datetime.now(UTC)
    return OutboundMessage(
        id=derived_id("r", claim.turn_id, "reply"),
        turn_id=claim.turn_id,
        conversation_id=claim.conversation_id,
        channel=claim.message.channel,
        address=claim.message.address,
        kind="reply",
        reply=Reply("可以退货。"),
        created_at=now,
        expires_at=now + timedelta(hours=2),
    )


class Node:
    """One node's view of the database."""

    def __init__(self, database: PostgresDatabase, name: str) -> None:
        self.database, self.name = database, name
        self.store = PostgresPipelineStore(database)

    async def claim(self, limit: int = 100) -> list[Claim]:
        return await self.store.claim(owner=self.name, limit=limit, now=datetime.now(UTC))

    async def finish(self, claim: Claim) -> list[OutboundMessage]:
        return await self.store.finish(claim, ANSWER, [reply(claim)], now=datetime.now(UTC), response_ms=1.0)

    async def settle(self, sent: OutboundMessage) -> bool:
        return await self.store.settle(sent, "delivered", now=datetime.now(UTC))

    async def count(self, table: str) -> int:
        return int((await self.database.first(f"SELECT count(*) FROM {table}"))[0])


@asynccontextmanager
async def node(url: str, name: str = "node-1") -> AsyncIterator[Node]:
    database = await PostgresDatabase.open(url, clock=SystemClock(), node=name)
    made = Node(database, name)
    try:
        yield made
    finally:
        await made.store.close()
        await database.close()


async def until_it_works(work: Callable[[], Awaitable[Result]]) -> Result:
    """Do `work` again while the store is busy, as every caller of it does."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await work()
            except StoreBusy:
                await asyncio.sleep(0.05)
