"""The ladder: one model after the other, and none that is known to be down."""

from datetime import timedelta

import pytest

from ai_worker.conversation.model import ModelFailed
from ai_worker.foundation.clock import FixedClock
from ai_worker.llm.circuit import Circuit
from ai_worker.llm.scripted import Misbehaviour, Say, ScriptedModel
from tests.llm.conftest import PROMPT, ladder


async def test_the_fallback_answers_when_the_primary_is_down(dead_url: str) -> None:
    async with ScriptedModel("我来替它回答。") as second, ladder(dead_url, second.base_url) as model:
        answer = await model.complete(PROMPT)

    assert answer.text == "我来替它回答。"
    assert second.asked[0].body["model"] == "model-1"


async def test_a_slow_primary_leaves_time_for_the_fallback() -> None:
    async with (
        ScriptedModel("太慢。", delay_s=30) as first,
        ScriptedModel("好的。") as second,
        ladder(first.base_url, second.base_url) as model,
    ):
        answer = await model.complete(PROMPT, deadline_s=0.9)

    assert answer.text == "好的。"


async def test_when_all_fail_the_error_names_each_and_no_text() -> None:
    broken = [Say("半句话", misbehave="half_stream")]
    async with (
        ScriptedModel(broken) as first,
        ScriptedModel(broken) as second,
        ladder(first.base_url, second.base_url) as model,
    ):
        with pytest.raises(ModelFailed) as failed:
            await model.complete(PROMPT, on_delta=lambda _: None)

    assert "model-0" in str(failed.value)
    assert "model-1" in str(failed.value)
    assert "半句" not in str(failed.value)


async def test_after_half_a_stream_the_fallback_answers_whole_and_unstreamed() -> None:
    heard: list[str] = []
    broken = [Say("第一个模型只说了一半", misbehave="half_stream")]
    async with (
        ScriptedModel(broken) as first,
        ScriptedModel("第二个模型的完整回答。") as second,
        ladder(first.base_url, second.base_url) as model,
    ):
        answer = await model.complete(PROMPT, on_delta=heard.append)

    assert answer.text == "第二个模型的完整回答。"
    assert "第二" not in "".join(heard)
    assert "stream" not in second.asked[0].body


async def test_a_dead_model_is_left_alone_and_probed_every_ten_seconds() -> None:
    clock = FixedClock()
    async with ScriptedModel("好的。") as server, ladder(server.base_url, clock=clock) as model:
        server.misbehave = "dead"
        for _ in range(3):
            with pytest.raises(ModelFailed):
                await model.complete(PROMPT)
        assert not model.healthy
        calls = server.calls

        with pytest.raises(ModelFailed, match="known to be down"):
            await model.complete(PROMPT)
        assert server.calls == calls, "an open circuit asks nobody"

        server.misbehave = None
        clock.advance(timedelta(seconds=10))
        assert (await model.complete(PROMPT)).text == "好的。"
        assert model.healthy


def test_the_circuit_opens_when_half_of_twenty_calls_fail() -> None:
    circuit = Circuit(FixedClock())
    for _ in range(10):
        circuit.succeeded()
        circuit.failed(connection=False)

    assert not circuit.closed


def test_the_circuit_stays_closed_below_twenty_calls() -> None:
    circuit = Circuit(FixedClock())
    for _ in range(19):
        circuit.failed(connection=False)

    assert circuit.closed


def test_failures_older_than_thirty_seconds_do_not_count() -> None:
    clock = FixedClock()
    circuit = Circuit(clock)
    for _ in range(19):
        circuit.failed(connection=False)
    clock.advance(timedelta(seconds=31))
    circuit.failed(connection=False)

    assert circuit.closed


def test_while_open_one_probe_goes_out_in_ten_seconds() -> None:
    clock = FixedClock()
    circuit = Circuit(clock)
    for _ in range(3):
        circuit.failed(connection=True)
    clock.advance(timedelta(seconds=10))

    assert [circuit.admit() for _ in range(3)] == [True, False, False]
    circuit.failed(connection=True)
    clock.advance(timedelta(seconds=10))
    assert circuit.admit()
    circuit.succeeded()
    assert [circuit.admit() for _ in range(3)] == [True, True, True]


@pytest.mark.parametrize("fault", ["filtered", "refusal"])
@pytest.mark.parametrize("streamed", [True, False])
async def test_what_a_content_filter_stops_the_next_model_answers(fault: Misbehaviour, streamed: bool) -> None:
    async with (
        ScriptedModel([Say("半句", misbehave=fault)]) as first,
        ScriptedModel("好的。") as second,
        ladder(first.base_url, second.base_url) as model,
    ):
        answer = await model.complete(PROMPT, on_delta=(lambda _: None) if streamed else None)
        assert answer.text == "好的。"
        assert first.calls == 1, "the same words would be refused again"
        assert model.healthy, "the server is well"
