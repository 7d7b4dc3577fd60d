"""The pipeline's store on SQLite."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import apsw

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import InboundMessage
from ai_worker.conversation.progress import Progress
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import Clock, from_micros, to_micros
from ai_worker.pipeline.store import Accepted, Claim, FinalState, Heard, LeaseLost, OutboundMessage, ProactiveMessage
from ai_worker.storage import codec, gap_rows, outbound_rows, rows
from ai_worker.storage.sqlite import channels, contacts, files, gaps, inbound, lane, outbox, push, retention
from ai_worker.storage.sqlite.database import SqliteDatabase

BODIES_KEPT = timedelta(days=7)
"""How long whole messages are kept once they are done; their words and ids stay."""

WATCH_S = 0.1
"""How often the file is looked at for changes of other processes: one page read, about 20 µs."""

SWEEP = 500
"""Most bodies that one sweep drops, so that nobody waits for it."""

SWEEP_BODIES = """
UPDATE inbound SET body = NULL WHERE seq IN (
    SELECT seq FROM inbound WHERE state = 'done' AND body IS NOT NULL AND received_at < ? ORDER BY received_at LIMIT ?)
"""

NEXT_DUE = """
SELECT min(at) FROM (
    SELECT min(ready_at) AS at FROM conversation WHERE waiting > 0
    UNION ALL SELECT min(due_at) FROM outbound WHERE head = 1)
"""


class SqlitePipelineStore:
    """Keeps inbound messages, turns and outbound messages; see `PipelineStore` for the promises.

    `finish` may be called again after a `StoreBusy`: if the first call was committed after all, the
    second one changes nothing. `retry` and `bury` do nothing when the lease is lost.
    """

    def __init__(self, database: SqliteDatabase, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def accept(self, message: InboundMessage) -> Accepted:
        """Store a message, or recognise it as a duplicate, in one transaction."""
        work = partial(inbound.accept, row=rows.inbound(message))
        return await self._database.write(work, deadline_s=self._database.accept_deadline_s)

    async def claim(self, *, owner: str, limit: int, now: datetime) -> list[Claim]:
        """Take the oldest due message of up to `limit` conversations that nobody owns."""
        return await self._database.write(partial(lane.claim, owner=owner, limit=limit, now=now))

    async def renew(self, claims: Sequence[Claim], *, now: datetime) -> None:
        """Extend the leases of turns that are still in progress."""
        owned = [(claim.conversation_id, claim.epoch) for claim in claims]
        await self._database.write(partial(lane.renew, owned=owned, now=now))

    async def finish(
        self,
        claim: Claim,
        result: TurnResult,
        outbound: Sequence[OutboundMessage],
        *,
        now: datetime,
        response_ms: float,
    ) -> list[OutboundMessage]:
        """Store the result, the reply and "done", and free the conversation: one transaction."""
        send_before = self._send_before()
        stored, replies = codec.encode(result), outbound_rows.outbound(outbound)
        gap = (
            gap_rows.gap(claim, result, now)
            if result.decision == "handoff" and result.reason is Reason.UNKNOWN
            else None
        )

        def work(connection: apsw.Connection) -> set[str]:
            try:
                owner = lane.finish(connection, claim, result, stored, now, response_ms)
            except LeaseLost:
                if not lane.finished_before(connection, claim):
                    raise
                return outbox.insert(connection, replies, "", now)
            if gap is not None:
                gaps.count(connection, gap)
            return outbox.insert(connection, replies, owner, now)

        return _chosen(outbound, await self._database.write(work), send_before)

    async def hold(self, claim: Claim, notice: OutboundMessage | None, *, until: datetime) -> list[OutboundMessage]:
        """Owe the message its answer, and store the holding notice if one is given."""
        send_before, notices = self._send_before(), [notice] if notice else []
        replies = outbound_rows.outbound(notices)
        now = self._clock.now()

        def work(connection: apsw.Connection) -> set[str]:
            return outbox.insert(connection, replies, lane.hold(connection, claim, until, now), now)

        return _chosen(notices, await self._database.write(work), send_before)

    async def count_attempt(self, claim: Claim) -> None:
        """Count an attempt that `claim` did not count, right before it is made."""
        await self._database.write(partial(lane.count_attempt, claim=claim))

    async def defer(self, claim: Claim, *, until: datetime) -> None:
        """Give the conversation back untouched: the message stays first and is due at `until`."""
        await self._database.write(partial(lane.defer, claim=claim, until=until))

    async def keep(self, claim: Claim, progress: Progress) -> None:
        """Replace what is kept of how far the turn has come."""
        await self._database.write(partial(lane.keep, claim=claim, body=codec.encode(progress)))

    async def announce(self, claim: Claim, notice: OutboundMessage) -> list[OutboundMessage]:
        """Store a holding notice while the turn goes on, and mark its message as held."""
        send_before, replies = self._send_before(), outbound_rows.outbound([notice])
        now = self._clock.now()

        def work(connection: apsw.Connection) -> set[str]:
            return outbox.insert(connection, replies, lane.mark_held(connection, claim), now)

        return _chosen([notice], await self._database.write(work), send_before)

    async def retry(self, claim: Claim, *, error: str, until: datetime) -> None:
        """Put the message back, first in its lane, due at `until`."""
        await self._database.write(partial(lane.retry, claim=claim, error=error, until=until))

    async def bury(self, claim: Claim, *, error: str, now: datetime) -> None:
        """Give the message up: a visible dead letter; the lane goes on with the next."""
        await self._database.write(partial(lane.bury, claim=claim, error=error, now=now))

    async def claim_outbound(
        self, *, owner: str, limit: int, now: datetime, without: Collection[str] = ()
    ) -> list[OutboundMessage]:
        """Take due outbound messages for sending, oldest first, one per conversation at most."""
        send_before = self._send_before()
        work = partial(outbox.claim, owner=owner, limit=limit, now=now, without=without)
        taken = await self._database.write(work)
        return [replace(message, send_before=send_before) for message in taken]

    async def push(self, message: ProactiveMessage) -> bool:
        """Store a proactive message, to be claimed at once; return False if its id is known already."""
        work = partial(
            push.push, message=message, lane=outbound_rows.push_lane(message), row=outbound_rows.pushed(message)
        )
        return await self._database.write(work)

    async def merge(self, outbound: OutboundMessage, *, most_bytes: int) -> OutboundMessage:
        """Let proactive messages that wait for the same target go out with one that is about to be sent."""
        now = self._clock.now()
        work = partial(push.merge, message=outbound, most_bytes=most_bytes, now=now)
        return await self._database.write(work) or outbound

    async def renew_outbound(self, messages: Sequence[OutboundMessage], *, now: datetime) -> list[OutboundMessage]:
        """Extend the leases of sends in progress; return those that still are their sender's."""
        send_before = self._send_before()
        ids = await self._database.write(partial(outbox.renew, messages=messages, now=now))
        return _chosen(messages, ids, send_before)

    async def settle(
        self,
        outbound: OutboundMessage,
        state: FinalState,
        *,
        now: datetime,
        error: str = "",
        platform_id: str = "",
    ) -> bool:
        """Record how a send ended; these states are final."""
        ended = outbound_rows.Ended(state, now, error, platform_id)
        return await self._database.write(partial(outbox.settle, message=outbound, ended=ended))

    async def postpone(
        self, outbound: OutboundMessage, *, until: datetime, error: str, unsure: bool, counts: bool = True
    ) -> None:
        """Record a failed send that is to be tried again at `until`."""
        work = partial(outbox.postpone, message=outbound, until=until, error=error, unsure=unsure, counts=counts)
        await self._database.write(work)

    async def next_due(self, *, now: datetime) -> datetime | None:
        """Return when the next inbound or outbound work becomes due; `None` when there is none."""
        due = await self._database.read(_next_due)
        return None if due is None else max(from_micros(due), now)

    async def watch(self, hear: Callable[[Heard], None]) -> None:
        """Tell `hear` whenever another process has changed the file; SQLite does not say what it changed."""
        seen = await self._database.version()
        while True:
            await asyncio.sleep(WATCH_S)
            if (version := await self._database.version()) != seen:
                seen = version
                hear(Heard("work"))
                hear(Heard("outbound"))
                hear(Heard("turn"))

    async def recover(self, *, owner: str) -> int:
        """Free what earlier owners on this machine left behind; return how many messages wait."""
        now = self._clock.now()

        def work(connection: apsw.Connection) -> int:
            outbox.free(connection, owner, now)
            files.free(connection)
            return lane.recover(connection, owner, now)

        return await self._database.write(work)

    async def sweep(self, now: datetime) -> int:
        """Drop the bodies of messages that were done a week ago, what is past `RETENTION`, and what is over.

        Without its body a message is still recognised when it comes again, and shows what was said.

        Returns:
            How many rows went; call again while it is not 0.
        """
        before = to_micros(now - BODIES_KEPT)

        def work(connection: apsw.Connection) -> int:
            connection.execute(SWEEP_BODIES, (before, SWEEP))
            gone = connection.changes() + retention.sweep(connection, now)
            gone += channels.sweep(connection, now) + contacts.sweep(connection, now)
            return gone + files.sweep(connection, now)

        return await self._database.write(work)

    def _send_before(self) -> float:
        return self._clock.monotonic() + outbox.SEND_S


def _chosen(messages: Sequence[OutboundMessage], ids: set[str], send_before: float) -> list[OutboundMessage]:
    return [replace(message, send_before=send_before) for message in messages if message.id in ids]


def _next_due(connection: apsw.Connection) -> int | None:
    due: int | None = next(connection.execute(NEXT_DUE))[0]
    return due
