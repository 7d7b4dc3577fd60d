"""The thin client: what it sends, what it reads, and what it refuses to take for an answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from ai_worker.conversation.model import ChatMessage, ToolCall, ToolSchema
from ai_worker.llm.contract import CallFailed
from ai_worker.llm.openai_compatible import RetryBudget
from ai_worker.llm.scripted import Call, Misbehaviour, Say, ScriptedModel
from tests.llm.conftest import PROMPT, connected

ORDER = ToolSchema("erp.get_order", "查订单", {"type": "object", "properties": {"id": {"type": "string"}}})


@asynccontextmanager
async def server(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[str]:
    """A server that answers in its own way."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


def events(*data: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(_: web.Request) -> web.StreamResponse:
        body = "".join(f"data: {line}\r\n\r\n" for line in data)
        return web.Response(text=body, content_type="text/event-stream")

    return answer


async def test_a_plain_answer_comes_with_what_the_server_counted() -> None:
    async with ScriptedModel("七天内可以退货。", name="qwen3-32b") as server, connected(server.base_url) as model:
        answer = await model.complete(PROMPT, max_tokens=200)

    assert (answer.text, answer.model, answer.prompt_tokens) == ("七天内可以退货。", "qwen3-32b", 10)
    assert server.asked[0].body == {
        "model": "qwen3-32b",
        "max_tokens": 200,
        "messages": [{"role": "system", "content": "你是小智。"}, {"role": "user", "content": "怎么退货？"}],
    }


async def test_a_streamed_answer_is_heard_piece_by_piece() -> None:
    heard: list[str] = []
    async with ScriptedModel("七天内可以退货。", piece=4) as server, connected(server.base_url) as model:
        answer = await model.complete(PROMPT, on_delta=heard.append)

    assert heard == ["七天内可", "以退货。"]
    assert answer.text == "七天内可以退货。"
    assert answer.completion_tokens == 8
    assert answer.first_token_ms is not None


@pytest.mark.parametrize("streamed", [False, True])
async def test_tool_calls_keep_our_own_names(streamed: bool) -> None:
    say = Say(calls=(Call("erp_get_order", {"id": "ORD1"}), Call("erp_get_order", {"id": "ORD2"})))
    async with ScriptedModel([say]) as server, connected(server.base_url) as model:
        answer = await model.complete(PROMPT, tools=[ORDER], on_delta=(lambda _: None) if streamed else None)

    assert server.asked[0].tools == ["erp_get_order"]
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [
        ("erp.get_order", '{"id":"ORD1"}'),
        ("erp.get_order", '{"id":"ORD2"}'),
    ]


async def test_tool_results_go_back_in_the_shape_of_the_api() -> None:
    calls = (ToolCall("call_0", "erp.get_order", '{"id":"ORD1"}'),)
    prompt = [*PROMPT, ChatMessage("assistant", "", calls), ChatMessage("tool", "已发货", tool_call_id="call_0")]
    async with ScriptedModel() as server, connected(server.base_url) as model:
        await model.complete(prompt, tools=[ORDER])

    assert server.asked[0].messages[2]["tool_calls"][0]["function"]["name"] == "erp_get_order"
    assert server.asked[0].messages[3] == {"role": "tool", "content": "已发货", "tool_call_id": "call_0"}


async def test_the_key_is_sent_and_never_shown() -> None:
    async with ScriptedModel() as server, connected(server.base_url, api_key="sk-very-secret") as model:
        await model.complete(PROMPT)

    assert server.asked[0].authorization == "Bearer sk-very-secret"
    assert "sk-very-secret" not in repr(model.endpoint)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("fault", ["html", "empty", "half_stream", "bad_utf8", "error_in_stream", "dead", "500"])
async def test_a_broken_answer_is_no_answer(fault: Misbehaviour, streamed: bool) -> None:
    async with ScriptedModel([Say("半句话就断了。", misbehave=fault)]) as server, connected(server.base_url) as model:
        with pytest.raises(CallFailed) as failed:
            await model.complete(PROMPT, on_delta=(lambda _: None) if streamed else None, deadline_s=3)

    assert "半句" not in str(failed.value)


@pytest.mark.parametrize("fault", ["429", "500", "503", "dead"])
async def test_a_passing_fault_is_tried_again(fault: Misbehaviour) -> None:
    script: list[Say | str] = [Say(misbehave=fault), "好的。"]
    async with ScriptedModel(script, retry_after_s=0) as server, connected(server.base_url) as model:
        answer = await model.complete(PROMPT)

    assert answer.text == "好的。"
    assert server.calls == 2


async def test_a_refusal_that_would_come_again_is_not_repeated() -> None:
    async def unauthorized(_: web.Request) -> web.StreamResponse:
        return web.Response(status=401)

    async with server(unauthorized) as url, connected(url) as model:
        with pytest.raises(CallFailed, match="answered 401") as failed:
            await model.complete(PROMPT)

    assert not failed.value.again
    assert not failed.value.blameless


async def test_a_server_that_wants_long_to_be_left_alone_is() -> None:
    async with ScriptedModel("好的。", retry_after_s=60) as server, connected(server.base_url) as model:
        server.misbehave = "429"
        with pytest.raises(CallFailed, match="answered 429"):
            await model.complete(PROMPT)

    assert server.calls == 1


async def test_retries_stay_below_a_tenth_of_the_calls() -> None:
    budget = RetryBudget(share=0.1, cap=2)
    spent = 0
    for _ in range(100):
        budget.earn()
        spent += budget.spend()

    assert spent == 11


async def test_the_whole_call_ends_with_its_deadline() -> None:
    async with ScriptedModel("好的。", delay_s=30) as server, connected(server.base_url) as model:
        with pytest.raises(CallFailed, match=r"did not answer within 0\.2 s"):
            await model.complete(PROMPT, deadline_s=0.2)


async def test_a_stalled_stream_is_given_up() -> None:
    heard: list[str] = []
    stalled = [Say("第一句。第二句。", misbehave="stalled")]
    async with ScriptedModel(stalled) as server, connected(server.base_url, between_tokens_s=0.2) as model:
        with pytest.raises(CallFailed, match="stopped in the middle"):
            await model.complete(PROMPT, on_delta=heard.append)

    assert heard
    assert server.calls == 1, "text that was heard cannot be taken back by a second try"


async def test_a_stream_that_never_begins_is_given_up() -> None:
    async with ScriptedModel("好的。", delay_s=30) as server, connected(server.base_url, first_byte_s=0.2) as model:
        with pytest.raises(CallFailed, match="stopped in the middle"):
            await model.complete(PROMPT, on_delta=lambda _: None)


async def test_an_address_where_nobody_listens_is_a_connection_failure(dead_url: str) -> None:
    async with connected(dead_url) as model:
        with pytest.raises(CallFailed, match="cannot be reached") as failed:
            await model.complete(PROMPT)

    assert failed.value.connection


async def test_calls_beyond_the_slots_wait() -> None:
    together = peak = 0

    async def count(_: web.Request) -> web.StreamResponse:
        nonlocal together, peak
        together += 1
        peak = max(peak, together)
        await asyncio.sleep(0.02)
        together -= 1
        return web.json_response({"choices": [{"message": {"content": "好的。"}}]})

    async with server(count) as url, connected(url, max_concurrent=3) as model:
        await asyncio.gather(*(model.complete(PROMPT) for _ in range(12)))

    assert peak == 3


async def test_a_hundred_and_fifty_calls_run_at_once() -> None:
    """The pools of HTTP clients end at 100 by themselves, and nobody notices."""
    gate = asyncio.Barrier(150)

    async def wait_for_all(_: web.Request) -> web.StreamResponse:
        await gate.wait()
        return web.json_response({"choices": [{"message": {"content": "好的。"}}]})

    async with server(wait_for_all) as url, connected(url, max_concurrent=150) as model:
        answers = await asyncio.gather(*(model.complete(PROMPT) for _ in range(150)))

    assert len(answers) == 150


async def test_fragments_without_an_index_are_told_apart_by_their_ids() -> None:
    stream = events(
        '{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"erp_get_order","arguments":"{\\"id\\":"}}]}}]}',
        '{"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"\\"ORD1\\"}"}}]}}]}',
        '{"choices":[{"delta":{"tool_calls":[{"id":"b","function":{"name":"erp_get_order","arguments":"{}"}}]}}]}',
        '{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}',
    )
    async with server(stream) as url, connected(url) as model:
        answer = await model.complete(PROMPT, tools=[ORDER], on_delta=lambda _: None)

    assert [(call.id, call.arguments) for call in answer.tool_calls] == [("a", '{"id":"ORD1"}'), ("b", "{}")]


async def test_a_server_that_does_not_stream_is_heard_all_the_same() -> None:
    async def plain(_: web.Request) -> web.StreamResponse:
        return web.json_response({"choices": [{"message": {"content": "好的。"}, "finish_reason": "length"}]})

    heard: list[str] = []
    async with server(plain) as url, connected(url) as model:
        answer = await model.complete(PROMPT, on_delta=heard.append)

    assert heard == ["好的。"]
    assert answer.truncated


async def test_comments_in_a_stream_are_not_words() -> None:
    async def commented(_: web.Request) -> web.StreamResponse:
        body = ': waiting\n\ndata: {"choices":[{"delta":{"content":"好的。"},"finish_reason":"stop"}]}\n\n'
        return web.Response(text=body, content_type="text/event-stream")

    async with server(commented) as url, connected(url) as model:
        answer = await model.complete(PROMPT, on_delta=lambda _: None)

    assert answer.text == "好的。"


async def test_a_lone_surrogate_in_the_prompt_does_not_break_the_call() -> None:
    async with ScriptedModel() as server, connected(server.base_url) as model:
        await model.complete([ChatMessage("user", "订单 \ud800 在哪")])

    assert server.asked[0].last == "订单 \ufffd 在哪"


async def test_a_redirect_is_not_followed() -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:9/v1/chat/completions")

    async with server(elsewhere) as url, connected(url) as model:
        with pytest.raises(CallFailed, match="answered 307"):
            await model.complete(PROMPT)
