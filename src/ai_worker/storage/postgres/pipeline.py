"""The pipeline's store on PostgreSQL."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ai_worker.conversation.handoff import Reason
from ai_worker.conversation.message import InboundMessage
from ai_worker.conversation.progress import Progress
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import to_micros
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.pipeline.store import Accepted, Claim, FinalState, Heard, OutboundMessage, ProactiveMessage
from ai_worker.storage import codec, gap_rows, outbound_rows, rows
from ai_worker.storage.postgres import (
    channels,
    claiming,
    contacts,
    files,
    finishing,
    gaps,
    inbound,
    lane,
    outbox,
    push,
    retention,
)
from ai_worker.storage.postgres.batch import Batch
from ai_worker.storage.postgres.connect import DEADLINE_S
from ai_worker.storage.postgres.database import MOMENT, PostgresDatabase

BODIES_KEPT = timedelta(days=7)
"""How long whole messages are kept once they are done; their words and ids stay."""

SWEEP = 500
"""Most messages that one sweep touches, so that nobody waits for it."""

SWEEP_BODIES = """
WITH old AS (
    SELECT seq FROM inbound WHERE state = 'done' AND body IS NOT NULL AND received_at < $1
    ORDER BY received_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
UPDATE inbound SET body = NULL FROM old WHERE inbound.seq = old.seq RETURNING inbound.seq
"""

NEXT_DUE = f"""
SELECT least(
    (SELECT min(ready_at) FROM conversation WHERE waiting > 0), (SELECT min(due_at) FROM outbound WHERE head)
) - {MOMENT}
"""


class PostgresPipelineStore:
    """Keeps inbound messages, turns and outbound messages; see `PipelineStore` for the promises.

    Leases and due times are the database clock's affair; what a caller passes as `now` is only
    written down, and what it passes as `until` counts from its own clock's present. `finish` may be
    called again after a `StoreBusy`: if the first call was committed after all, the second one changes
    nothing. `retry` and `bury` do nothing when the lease is lost.
    """

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database
        self._accepts = Batch[Mapping[str, Any], Accepted](
            "accept", self._accept, key=_message_key, deadline_s=database.accept_deadline_s
        )
        self._finishes = Batch[tuple[finishing.Finished, Sequence[OutboundMessage]], set[str]](
            "finish", self._finish, key=_lane_key, deadline_s=DEADLINE_S
        )
        self._settles = Batch[tuple[OutboundMessage, outbound_rows.Ended], bool](
            "settle", self._settle, key=_outbound_key, deadline_s=DEADLINE_S
        )

    async def accept(self, message: InboundMessage) -> Accepted:
        """Store a message, or recognise it as a duplicate, in one transaction."""
        return await self._accepts.put(rows.without_nul(rows.inbound(message)))

    async def claim(self, *, owner: str, limit: int, now: datetime) -> list[Claim]:
        """Take the oldest due message of up to `limit` conversations that nobody owns."""
        return await claiming.claim(self._database, owner, limit)

    async def renew(self, claims: Sequence[Claim], *, now: datetime) -> None:
        """Extend the leases of turns that are still in progress."""
        await claiming.renew(self._database, claims)

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
        turn = finishing.Finished(claim, result, codec.encode(result), now, response_ms)
        return _chosen(outbound, await self._finishes.put((turn, outbound)), send_before)

    async def hold(self, claim: Claim, notice: OutboundMessage | None, *, until: datetime) -> list[OutboundMessage]:
        """Owe the message its answer, and store the holding notice if one is given."""
        send_before, notices = self._send_before(), [notice] if notice else []
        async with self._database.transaction() as connection:
            owner = await lane.hold(self._database, connection, claim, until)
            mine = await outbox.insert(self._database, connection, _owned(notices, owner))
        self._database.bell.ring(Heard("turn", claim.conversation_id, claim.turn_id))
        return _chosen(notices, mine, send_before)

    async def count_attempt(self, claim: Claim) -> None:
        """Count an attempt that `claim` did not count, right before it is made."""
        await lane.count_attempt(self._database, claim)

    async def defer(self, claim: Claim, *, until: datetime) -> None:
        """Give the conversation back untouched: the message stays first and is due at `until`."""
        await lane.defer(self._database, claim, until)

    async def keep(self, claim: Claim, progress: Progress) -> None:
        """Replace what is kept of how far the turn has come."""
        await lane.keep(self._database, claim, codec.encode(progress))

    async def announce(self, claim: Claim, notice: OutboundMessage) -> list[OutboundMessage]:
        """Store a holding notice while the turn goes on, and mark its message as held."""
        send_before = self._send_before()
        async with self._database.transaction() as connection:
            owner = await lane.owner(connection, claim)
            await connection.execute(lane.HELD, claim.seq)
            mine = await outbox.insert(self._database, connection, _owned([notice], owner))
        self._database.bell.ring(Heard("turn", claim.conversation_id, claim.turn_id))
        return _chosen([notice], mine, send_before)

    async def retry(self, claim: Claim, *, error: str, until: datetime) -> None:
        """Put the message back, first in its lane, due at `until`."""
        await lane.retry(self._database, claim, rows.plain(error), until)

    async def bury(self, claim: Claim, *, error: str, now: datetime) -> None:
        """Give the message up: a visible dead letter; the lane goes on with the next."""
        if await lane.bury(self._database, claim, rows.plain(error)):
            self._database.bell.ring(Heard("turn", claim.conversation_id, claim.turn_id))

    async def claim_outbound(
        self, *, owner: str, limit: int, now: datetime, without: Collection[str] = ()
    ) -> list[OutboundMessage]:
        """Take due outbound messages for sending, oldest first, one per conversation at most."""
        return await outbox.claim(self._database, owner, limit, without)

    async def push(self, message: ProactiveMessage) -> bool:
        """Store a proactive message, to be claimed at once; return False if its id is known already."""
        conversation_id, fresh = await push.push(self._database, message)
        if fresh:
            self._database.bell.ring(Heard("outbound", conversation_id))
        return fresh

    async def merge(self, outbound: OutboundMessage, *, most_bytes: int) -> OutboundMessage:
        """Let proactive messages that wait for the same target go out with one that is about to be sent."""
        return await push.merge(self._database, outbound, most_bytes)

    async def renew_outbound(self, messages: Sequence[OutboundMessage], *, now: datetime) -> list[OutboundMessage]:
        """Extend the leases of sends in progress; return those that still are their sender's."""
        send_before = self._send_before()
        return _chosen(messages, await outbox.renew(self._database, messages), send_before)

    async def settle(
        self,
        outbound: OutboundMessage,
        state: FinalState,
        *,
        now: datetime,
        error: str = "",
        platform_id: str = "",
    ) -> bool:
        """Record how a send ended; these states are final. Of a send whose lease is lost nothing is recorded."""
        ended = outbound_rows.Ended(state, now, rows.plain(error), rows.plain(platform_id))
        return await self._settles.put((outbound, ended))

    async def postpone(
        self, outbound: OutboundMessage, *, until: datetime, error: str, unsure: bool, counts: bool = True
    ) -> None:
        """Record a failed send that is to be tried again at `until`; nothing if its lease is lost."""
        database = self._database
        left = database.until(until)
        given = (outbound.id, outbound.attempt, left, rows.plain(error), unsure, counts)
        if outbound.kind == "proactive":
            async with database.transaction() as connection:
                await connection.execute(outbox.LANES, [outbound.conversation_id])
                await connection.execute(outbox.POSTPONE, database.moment, *given)
                await outbox.urgent_first(connection, outbound.conversation_id)
        else:
            await database.fetch(outbox.POSTPONE, database.moment, *given)
        if not left:  # for another node, whose connection it takes
            database.bell.ring(Heard("outbound", outbound.conversation_id))

    async def next_due(self, *, now: datetime) -> datetime | None:
        """Return when the next inbound or outbound work becomes due; `None` when there is none."""
        (left,) = await self._database.first(NEXT_DUE, self._database.moment)
        return None if left is None else now + max(timedelta(0), timedelta(microseconds=left))

    async def watch(self, hear: Callable[[Heard], None]) -> None:
        """Tell `hear` what other processes on the same database do; runs until it is cancelled.

        Raises:
            StoreBusy: The connection was lost; what happened meanwhile is not told later.
        """
        await self._database.bell.listen(hear)

    async def recover(self, *, owner: str) -> int:
        """Free what earlier owners of this installation left behind; return how many messages wait.

        What other nodes own stays theirs.
        """
        async with self._database.transaction() as connection:
            await connection.execute(outbox.FREE, self._database.moment, self._database.node, owner)
            return await lane.recover(self._database, connection, owner)

    async def sweep(self, now: datetime) -> int:
        """Drop the bodies of messages that were done a week ago, what is past `RETENTION`, and what is over.

        Without its body a message is still recognised when it comes again, and shows what was said.

        Returns:
            How many rows went; call again while it is not 0.
        """
        async with self._database.transaction() as connection:
            bodies = await connection.fetch(SWEEP_BODIES, to_micros(now - BODIES_KEPT), SWEEP)
            gone = len(bodies) + await retention.sweep(connection, now)
            gone += await contacts.sweep(connection, now) + await files.sweep(connection, now)
            return gone + await channels.sweep(self._database, connection)

    async def close(self) -> None:
        """Finish what is waiting to be written; what comes later is refused."""
        for batch in (self._accepts, self._finishes, self._settles):
            await batch.close()

    def _send_before(self) -> float:
        return self._database.clock.monotonic() + outbox.SEND_S

    async def _accept(self, made: Sequence[Mapping[str, Any]]) -> Sequence[Accepted | AiWorkerError]:
        return await inbound.accept(self._database, made)

    async def _finish(
        self, given: Sequence[tuple[finishing.Finished, Sequence[OutboundMessage]]]
    ) -> Sequence[set[str] | AiWorkerError]:
        """Store turns whose lease still holds, and their replies; the others are refused one by one."""
        database = self._database
        async with database.transaction() as connection:
            held = await lane.owners(connection, [turn.claim for turn, _ in given])
            stale = [turn.claim for turn, _ in given if turn.claim.seq not in held]
            repeated = await finishing.finished_before(connection, stale)
            changed = {turn.claim.seq for turn, _ in given if _changed(turn, held)}
            held = {seq: row for seq, row in held.items() if seq not in changed}
            turns = [(turn, held[turn.claim.seq]) for turn, _ in given if turn.claim.seq in held]
            if turns:
                await finishing.finish(database, connection, turns)
            made = [
                row
                for turn, outbound in given
                if turn.claim.seq in held or turn.claim.seq in repeated
                for row in _owned(outbound, held[turn.claim.seq][2] if turn.claim.seq in held else None)
            ]
            mine = await outbox.insert(database, connection, made)
            if asked := [gap_rows.gap(turn.claim, turn.result, turn.now) for turn, _ in turns if _is_gap(turn.result)]:
                await gaps.count(connection, asked)
        for turn, _ in turns:
            database.bell.ring(Heard("turn", turn.claim.conversation_id, turn.claim.turn_id))
        kept = held.keys() | repeated
        return [mine if turn.claim.seq in kept else _refused(turn.claim, changed) for turn, _ in given]

    async def _settle(self, ends: Sequence[tuple[OutboundMessage, outbound_rows.Ended]]) -> Sequence[bool]:
        return await outbox.settle(self._database, ends)


def _changed(turn: finishing.Finished, held: Mapping[int, Any]) -> bool:
    return turn.claim.seq in held and finishing.changed(turn, held[turn.claim.seq])


def _refused(claim: Claim, changed: Collection[int]) -> AiWorkerError:
    return finishing.answered_by_another(claim) if claim.seq in changed else lane.lost(claim)


def _message_key(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["channel"], row["message_id"]


def _lane_key(given: tuple[finishing.Finished, Sequence[OutboundMessage]]) -> int:
    return given[0].claim.conversation_id


def _outbound_key(given: tuple[OutboundMessage, outbound_rows.Ended]) -> str:
    return given[0].id


def _is_gap(result: TurnResult) -> bool:
    return result.decision == "handoff" and result.reason is Reason.UNKNOWN


def _owned(messages: Sequence[OutboundMessage], owner: str | None) -> list[dict[str, Any]]:
    return [rows.without_nul({**row, "owner": owner}) for row in outbound_rows.outbound(messages)]


def _chosen(messages: Sequence[OutboundMessage], ids: set[str], send_before: float) -> list[OutboundMessage]:
    return [replace(message, send_before=send_before) for message in messages if message.id in ids]
