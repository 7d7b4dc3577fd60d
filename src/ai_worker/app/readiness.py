"""Whether this process can accept messages, and how everything else does."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from ai_worker.channels.contract import Channel, ChannelHealth
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import Busy
from ai_worker.foundation.events import EventBus
from ai_worker.llm.ladder import Ladder
from ai_worker.ops.health import Check, Readiness
from ai_worker.ops.metrics import Metrics
from ai_worker.pipeline.facts import DuplicateReceived, MessageReceived, ReplySettled, TurnCompleted, TurnGivenUp
from ai_worker.queue.aside import RecordSetAside
from ai_worker.settings.watch import SettingsWatch
from ai_worker.storage.opening import Stores

if TYPE_CHECKING:
    from ai_worker.queue.opening import Queue

log = structlog.get_logger(__name__)


def make_readiness(
    stores: Stores,
    channels: Mapping[str, Channel],
    model: Ladder | None,
    more: Sequence[Callable[[], Sequence[Check]]],
    queue: "Queue | None",
    watch: SettingsWatch,
    clock: Clock,
) -> Callable[[], Awaitable[Readiness]]:
    """Return what says whether this process can accept messages."""

    async def readiness() -> Readiness:
        try:
            await stores.check()
            checks = [Check("store", ok=True)]
        except Busy as busy:
            checks = [Check("store", ok=False, detail=str(busy))]
        if queue is not None:
            detail = "" if queue.inbox.healthy else "Kafka cannot be reached"
            checks.append(Check("queue", ok=queue.inbox.healthy, detail=detail, required=not queue.inbox.accepting))
        if model is not None:
            detail = "" if model.healthy else "every configured model is down"
            checks.append(Check("model", ok=model.healthy, detail=detail, required=False))
        checks += [check for look in more for check in look()]
        detail = "" if watch.refused is None else "the changed settings file is refused; the former settings stay"
        checks.append(Check("settings", ok=watch.refused is None, detail=detail, required=False))
        for name, channel in channels.items():
            checks.append(_channel_check(name, channel.health(), clock))
        return Readiness.of(checks)

    return readiness


def _channel_check(name: str, health: ChannelHealth, clock: Clock) -> Check:
    stood = clock.now() - health.connected_at if health.connected_at else None
    return Check(
        f"channel.{name}",
        ok=health.state in ("ready", "connecting"),
        detail=health.detail,
        required=False,
        state=health.state,
        connected_s=stood.total_seconds() if stood is not None else None,
        last_inbound_at=health.last_inbound_at,
        last_outbound_at=health.last_outbound_at,
        last_error=health.last_error,
    )


def count(events: EventBus, metrics: Metrics) -> None:
    """Let the metrics hear the facts; they know no pipeline."""
    events.subscribe(MessageReceived, lambda fact: metrics.message_received(fact.channel))
    events.subscribe(DuplicateReceived, lambda fact: metrics.duplicate_received(fact.channel))
    events.subscribe(RecordSetAside, lambda _: metrics.record_set_aside())
    events.subscribe(TurnGivenUp, lambda fact: metrics.turn_given_up(fact.channel))
    events.subscribe(ReplySettled, lambda fact: metrics.delivery_settled(fact.channel, fact.state))
    events.subscribe(
        TurnCompleted,
        lambda fact: metrics.turn_completed(fact.channel, fact.result.decision, fact.response_ms / 1000),
    )
