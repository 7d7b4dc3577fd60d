"""`/v1`: what clients of the OpenAI API expect."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ai_worker.api.ask import CHANNEL, question_id
from ai_worker.api.auth import Caller
from ai_worker.api.bodies import answer, plain, read_json, words
from ai_worker.api.endpoint import Endpoint
from ai_worker.api.idempotency import FirstAnswers
from ai_worker.api.problems import Invalid, Unanswered
from ai_worker.api.questions import Questions, Watch
from ai_worker.api.shapes import Answer, Id, Role, Said, heard, shown
from ai_worker.api.stream import TICK, EventStream, event
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.conversation.persona import Staff
from ai_worker.conversation.turn import TurnResult
from ai_worker.foundation.clock import Clock
from ai_worker.pipeline.board import Delta, Finished, Restart

DONE = b"data: [DONE]\n\n"


class ContentPart(msgspec.Struct):
    """A piece of a message; only `text` is read."""

    type: str
    text: str = ""


class ChatTurn(msgspec.Struct):
    """One message. `system` and `developer` messages are not followed: the worker has its own instructions."""

    role: Role
    content: str | list[ContentPart] | None = None

    def said(self) -> Said:
        """Return the message's words."""
        if isinstance(self.content, list):
            return Said(self.role, "\n".join(part.text for part in self.content if part.type == "text"))
        return Said(self.role, self.content or "")


class StreamOptions(msgspec.Struct):
    """What a stream tells besides the answer."""

    include_usage: bool | None = None


class ChatCompletion(msgspec.Struct):
    """A question with what was said before it. The last `user` message is answered."""

    model: str
    messages: Annotated[list[ChatTurn], msgspec.Meta(min_length=1, max_length=500)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: Id | None = None


class Completion(msgspec.Struct):
    """An answer in the shape of the OpenAI API, with `ai_worker` added."""

    id: str
    object: str
    created: int
    model: str
    choices: list[dict[str, Any]]
    usage: dict[str, int]
    ai_worker: Answer


class ChatCompletions:
    """The rooms under `/v1`."""

    def __init__(self, questions: Questions, *, firsts: FirstAnswers, staff: Staff, clock: Clock) -> None:
        self._questions = questions
        self._firsts = firsts
        self._staff = staff
        self._clock = clock

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints of this room."""
        return [
            Endpoint(
                method="POST",
                path="/v1/chat/completions",
                scope="chat",
                handle=self._complete,
                summary="Ask, as with the OpenAI API; plain or as a stream",
                body=ChatCompletion,
                answer=Completion,
            ),
            Endpoint(
                method="GET", path="/v1/models", scope="chat", handle=self._models, summary="List the workers as models"
            ),
            Endpoint(
                method="GET",
                path="/v1/models/{model}",
                scope="chat",
                handle=self._model,
                summary="Show one worker as a model",
            ),
        ]

    async def _models(self, request: Request, caller: Caller) -> Response:
        return answer({"object": "list", "data": [_model(worker.name) for worker in self._staff.workers]})

    async def _model(self, request: Request, caller: Caller) -> Response:
        return answer(_model(self._staff.named(request.path_params["model"]).name))

    async def _complete(self, request: Request, caller: Caller) -> Response:
        body = await read_json(request, ChatCompletion)
        message = self._inbound(body, request, caller)
        return await self._firsts.once(request, caller, message.digest, lambda: self._put(message, body))

    async def _put(self, message: InboundMessage, body: ChatCompletion) -> Response:
        watch = await self._questions.put(message)
        first = await watch.record() if watch.duplicate else None
        writer = _Writer(watch.turn_id, first.received_at if first else message.received_at, body.model)
        if body.stream:
            usage = bool(body.stream_options and body.stream_options.include_usage)
            return EventStream(_stream(watch, writer, usage=usage), release=watch.close)
        with watch:
            return answer(writer.whole(await watch.result()))

    def _inbound(self, body: ChatCompletion, request: Request, caller: Caller) -> InboundMessage:
        worker = self._staff.named(body.model)
        said = [turn.said() for turn in body.messages]
        last = max((place for place, each in enumerate(said) if each.role == "user"), default=None)
        if last is None:
            raise Invalid("`messages` holds no message of the role user")
        contact = plain(body.user, "user") if body.user else caller.name
        message_id, sha = question_id(request, caller, body)
        return InboundMessage(
            channel=CHANNEL,
            message_id=message_id,
            conversation_key=message_id,
            contact=Contact(caller.owned(contact), contact),
            text=words(said[last].content, "messages"),
            received_at=self._clock.now(),
            worker=worker.name,
            history=heard(said[:last]),
            standalone=True,
            digest=sha,
        )


class _Writer:
    """Writes one turn in the shapes of the OpenAI API."""

    def __init__(self, turn_id: str, at: datetime, model: str) -> None:
        self._turn_id = turn_id
        self._created = int(at.timestamp())
        self._model = model

    def whole(self, result: TurnResult) -> dict[str, Any]:
        """Return the whole completion."""
        shape = shown(self._turn_id, result)
        message = {"role": "assistant", "content": shape["text"], "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return self._head("chat.completion") | {"choices": [choice], "usage": _usage(result), "ai_worker": shape}

    def chunk(self, delta: dict[str, str]) -> bytes:
        """Return one piece of a streamed completion."""
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}
        return event(self._head("chat.completion.chunk") | {"choices": [choice]})

    def end(self, result: TurnResult, *, usage: bool) -> bytes:
        """Return the last pieces of a streamed completion."""
        head = self._head("chat.completion.chunk")
        shape = {"ai_worker": shown(self._turn_id, result)}
        choice = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
        last = event(head | {"choices": [choice]} | shape)
        return last + (event(head | {"choices": [], "usage": _usage(result)} | shape) if usage else b"") + DONE

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": f"chatcmpl-{self._turn_id}", "object": kind, "created": self._created, "model": self._model}


async def _stream(watch: Watch, writer: _Writer, *, usage: bool) -> AsyncIterator[bytes]:
    yield writer.chunk({"role": "assistant", "content": ""})
    sent, void = "", False
    try:
        while True:
            match await watch.next():
                case Delta(text=text) if not void:
                    sent += text
                    yield writer.chunk({"content": text})
                case Restart():  # what is out cannot be taken back: the whole answer follows at its end
                    void = bool(sent)
                case Finished(result=result):
                    if rest := _rest("" if void else sent, result, begun=bool(sent)):
                        yield writer.chunk({"content": rest})
                    yield writer.end(result, usage=usage)
                    return
                case _:
                    yield TICK
    except Unanswered as error:
        yield event({"error": {"message": str(error), "type": "server_error", "param": None, "code": error.code}})
        yield DONE


def _rest(sent: str, result: TurnResult, *, begun: bool) -> str:
    """Return what is still to be sent of the final text, after the pieces that went out."""
    text = result.reply.text if result.reply else ""
    if text.startswith(sent.strip()):
        rest = text[len(sent.strip()) :]
        return f"\n\n{rest}" if begun and not sent else rest
    return f"\n\n{text}"


def _usage(result: TurnResult) -> dict[str, int]:
    return {"prompt_tokens": 0, "completion_tokens": result.tokens, "total_tokens": result.tokens}


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "ai-worker"}
