"""Clock, ids, secrets, waits and events."""

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from ai_worker.foundation.clock import FixedClock, SystemClock, from_micros, to_micros
from ai_worker.foundation.events import EventBus
from ai_worker.foundation.ids import derived_id, new_id
from ai_worker.foundation.retry import backoff
from ai_worker.foundation.secret import Secret, SecretField


def test_stored_times_come_back_to_the_microsecond() -> None:
    moment = datetime(2026, 3, 29, 1, 59, 59, 999_999, tzinfo=UTC)

    assert from_micros(to_micros(moment)) == moment


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="timezone-aware"):
        to_micros(datetime(2026, 11, 22))  # noqa: DTZ001  (that is the point)


def test_the_fixed_clock_moves_both_hands_together() -> None:
    clock = FixedClock()
    before, mark = clock.now(), clock.monotonic()

    clock.advance(timedelta(minutes=5))

    assert clock.now() - before == timedelta(minutes=5)
    assert clock.monotonic() - mark == 300.0


def test_the_system_clock_is_aware() -> None:
    assert SystemClock().now().tzinfo is UTC


def test_made_ids_differ_and_sort_by_the_time_they_were_made() -> None:
    ids = [new_id("t") for _ in range(1_000)]

    assert len(set(ids)) == 1_000
    assert [i[:12] for i in ids] == sorted(i[:12] for i in ids)


def test_derived_ids_depend_on_where_one_part_ends() -> None:
    assert derived_id("r", "t-1", "reply") == derived_id("r", "t-1", "reply")
    assert derived_id("r", "ab", "c") != derived_id("r", "a", "bc")


def test_a_secret_shows_itself_to_nobody() -> None:
    secret = Secret("wecom-s3cret")

    assert "s3cret" not in f"{secret!r} {secret} {[secret]}"
    assert secret.reveal() == "wecom-s3cret"


class _Settings(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    token: SecretField


def test_a_secret_field_is_resolved_through_the_context() -> None:
    settings = _Settings.model_validate({"token": "env:T"}, context={"resolve": lambda ref: f"<{ref}>"})

    assert settings.token.reveal() == "<env:T>"
    assert "env:T" not in repr(settings)


def test_a_secret_field_refuses_what_is_not_text() -> None:
    with pytest.raises(ValidationError, match="a secret is text"):
        _Settings.model_validate({"token": 7})


@pytest.mark.parametrize("attempt", [1, 2, 5, 10, 10_000])
def test_waits_grow_to_a_cap_and_are_never_nothing(attempt: int) -> None:
    longest = min(30.0, 2.0 ** min(attempt - 1, 32))

    assert longest / 2 <= backoff(attempt, base=1.0, cap=30.0) <= longest


def test_a_subscriber_that_fails_does_not_silence_the_next() -> None:
    bus = EventBus()
    heard: list[str] = []

    def broken(_: str) -> None:
        raise RuntimeError("deaf")

    bus.subscribe(str, broken)
    bus.subscribe(str, heard.append)
    bus.publish("订单已发货")

    assert heard == ["订单已发货"]
