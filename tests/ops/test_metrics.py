from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from ai_worker.ops.host import HostSample
from ai_worker.ops.metrics import Metrics


def values(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def test_messages_turns_and_deliveries_are_counted_by_channel() -> None:
    metrics = Metrics()

    metrics.message_received("service-desk")
    metrics.message_received("service-desk")
    metrics.duplicate_received("service-desk")
    metrics.turn_completed("service-desk", "answer", 0.42)
    metrics.turn_given_up("service-desk")
    metrics.delivery_settled("service-desk", "delivered")

    seen = values(metrics)
    assert seen["ai_worker_messages_received_total", ("service-desk",)] == 2
    assert seen["ai_worker_messages_duplicate_total", ("service-desk",)] == 1
    assert seen["ai_worker_turns_total", ("service-desk", "answer")] == 1
    assert seen["ai_worker_turns_given_up_total", ("service-desk",)] == 1
    assert seen["ai_worker_deliveries_total", ("service-desk", "delivered")] == 1
    assert seen["ai_worker_response_seconds_bucket", ("service-desk", "0.5")] == 1
    assert seen["ai_worker_response_seconds_bucket", ("service-desk", "0.25")] == 0


def test_a_silent_turn_has_no_response_time() -> None:
    metrics = Metrics()

    metrics.turn_completed("service-desk", "silent", 9.0)

    assert ("ai_worker_response_seconds_count", ("service-desk",)) not in values(metrics)


def test_gauges_show_the_pipeline_and_the_machine() -> None:
    metrics = Metrics()

    metrics.concurrency(37, 50, 2)
    metrics.host(
        HostSample(cpu_percent=41, cores=4, load=1, memory_used=5, memory_total=8, disk_used=390, disk_total=500)
    )

    seen = values(metrics)
    assert seen["ai_worker_active_turns", ()] == 37
    assert seen["ai_worker_active_turns_limit", ()] == 50
    assert seen["ai_worker_waiting_messages", ()] == 2
    assert seen["ai_worker_host_cpu_ratio", ()] == 0.41
    assert seen["ai_worker_host_disk_ratio", ()] == 0.78


def test_two_installations_in_one_process_do_not_share_counters() -> None:
    one, other = Metrics(), Metrics()

    one.message_received("service-desk")

    assert ("ai_worker_messages_received_total", ("service-desk",)) not in values(other)


def test_a_channel_is_up_since_its_connection_stands_and_each_new_one_is_counted() -> None:
    metrics, since = Metrics(), datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
    later = since + timedelta(minutes=10)

    metrics.channels({"bot": (True, since), "site": (True, None)}, now=since + timedelta(seconds=90))
    metrics.channels({"bot": (False, None), "site": (True, None)}, now=later)
    metrics.channels({"bot": (True, later), "site": (False, None)}, now=later)
    metrics.channels({"bot": (True, later), "site": (False, None)}, now=later + timedelta(seconds=5))

    seen = values(metrics)
    assert (seen["ai_worker_channel_up", ("bot",)], seen["ai_worker_channel_up", ("site",)]) == (1, 0)
    assert seen["ai_worker_channel_connected_seconds", ("bot",)] == 5
    assert seen["ai_worker_channel_connected_seconds", ("site",)] == 0
    assert seen["ai_worker_channel_connections_total", ("bot",)] == 2


def test_a_channel_that_is_gone_leaves_no_figures() -> None:
    metrics, now = Metrics(), datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
    metrics.channels({"bot": (True, now)}, now=now)

    metrics.channels({}, now=now)

    assert not [
        name for name, labels in values(metrics) if labels == ("bot",) and name.startswith("ai_worker_channel_u")
    ]
