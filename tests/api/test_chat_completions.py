import asyncio
from collections.abc import AsyncIterator

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.api.world import World


@pytest.fixture
async def openai_client(world: World) -> AsyncIterator[AsyncOpenAI]:
    client = AsyncOpenAI(base_url=f"{world.url}/v1", api_key=world.key, max_retries=0)
    async with client:
        yield client


async def test_the_official_client_gets_an_answer(world: World, openai_client: AsyncOpenAI) -> None:
    completion = await openai_client.chat.completions.create(
        model="xiaohui",
        messages=[
            {"role": "system", "content": "你是海盗"},
            {"role": "user", "content": "我的订单是 ORD12345"},
            {"role": "assistant", "content": "已发货。"},
            {"role": "user", "content": [{"type": "text", "text": "到哪了？"}]},
        ],
        user="林晓燕",
    )

    assert completion.choices[0].message.content == "你说：到哪了？"
    assert completion.choices[0].finish_reason == "stop"
    extra = completion.model_extra or {}
    assert extra["ai_worker"]["answer_id"] == "faq-7"
    assert extra["ai_worker"]["citations"][0]["document"] == "售后政策.md"
    given = world.turns.seen[0]
    assert given.worker == "xiaohui"
    assert given.message.contact.name == "林晓燕"
    assert [said.text for said in given.history] == ["我的订单是 ORD12345", "已发货。"]


async def test_the_official_client_in_its_plain_form_gets_an_answer(world: World) -> None:
    def ask() -> str | None:
        with OpenAI(base_url=f"{world.url}/v1", api_key=world.key, max_retries=0) as client:
            messages = [{"role": "user", "content": "你好"}]
            return client.chat.completions.create(model="xiaozhi", messages=messages).choices[0].message.content  # type: ignore[arg-type]

    assert await asyncio.to_thread(ask) == "你说：你好"


@pytest.mark.parametrize("question", ["流式回答", "一次回答"])
async def test_a_stream_ends_with_what_the_answer_rests_on(openai_client: AsyncOpenAI, question: str) -> None:
    stream = await openai_client.chat.completions.create(
        model="xiaozhi",
        messages=[{"role": "user", "content": question}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]

    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == ("退款已经**原路**退回。" if question == "流式回答" else "你说：一次回答")
    assert chunks[-1].usage is not None
    assert (chunks[-1].model_extra or {})["ai_worker"]["decision"] == "answer"
    assert chunks[-2].choices[0].finish_reason == "stop"


async def test_a_stream_brings_the_words_as_they_are_written(openai_client: AsyncOpenAI) -> None:
    stream = await openai_client.chat.completions.create(
        model="xiaozhi", messages=[{"role": "user", "content": "流式回答"}], stream=True
    )
    pieces = [chunk.choices[0].delta.content async for chunk in stream if chunk.choices]

    assert [piece for piece in pieces if piece] == ["退款", "已经", "**原路**退回。"]


async def test_who_leaves_a_stream_does_not_stop_the_turn(world: World, openai_client: AsyncOpenAI) -> None:
    stream = await openai_client.chat.completions.create(
        model="xiaozhi", messages=[{"role": "user", "content": "等一等"}], stream=True
    )
    first = await anext(aiter(stream))
    turn_id = first.id.removeprefix("chatcmpl-")
    await stream.close()
    world.turns.gate.set()

    async with world.client() as client:
        while (turn := (await client.get(f"/api/v1/turns/{turn_id}")).json())["status"] != "done":
            await asyncio.sleep(0.02)
    assert turn["text"] == "你说：等一等"


async def test_an_unknown_model_is_refused_in_words_that_the_client_understands(openai_client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        await openai_client.chat.completions.create(model="gpt-9", messages=[{"role": "user", "content": "你好"}])

    assert refused.value.code == "worker.not_found"


async def test_a_bad_key_is_refused_in_words_that_the_client_understands(world: World) -> None:
    async with AsyncOpenAI(base_url=f"{world.url}/v1", api_key="sk-wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.models.list()

    assert refused.value.code == "keys.invalid"


async def test_the_workers_are_the_models(openai_client: AsyncOpenAI) -> None:
    assert [model.id async for model in openai_client.models.list()] == ["xiaozhi", "xiaohui"]
    assert (await openai_client.models.retrieve("xiaohui")).id == "xiaohui"


async def test_messages_without_a_question_are_refused(openai_client: AsyncOpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError):
        await openai_client.chat.completions.create(model="xiaozhi", messages=[{"role": "system", "content": "嗨"}])


async def test_the_same_idempotency_key_gives_the_same_completion(openai_client: AsyncOpenAI) -> None:
    completions = [
        await openai_client.chat.completions.create(
            model="xiaozhi",
            messages=[{"role": "user", "content": "你好"}],
            extra_headers={"idempotency-key": "once"},
        )
        for _ in range(2)
    ]

    assert completions[0] == completions[1]
