from ai_worker.ops.health import Check, Readiness


def test_a_channel_that_is_down_is_reported_and_the_process_stays_ready() -> None:
    readiness = Readiness.of([Check("store", True), Check("channel.service-desk", False, "令牌失效", required=False)])

    assert readiness.ready
    assert [check.name for check in readiness.checks if not check.ok] == ["channel.service-desk"]


def test_without_a_writable_store_the_process_is_not_ready() -> None:
    assert not Readiness.of([Check("store", False, "disk full"), Check("settings", True)]).ready
