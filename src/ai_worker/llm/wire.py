"""The OpenAI chat API on the wire: requests made, answers read.

Reading is typed and strict (msgspec): an answer with a wrong type in it is no answer. Unknown
fields are ignored, because every server adds some.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ai_worker.conversation.model import ChatMessage, ToolCall, ToolSchema
from ai_worker.foundation.text import clean

_FOREIGN = re.compile(r"[^a-zA-Z0-9_-]")


class Function(msgspec.Struct):
    """The call inside a tool call; in a stream, a fragment of it."""

    name: str | None = None
    arguments: str | None = None


class WireToolCall(msgspec.Struct):
    """A tool call, or the fragment of one; `index` says of which."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class WireMessage(msgspec.Struct):
    """What the model says; in a stream, the next piece of it."""

    content: str | None = None
    tool_calls: list[WireToolCall] | None = None
    refusal: str | None = None
    """Why the server would not answer, in place of an answer (OpenAI)."""


class WireChoice(msgspec.Struct):
    """One answer; we ask for one."""

    message: WireMessage | None = None
    delta: WireMessage | None = None
    finish_reason: str | None = None


class Usage(msgspec.Struct):
    """What the server counted."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class WireAnswer(msgspec.Struct):
    """A whole answer, or one chunk of a stream."""

    choices: list[WireChoice] = msgspec.field(default_factory=list)
    model: str | None = None
    usage: Usage | None = None
    error: Any = None


FILTERED = ("content_filter", "sensitive", "content-filter")
"""Reasons to finish that mean: a filter of the server cut the answer off, or let none come about."""

read_answer = msgspec.json.Decoder(WireAnswer).decode
"""Decode an answer or a chunk. Raises ValueError for anything else (`MALFORMED`)."""

MALFORMED = (msgspec.DecodeError, UnicodeDecodeError)
"""What `read_answer` raises for HTML, cut JSON, wrong types and invalid UTF-8."""


def wire_name(name: str) -> str:
    """Return a tool's name as the API allows it: letters, digits, `_` and `-`, at most 64."""
    return _FOREIGN.sub("_", name)[:64]


def names_back(tools: Sequence[ToolSchema]) -> dict[str, str]:
    """Return our tool names by their names on the wire."""
    return {wire_name(tool.name): tool.name for tool in tools}


def request_body(
    model: str, messages: Sequence[ChatMessage], *, tools: Sequence[ToolSchema], max_tokens: int | None, stream: bool
) -> bytes:
    """Return the JSON body of one call."""
    body: dict[str, Any] = {"model": model, "messages": [_message(message) for message in messages]}
    if tools:
        body["tools"] = [_tool(tool) for tool in tools]
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    if stream:
        body["stream"] = True
        body["stream_options"] = {"include_usage": True}
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:  # a lone surrogate, from a business system's JSON
        return msgspec.json.encode(_cleaned(body))


def merged(fragments: Sequence[WireToolCall], back: Mapping[str, str]) -> tuple[ToolCall, ...]:
    """Put tool calls together from their fragments, in the order in which they began.

    A fragment without an index belongs to the call whose id it carries, or to the latest one.
    Names are given back as our own where they are known.
    """
    calls: dict[object, list[str]] = {}
    latest: object = None
    for fragment in fragments:
        key: object = fragment.index if fragment.index is not None else fragment.id or latest
        latest = 0 if key is None else key
        call = calls.setdefault(latest, ["", "", ""])
        call[0] = call[0] or fragment.id or ""
        if fragment.function is not None:
            call[1] += fragment.function.name or ""
            call[2] += fragment.function.arguments or ""
    return tuple(
        ToolCall(id_ or f"call_{number}", back.get(name, name), arguments)
        for number, (id_, name, arguments) in enumerate(calls.values())
    )


def _message(message: ChatMessage) -> dict[str, Any]:
    body: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        body["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": wire_name(call.name), "arguments": call.arguments},
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        body["tool_call_id"] = message.tool_call_id
    return body


def _tool(tool: ToolSchema) -> dict[str, Any]:
    function = {"name": wire_name(tool.name), "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {_cleaned(key): _cleaned(inner) for key, inner in value.items()}
    return [_cleaned(inner) for inner in value] if isinstance(value, list | tuple) else value
