"""What an OpenAI-compatible server writes: whole answers, and the chunks of a stream."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

CREATED = 1_795_328_640
"""When every scripted answer says it was made: the same script gives the same bytes."""

Calls = Sequence[tuple[str, Mapping[str, Any] | str]]
"""Tool calls: name, and arguments as an object or as the very text to send."""


Ends = Literal["stop", "filtered", "refusal"]
"""How an answer ends: as it should, cut off by a content filter, or with a refusal in its place."""

REFUSAL = "I'm sorry, I can't help with that."


def completion(model: str, text: str, calls: Calls, *, ends: Ends = "stop") -> dict[str, Any]:
    """Return the body of a whole answer."""
    message: dict[str, Any] = {"role": "assistant", "content": text or None}
    if ends == "refusal":
        message |= {"content": None, "refusal": REFUSAL}
    if calls:
        message["tool_calls"] = [_call(number, name, arguments) for number, (name, arguments) in enumerate(calls)]
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": _finish(calls, ends)}],
        "usage": _usage(text),
    }


WIDTH = 64
"""Numbers in a scripted vector."""


def vector(text: str) -> list[float]:
    """Return a vector in which each pair of characters has its own place: nearness by words, without any meaning."""
    numbers = [0.0] * WIDTH
    for at in range(max(1, len(text) - 1)):
        place = hashlib.sha256(text[at : at + 2].encode()).digest()
        numbers[place[0] % WIDTH] += 1.0 if place[1] % 2 else -1.0
    return numbers if any(numbers) else [1.0, *numbers[1:]]


def embedded(model: str, vectors: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Return the body of an answer with vectors."""
    return {
        "object": "list",
        "model": model,
        "data": [
            {"object": "embedding", "index": number, "embedding": list(numbers)}
            for number, numbers in enumerate(vectors)
        ],
        "usage": {"prompt_tokens": len(vectors), "total_tokens": len(vectors)},
    }


def chunks(model: str, text: str, calls: Calls, *, piece: int, usage: bool, ends: Ends = "stop") -> list[bytes]:
    """Return the data of each event: the role, the text in pieces, tool calls in fragments, the end."""
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    if ends == "refusal":
        deltas.append({"refusal": REFUSAL})
    else:
        deltas += [{"content": text[at : at + piece]} for at in range(0, len(text), piece)]
    for number, (name, arguments) in enumerate(calls):
        call = _call(number, name, arguments)
        whole = call["function"]["arguments"]
        call["function"]["arguments"] = ""
        deltas.append({"tool_calls": [{"index": number, **call}]})
        for half in (whole[: len(whole) // 2], whole[len(whole) // 2 :]):
            deltas.append({"tool_calls": [{"index": number, "function": {"arguments": half}}]})
    events = [_chunk(model, delta, None) for delta in deltas]
    events.append(_chunk(model, {}, _finish(calls, ends)))
    if usage:
        events.append({**_chunk(model, {}, None), "choices": [], "usage": _usage(text)})
    return [*(msgspec.json.encode(event) for event in events), b"[DONE]"]


def _finish(calls: Calls, ends: Ends) -> str:
    return "content_filter" if ends == "filtered" else "tool_calls" if calls else "stop"


def _chunk(model: str, delta: Mapping[str, Any], finish: str | None) -> dict[str, Any]:
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": model,
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }


def _call(number: int, name: str, arguments: Mapping[str, Any] | str) -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
    return {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": text}}


def _usage(text: str) -> dict[str, int]:
    return {"prompt_tokens": 10, "completion_tokens": len(text), "total_tokens": 10 + len(text)}
