"""`POST /api/v1/ask`: one question, one answer, in one request."""

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ai_worker.api.auth import Caller
from ai_worker.api.bodies import answer, digest, plain, read_json, words
from ai_worker.api.endpoint import Endpoint
from ai_worker.api.idempotency import FirstAnswers, idempotency_key
from ai_worker.api.questions import Questions
from ai_worker.api.shapes import Answer, Id, Said, Text, heard, shown
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.ids import new_id

CHANNEL = "api"
"""The name of the channel that everything over the API belongs to."""


class Ask(msgspec.Struct):
    """A question. Without `conversation_id` it stands alone and nothing of it is remembered."""

    text: Text
    history: Annotated[list[Said], msgspec.Meta(max_length=200)] | None = None
    conversation_id: Id | None = None
    contact: Id | None = None


def endpoints(questions: Questions, *, firsts: FirstAnswers, clock: Clock) -> list[Endpoint]:
    """Return the endpoints of this room."""

    async def ask(request: Request, caller: Caller) -> Response:
        body = await read_json(request, Ask)
        message = inbound(body, request, caller, clock=clock)

        async def put() -> Response:
            with await questions.put(message) as watch:
                return answer(shown(watch.turn_id, await watch.result()))

        return await firsts.once(request, caller, message.digest, put)

    return [
        Endpoint(
            method="POST",
            path="/api/v1/ask",
            scope="chat",
            handle=ask,
            summary="Ask one question and wait for the answer",
            body=Ask,
            answer=Answer,
        )
    ]


def inbound(body: Ask, request: Request, caller: Caller, *, clock: Clock) -> InboundMessage:
    """Return the message that a question is; its id comes from the Idempotency-Key if there is one."""
    message_id, sha = question_id(request, caller, body)
    contact = plain(body.contact, "contact") if body.contact else caller.name
    alone = body.conversation_id is None
    return InboundMessage(
        channel=CHANNEL,
        message_id=message_id,
        conversation_key=message_id if alone else caller.owned(plain(body.conversation_id or "", "conversation_id")),
        contact=Contact(caller.owned(contact), contact),
        text=words(body.text, "text"),
        received_at=clock.now(),
        history=None if body.history is None else heard(body.history),
        standalone=alone,
        digest=sha,
    )


def question_id(request: Request, caller: Caller, body: msgspec.Struct) -> tuple[str, str]:
    """Return the message id of a question and, if it can come again, its digest."""
    key = idempotency_key(request)
    if key is None:
        return caller.derived(new_id("q")), ""
    return caller.derived(f"key/{key}"), digest(request.url.path.encode(), body)
