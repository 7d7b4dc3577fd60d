"""Beside a hundred thousand messages that are done, no statement of the pipeline reads more than it needs."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from ai_worker.storage import codec
from ai_worker.storage.postgres.conversation import PostgresConversationStore
from ai_worker.storage.postgres.deadletters import PostgresDeadLetterStore
from tests.postgres import Server, own_server
from tests.storage.postgres.scene import ANSWER, Node, message, node

pytestmark = pytest.mark.slow

DONE, CONVERSATIONS, WAITING = 100_000, 20_000, 40
LARGE = {"conversation", "inbound", "turn", "outbound"}
MOST_ROWS = 1_000
"""More rows than any of these statements may look at, of a hundred thousand."""

RESULT, REPLY = codec.encode(ANSWER), codec.encode(ANSWER.reply)

FILL = f"""
INSERT INTO conversation (channel, key, contact_id, worker, standalone, state, address, opened_at, last_at, last_text,
    unread, waiting, ready_at, epoch)
SELECT 'service-desk', 'old-' || n, 'old-' || n, '', false, 'worker', '{{}}', n, n, '怎么退货？', 0, 0, n, 5
FROM generate_series(1, {CONVERSATIONS}) AS n;
INSERT INTO inbound (channel, message_id, turn_id, conversation_id, state, received_at, digest, text, body)
SELECT 'service-desk', 'old-' || n, 't-old-' || n, 1 + n % {CONVERSATIONS}, 'done', n, '', '怎么退货？', NULL
FROM generate_series(1, {DONE}) AS n;
INSERT INTO turn (seq, conversation_id, epoch, channel, decision, confidence, received_at, finished_at, response_ms,
    reply, result)
SELECT seq, conversation_id, 5, channel, 'answer', 0.9, received_at, received_at, 5.0, '可以退货。', '{RESULT}'
FROM inbound;
INSERT INTO outbound (id, turn_id, conversation_id, channel, address, kind, state, head, attempts, due_at, created_at,
    expires_at, settled_at, body)
SELECT 'r-' || seq, turn_id, conversation_id, channel, '{{}}', 'reply', 'delivered', false, 1, received_at, received_at,
    received_at, received_at, '{REPLY}' FROM inbound;
ANALYZE
"""

PLAN = re.compile(r"LOG:  duration: [\d.]+ ms  plan:\n((?:\t.*\n)+)")


@pytest.fixture(params=["auto", "force_generic_plan"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that logs the plan of every statement, as it is planned at first or after many times."""
    made = own_server(
        f"plan_cache_mode={request.param}",
        "session_preload_libraries=auto_explain",
        "auto_explain.log_min_duration=0",
        "auto_explain.log_analyze=on",
        "auto_explain.log_format=json",
        "autovacuum=off",
    )
    yield made
    made.remove()


def _plans(log: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the statements in a log, each with the plan that it was run by."""
    told = (json.loads(found.replace("\n\t", "\n")) for found in PLAN.findall(log))
    return [(each["Query Text"], each["Plan"]) for each in told]


def _parts(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _parts(below)


def _wasteful(plan: dict[str, Any]) -> list[str]:
    """Return what a plan does with a large table that it should not."""
    found = []
    for part in _parts(plan):
        table, kind = part.get("Relation Name"), part["Node Type"]
        looked_at = (part["Actual Rows"] + part.get("Rows Removed by Filter", 0)) * part["Actual Loops"]
        if table in LARGE and (kind == "Seq Scan" or looked_at > MOST_ROWS):
            found.append(f"{kind} on {table}, {looked_at} rows")
    return found


async def _work(at: Node) -> None:
    """Do everything that is done for a message, several times, so that every statement is planned with values."""
    conversations, letters = PostgresConversationStore(at.database), PostgresDeadLetterStore(at.database)
    for number in range(WAITING):
        await at.store.accept(message(number, who=f"old-{number}"))
        assert (await at.store.accept(message(number, who=f"old-{number}"))).duplicate
    while claims := await at.claim(limit=5):
        now = datetime.now(UTC)
        await at.store.renew(claims, now=now)
        await at.store.next_due(now=now)
        first, second, *rest = claims
        await at.store.bury(first, error="坏消息", now=now)
        await at.store.hold(second, None, until=now + timedelta(seconds=30))
        for claim in rest:
            (sent,) = await at.finish(claim)
            assert await at.store.renew_outbound([sent], now=now)
            await at.store.postpone(sent, until=now, error="太忙", unsure=False)
        for sent in await at.store.claim_outbound(owner=at.name, limit=9, now=now):
            await at.settle(sent)
        await conversations.thread(claims[0].conversation_id)
        await conversations.turn(claims[0].turn_id)
        await letters.count()
    await at.store.recover(owner="next")


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url.partition("?")[0])
    await connection.execute("SET search_path = plans; SET auto_explain.log_min_duration = -1")
    await connection.execute(FILL, timeout=60)
    await connection.close()


async def test_no_statement_of_the_pipeline_reads_a_large_table_through(server: Server) -> None:
    url = server.url("plans")
    async with node(url) as at:
        await _fill(url)

        await _work(at)

    plans = _plans(server.log())
    wasteful = {(statement, word) for statement, plan in plans for word in _wasteful(plan)}
    assert wasteful == set()
    seen = {
        part["Relation Name"]
        for _, plan in plans
        for part in _parts(plan)
        if "Index Name" in part and LARGE & {part.get("Relation Name")}
    }
    assert seen == LARGE, f"the log shows index scans of {seen} only: is it read rightly?"
