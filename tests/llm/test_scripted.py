"""The scripted model, judged by the official client."""

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from ai_worker.llm.scripted import Asked, Call, Say, ScriptedModel

QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "订单到哪了？"}]
TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "get_order", "description": "查订单", "parameters": {"type": "object"}},
}


def client(model: ScriptedModel) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=model.base_url, api_key="sk-test", max_retries=0)


async def test_it_answers_the_official_client() -> None:
    async with ScriptedModel("已发货。") as model, client(model) as official:
        answer = await official.chat.completions.create(model="scripted", messages=QUESTION)

    assert answer.choices[0].message.content == "已发货。"
    assert model.asked[0].last == "订单到哪了？"
    assert model.asked[0].authorization == "Bearer sk-test"


async def test_it_streams_in_pieces_to_the_official_client() -> None:
    async with ScriptedModel("您的订单已发货。", piece=3) as model, client(model) as official:
        stream = await official.chat.completions.create(model="scripted", messages=QUESTION, stream=True)
        pieces = [chunk.choices[0].delta.content async for chunk in stream if chunk.choices]

    assert [piece for piece in pieces if piece] == ["您的订", "单已发", "货。"]


async def test_it_calls_tools_and_then_reads_their_results() -> None:
    def rule(asked: Asked) -> Say:
        if asked.messages[-1]["role"] == "tool":
            return Say(f"结果：{asked.last}")
        return Say(calls=(Call("get_order", {"id": "ORD12345"}),))

    async with ScriptedModel(rule) as model, client(model) as official:
        first = await official.chat.completions.create(model="scripted", messages=QUESTION, tools=[TOOL])
        calls = first.choices[0].message.tool_calls or []
        second = await official.chat.completions.create(
            model="scripted",
            messages=[*QUESTION, {"role": "tool", "tool_call_id": calls[0].id, "content": "已签收"}],
        )

    assert calls[0].type == "function"
    assert calls[0].function.arguments == '{"id":"ORD12345"}'
    assert second.choices[0].message.content == "结果：已签收"


async def test_a_list_is_said_in_order_and_its_last_line_again() -> None:
    async with ScriptedModel(["一", "二"]) as model, client(model) as official:
        said = [
            (await official.chat.completions.create(model="scripted", messages=QUESTION)).choices[0].message.content
            for _ in range(3)
        ]

    assert said == ["一", "二", "二"]


async def test_an_outage_is_switched_on_and_off() -> None:
    async with ScriptedModel("好的。") as model, client(model) as official:
        model.misbehave = "500"
        with pytest.raises(openai.InternalServerError):
            await official.chat.completions.create(model="scripted", messages=QUESTION)
        model.misbehave = "dead"
        with pytest.raises(openai.APIConnectionError):
            await official.chat.completions.create(model="scripted", messages=QUESTION)
        model.misbehave = None
        answer = await official.chat.completions.create(model="scripted", messages=QUESTION)

    assert answer.choices[0].message.content == "好的。"


async def test_too_many_requests_say_when_to_come_back() -> None:
    async with ScriptedModel("好的。", retry_after_s=7) as model, client(model) as official:
        model.misbehave = "429"
        with pytest.raises(openai.RateLimitError) as refused:
            await official.chat.completions.create(model="scripted", messages=QUESTION)

    assert refused.value.response.headers["Retry-After"] == "7"


async def test_a_body_that_is_no_json_is_refused() -> None:
    async with ScriptedModel() as model, client(model) as official:
        refused = await official._client.post(f"{model.base_url}/chat/completions", content=b"{")

    assert refused.status_code == 400


async def test_it_lists_its_one_model() -> None:
    async with ScriptedModel(name="qwen3-32b") as model, client(model) as official:
        names = [listed.id async for listed in official.models.list()]

    assert names == ["qwen3-32b"]
