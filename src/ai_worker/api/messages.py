"""Messages over the API: accepted once they are durable, answered later."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ai_worker.api.ask import CHANNEL
from ai_worker.api.auth import Caller
from ai_worker.api.bodies import answer, digest, plain, read_json, words
from ai_worker.api.endpoint import Endpoint
from ai_worker.api.idempotency import FirstAnswers
from ai_worker.api.receipts import Receipts
from ai_worker.api.shapes import CandidateShape, CitationShape, Id, Text, shown
from ai_worker.api.stream import TICK, EventStream, event
from ai_worker.api.waiting import Waiting
from ai_worker.conversation.conversation import Conversation
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.conversation.store import ConversationStore, NoSuchConversation, ThreadItem, TurnRecord
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import NotFound
from ai_worker.foundation.text import clean
from ai_worker.notify.webhook import check_callback_url
from ai_worker.pipeline.board import Board, Delta, Finished, GivenUp, Listener, Note, PersonSaid, Restart
from ai_worker.pipeline.inbox import Intake

TICK_S = 15.0
ARRIVAL_S = 0.1
ARRIVAL_LOOKS = 50
"""How often and how many times a conversation is looked for whose first message is still in a queue."""

REPLAYED = 50
"""Lines of a conversation that a new listener is told first."""


class NoSuchTurn(NotFound):
    """No turn has this id, or none of this caller's."""

    code = "turn.not_found"


class Message(msgspec.Struct):
    """A message. `message_id` is what a repeat is recognised by."""

    message_id: Id
    conversation_id: Id
    contact: Id
    text: Text
    callback_url: Annotated[str, msgspec.Meta(min_length=1, max_length=2_000)] | None = None


class Receipt(msgspec.Struct):
    """The message is on disk."""

    turn_id: str
    status: Literal["accepted"]
    duplicate: bool


class Turn(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A turn: `waiting` for its answer, `held` with a holding notice, `done`, or `dead` (given up)."""

    turn_id: str
    status: Literal["waiting", "held", "done", "dead"]
    conversation_id: str
    received_at: str
    finished_at: str | None
    decision: Literal["answer", "clarify", "handoff"] | None = None
    text: str | None = None
    answer_id: str | None = None
    confidence: float | None = None
    candidates: list[CandidateShape] | None = None
    citations: list[CitationShape] | None = None


class Messages:
    """The rooms under `/api/v1/messages`, `/turns` and `/conversations`."""

    def __init__(
        self,
        *,
        inbox: Intake,
        board: Board,
        conversations: ConversationStore,
        firsts: FirstAnswers,
        waiting: Waiting,
        callback_hosts: Sequence[str],
        clock: Clock,
    ) -> None:
        self._inbox = inbox
        self._board = board
        self._conversations = conversations
        self._firsts = firsts
        self._waiting = waiting
        self._callback_hosts = tuple(callback_hosts)
        self._clock = clock
        self._receipts = Receipts()

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints of this room."""
        return [
            Endpoint(
                method="POST",
                path="/api/v1/messages",
                scope="chat",
                handle=self._post,
                summary="Accept a message; the reply comes by callback, by asking for the turn, or as an event",
                body=Message,
                answer=Receipt,
                status=202,
            ),
            Endpoint(
                method="GET",
                path="/api/v1/turns/{turn_id}",
                scope="chat",
                handle=self._turn,
                summary="Show how a turn stands, with its answer once it is there",
                answer=Turn,
            ),
            Endpoint(
                method="GET",
                path="/api/v1/conversations/{conversation_id:path}/events",
                scope="chat",
                handle=self._events,
                summary="Hear a conversation: its latest lines, then what is said, as server-sent events",
                details={"responses": {"200": {"description": "Events", "content": {"text/event-stream": {}}}}},
            ),
        ]

    async def _post(self, request: Request, caller: Caller) -> Response:
        body = await read_json(request, Message)
        message = self._inbound(body, caller)

        async def accept() -> Response:
            accepted = await self._inbox.accept(message)
            self._receipts.note(accepted, message)
            return answer(Receipt(accepted.turn_id, "accepted", accepted.duplicate), 202)

        return await self._firsts.once(request, caller, message.digest, accept)

    def _inbound(self, body: Message, caller: Caller) -> InboundMessage:
        address = {
            "message_id": plain(body.message_id, "message_id"),
            "conversation_id": plain(body.conversation_id, "conversation_id"),
            "key_id": caller.key_id,
        }
        if body.callback_url is not None:
            check_callback_url(body.callback_url, self._callback_hosts)
            address["callback_url"] = body.callback_url
        contact = plain(body.contact, "contact")
        return InboundMessage(
            channel=CHANNEL,
            message_id=caller.owned(body.message_id),
            conversation_key=caller.owned(body.conversation_id),
            contact=Contact(caller.owned(contact), contact),
            text=words(body.text, "text"),
            received_at=self._clock.now(),
            address=address,
            digest=digest(body),
        )

    async def _turn(self, request: Request, caller: Caller) -> Response:
        turn_id = request.path_params["turn_id"]
        record = await self._conversations.turn(turn_id) if clean(turn_id) == turn_id else None
        if record is None and (receipt := self._receipts.of_turn(turn_id)):
            if own_id := caller.own_id(receipt.conversation_key):
                return answer(_waiting_shape(turn_id, receipt.received_at, own_id))
        elif record is not None and record.channel == CHANNEL and (own_id := caller.own_id(record.conversation_key)):
            return answer(_turn_shape(record, own_id))
        raise NoSuchTurn("There is no such turn")

    async def _events(self, request: Request, caller: Caller) -> Response:
        own_id = request.path_params["conversation_id"]
        conversation = await self._find(own_id, caller) if clean(own_id) == own_id else None
        if conversation is None:
            raise NoSuchConversation("There is no such conversation")
        stack = ExitStack()
        listener = stack.enter_context(self._board.conversation(conversation.id))
        events = self._follow(conversation.id, own_id, listener, after=request.headers.get("last-event-id", ""))
        return EventStream(events, release=stack.close)

    async def _find(self, own_id: str, caller: Caller) -> Conversation | None:
        """Return the caller's conversation; an administrator's may also name its owner: `erp/k-1`."""
        key = caller.owned(own_id)
        found = await self._conversations.find(CHANNEL, key)
        for _ in range(ARRIVAL_LOOKS if self._receipts.expects(key) else 0):
            if found is not None or self._waiting.closed:
                break
            await asyncio.sleep(ARRIVAL_S)
            found = await self._conversations.find(CHANNEL, key)
        if found is None and caller.admin:
            return await self._conversations.find(CHANNEL, own_id)
        return found

    async def _follow(
        self, conversation_id: int, own_id: str, listener: Listener, *, after: str
    ) -> AsyncIterator[bytes]:
        told: set[str] = set()
        for item in _behind(await self._conversations.thread(conversation_id, limit=REPLAYED), after):
            if item.result is not None:
                told.add(item.turn_id)
            yield _line(item, own_id)
        while not self._waiting.closed:
            note = await self._waiting.hear(listener, TICK_S)
            if isinstance(note, Finished) and note.turn_id in told and not note.result.hold:
                told.discard(note.turn_id)  # it finished while the thread was being read
                continue
            yield _tell(note, own_id) if note else TICK


def _turn_shape(record: TurnRecord, own_id: str) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "turn_id": record.id,
        "status": record.state,
        "conversation_id": own_id,
        "received_at": record.received_at.isoformat(),
        "finished_at": record.finished_at.isoformat() if record.finished_at else None,
    }
    return shape | shown(record.id, record.result) if record.result else shape


def _waiting_shape(turn_id: str, received_at: datetime, own_id: str) -> dict[str, Any]:
    """Return the turn of a message that a queue has, and the store has not yet."""
    return {
        "turn_id": turn_id,
        "status": "waiting",
        "conversation_id": own_id,
        "received_at": received_at.isoformat(),
        "finished_at": None,
    }


def _behind(thread: Sequence[ThreadItem], after: str) -> Iterator[ThreadItem]:
    """Yield what was said to the contact, behind the event that the listener heard last if it is known."""
    heard = [place for place, item in enumerate(thread) if after and item.turn_id == after and not _holds(item)]
    behind = thread[heard[-1] + 1 :] if heard else thread
    yield from (item for item in behind if item.author in ("worker", "human"))


def _holds(item: ThreadItem) -> bool:
    """Return whether a line only says that the answer is on its way."""
    return item.author == "worker" and item.result is None


def _line(item: ThreadItem, own_id: str) -> bytes:
    if item.author == "human":
        return _person(item.text, item.name, own_id)
    head = {"conversation_id": own_id, "turn_id": item.turn_id}
    if item.result is None:  # without an id, as when it is told at once: the answer comes under that
        return event({"type": "holding", **head, "text": item.text}, name="holding")
    data = {"type": "reply", **head, **shown(item.turn_id, item.result)}
    return event(data, name="reply", event_id=item.turn_id)


def _person(text: str, name: str, own_id: str) -> bytes:
    return event({"type": "human", "conversation_id": own_id, "text": text, "name": name}, name="human")


def _tell(note: Note, own_id: str) -> bytes:
    """Return the event that tells of a note."""
    match note:
        case Finished(turn_id=turn_id, result=result):
            kind = "holding" if result.hold else "reply" if result.reply else "silent"
            data = {"type": kind, "conversation_id": own_id, **shown(turn_id, result)}
            return event(data, name=kind, event_id="" if result.hold else turn_id)
        case Delta(turn_id=turn_id, text=text):
            return event({"type": "delta", "turn_id": turn_id, "text": text}, name="delta")
        case Restart(turn_id=turn_id):
            return event({"type": "restart", "turn_id": turn_id}, name="restart")
        case GivenUp(turn_id=turn_id):
            return event({"type": "failed", "turn_id": turn_id}, name="failed")  # a person may let it be answered yet
        case PersonSaid(reply=reply, person=person):
            return _person(reply.text, person, own_id)
