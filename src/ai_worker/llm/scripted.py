"""A model that says what it is told to: an OpenAI-compatible server over a real socket.

The demo, the drills and users' own tests point `[model] base_url` at it. It can also misbehave in
every way that real model servers were seen to.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import msgspec
from aiohttp import web

from ai_worker.llm.scripted_wire import Ends, chunks, completion, embedded, vector

Misbehaviour = Literal[
    "429", "500", "503", "html", "empty", "half_stream", "stalled", "bad_utf8", "error_in_stream",
    "bad_tool_json", "endless_tools", "dead", "filtered", "refusal",
]  # fmt: skip
"""What a model server does wrong.

`429` and `503` ask to come back after `retry_after_s`; `half_stream` ends the connection in the
middle of the answer, `stalled` stops there and keeps it open; `bad_tool_json` calls the first tool
offered with broken arguments; `endless_tools` calls it again and again; `dead` hangs up unanswered;
`filtered` ends as if a content filter had cut the answer off, `refusal` says in so many words that it will not.
"""

CUT_OFF = ("half_stream", "stalled")
"""The answer stops in its middle."""

ERROR = b'{"error":{"message":"out of memory","type":"server_error"}}'

REMEMBERED = 1_000
"""Requests that are kept; older ones are forgotten."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call that the model is to make."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    """Text is sent as it stands, broken or not."""


@dataclass(frozen=True, slots=True)
class Say:
    """One answer."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    delay_s: float = 0.0
    """Seconds before the first byte."""

    misbehave: Misbehaviour | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in."""

    body: Mapping[str, Any]
    authorization: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The prompt."""
        return list(self.body.get("messages", ()))

    @property
    def last(self) -> str:
        """The text of the prompt's last message."""
        return str(self.messages[-1].get("content") or "") if self.messages else ""

    @property
    def tools(self) -> list[str]:
        """The names of the tools on offer."""
        return [tool["function"]["name"] for tool in self.body.get("tools", ())]


Rule = Callable[[Asked], "Say | str"]
Script = Rule | Sequence[Say | str] | str
"""What it says: always the same, one after the other (the last again and again), or by a rule."""


class ScriptedModel:
    """An OpenAI-compatible chat server on loopback, from `async with` to the end of its block."""

    def __init__(
        self,
        script: Script = "好的。",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        name: str = "scripted",
        delay_s: float = 0.0,
        piece: int = 4,
        between_s: float = 0.0,
        retry_after_s: float | None = None,
        embeds: Callable[[str], Sequence[float]] | None = None,
    ) -> None:
        """Prepare the server.

        Args:
            script: What it says.
            host: The address to listen on.
            port: The port to listen on; 0 picks a free one.
            name: The model's name.
            delay_s: Seconds before each answer, on top of the answer's own.
            piece: Characters in one chunk of a stream.
            between_s: Seconds between two chunks.
            retry_after_s: The `Retry-After` of 429 and 503; `None` sends none.
            embeds: Returns the vector of a text; `None`: texts with the same pairs of characters are near.
        """
        self._script = script
        self._host = host
        self._port = port
        self._name = name
        self.delay_s = delay_s
        self._piece = piece
        self._between_s = between_s
        self._retry_after_s = retry_after_s
        self._embeds = embeds or vector
        self.embedded: deque[str] = deque(maxlen=REMEMBERED)
        """The latest texts that were embedded, oldest first."""

        self._runner: web.AppRunner | None = None
        self._said = 0
        self.misbehave: Misbehaviour | None = None
        """Overrides every answer while it is set: switch an outage on and off."""

        self.asked: deque[Asked] = deque(maxlen=REMEMBERED)
        """The latest requests, oldest first."""

        self.calls = 0
        """How many requests ever came in."""

    @property
    def base_url(self) -> str:
        """What to write into `[model] base_url`; known once it is started."""
        return f"http://{self._host}:{self._port}/v1"

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post("/v1/chat/completions", self._completions)
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/embeddings", self._embeddings)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host, self._port, backlog=2048)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Stop listening; from then on connections are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _next(self, asked: Asked) -> Say:
        if isinstance(self._script, str):
            said: Say | str = self._script
        elif callable(self._script):
            said = self._script(asked)
        else:
            said = self._script[min(self._said, len(self._script) - 1)]
        self._said += 1
        return Say(said) if isinstance(said, str) else said

    async def _models(self, _: web.Request) -> web.Response:
        return _json({"object": "list", "data": [{"id": self._name, "object": "model", "owned_by": "ai-worker"}]})

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        """Embed texts; `misbehave` of the whole server holds here, too, as far as it makes sense."""
        body = msgspec.json.decode(await request.read(), type=dict[str, Any])
        texts = [body["input"]] if isinstance(body["input"], str) else list(body["input"])
        self.calls += 1
        self.embedded.extend(texts)
        misbehave = self.misbehave
        await asyncio.sleep(self.delay_s if misbehave != "stalled" else 3600)
        if misbehave == "dead":
            assert request.transport is not None
            request.transport.abort()
        if (refusal := self._refusal(misbehave)) is not None:
            return refusal
        answer = embedded(self._name, [self._embeds(text) for text in texts])
        return await self._whole(request, msgspec.json.encode(answer), misbehave)

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        try:
            body = msgspec.json.decode(await request.read(), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return _json({"error": {"message": "the body is no JSON object"}}, status=400)
        asked = Asked(body, request.headers.get("Authorization", ""))
        self.asked.append(asked)
        say = self._next(asked)
        misbehave = self.misbehave or say.misbehave
        await asyncio.sleep(self.delay_s + say.delay_s)
        if misbehave == "dead":
            assert request.transport is not None
            request.transport.abort()
            return web.Response(status=500)
        if (refusal := self._refusal(misbehave)) is not None:
            return refusal
        if asked.tools and misbehave == "bad_tool_json":
            say = Say(calls=(Call(asked.tools[0], '{"id": "ORD1'),))
        elif asked.tools and misbehave == "endless_tools":
            say = Say(calls=(Call(asked.tools[0], _some_arguments(asked.body["tools"][0])),))
        calls = tuple((call.name, call.arguments) for call in say.calls)
        ends: Ends = misbehave if misbehave in ("filtered", "refusal") else "stop"
        if not body.get("stream"):
            whole = completion(self._name, say.text, calls, ends=ends)
            return await self._whole(request, msgspec.json.encode(whole), misbehave)
        usage = bool(body.get("stream_options", {}).get("include_usage"))
        pieces = chunks(self._name, say.text, calls, piece=self._piece, usage=usage, ends=ends)
        return await self._stream(request, pieces, misbehave)

    def _refusal(self, misbehave: Misbehaviour | None) -> web.Response | None:
        if misbehave in ("429", "500", "503"):
            headers = {} if self._retry_after_s is None else {"Retry-After": f"{self._retry_after_s:g}"}
            return _json({"error": {"message": "overloaded"}}, status=int(misbehave), headers=headers)
        if misbehave == "html":
            return web.Response(text="<html><body>Bad gateway</body></html>", content_type="text/html")
        if misbehave == "empty":
            return _json({"choices": []})
        return None

    async def _whole(self, request: web.Request, body: bytes, misbehave: Misbehaviour | None) -> web.StreamResponse:
        if misbehave in CUT_OFF:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            response.content_length = len(body)
            await response.prepare(request)
            await response.write(body[: len(body) // 2])
            return await self._leave(request, response, misbehave)
        if misbehave == "bad_utf8":
            body = body.replace(b'"content":', b'"content":"\xff\xfe","said":')
        elif misbehave == "error_in_stream":
            body = ERROR
        return web.Response(body=body, content_type="application/json")

    async def _leave(
        self, request: web.Request, response: web.StreamResponse, misbehave: Misbehaviour | None
    ) -> web.StreamResponse:
        """Hang up, or say nothing more."""
        if misbehave == "stalled":
            await asyncio.sleep(3600)
        assert request.transport is not None
        request.transport.abort()
        return response

    async def _stream(
        self, request: web.Request, pieces: Sequence[bytes], misbehave: Misbehaviour | None
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        await response.prepare(request)
        try:
            await self._write(response, pieces, misbehave)
        except ConnectionResetError:  # the caller has left
            return response
        return await self._leave(request, response, misbehave) if misbehave in CUT_OFF else response

    async def _write(
        self, response: web.StreamResponse, pieces: Sequence[bytes], misbehave: Misbehaviour | None
    ) -> None:
        broken = misbehave in CUT_OFF or misbehave in ("bad_utf8", "error_in_stream")
        for data in pieces[: len(pieces) // 2] if broken else pieces:
            await response.write(b"data: " + data + b"\n\n")
            if self._between_s:
                await asyncio.sleep(self._between_s)
        if misbehave == "bad_utf8":
            await response.write(b'data: {"choices":[{"delta":{"content":"\xff\xfe"}}]}\n\n')
        elif misbehave == "error_in_stream":
            await response.write(b"data: " + ERROR + b"\n\n")


def _some_arguments(tool: Mapping[str, Any]) -> dict[str, str]:
    """Return arguments that the tool's schema asks for."""
    return dict.fromkeys(tool["function"].get("parameters", {}).get("required", ()), "ORD12345")


def _json(body: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), status=status, headers=headers, content_type="application/json")
