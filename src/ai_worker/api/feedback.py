"""Feedback over the API: whether an answer helped, and what it should have been."""

from typing import Annotated, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from ai_worker.api.ask import CHANNEL
from ai_worker.api.auth import Caller
from ai_worker.api.bodies import answer, digest, plain, read_json
from ai_worker.api.endpoint import Endpoint
from ai_worker.api.idempotency import FirstAnswers
from ai_worker.api.shapes import Id
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import NotFound
from ai_worker.foundation.text import clean
from ai_worker.learning.feedback import FeedbackStore, Rating


class NoSuchAnswer(NotFound):
    """No turn has this id, or none of this caller's."""

    code = "feedback.no_such_answer"
    hint = "Use the turn_id of an answer that this key was given. A key with scope admin may rate any answer."


class Opinion(msgspec.Struct):
    """What somebody thinks of one answer. The caller's later opinion of it replaces the earlier one."""

    turn_id: Id
    rating: Literal["up", "down"]
    correct_answer: Annotated[str, msgspec.Meta(max_length=20_000)] = ""
    reason: Annotated[str, msgspec.Meta(max_length=2_000)] = ""


class Noted(msgspec.Struct):
    """The opinion is kept."""

    turn_id: str
    rating: Literal["up", "down"]


class Feedback:
    """The room `/api/v1/feedback`."""

    def __init__(
        self, store: FeedbackStore, conversations: ConversationStore, *, firsts: FirstAnswers, clock: Clock
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._firsts = firsts
        self._clock = clock

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints of this room."""
        return [
            Endpoint(
                method="POST",
                path="/api/v1/feedback",
                scope="feedback",
                handle=self._rate,
                summary="Say whether an answer helped, and what it should have been",
                body=Opinion,
                answer=Noted,
            )
        ]

    async def _rate(self, request: Request, caller: Caller) -> Response:
        opinion = await read_json(request, Opinion)
        rating = Rating(
            plain(opinion.turn_id, "turn_id"),
            opinion.rating,
            self._clock.now(),
            CHANNEL,
            caller.name,
            reason=clean(opinion.reason),
            correct_answer=clean(opinion.correct_answer),
        )

        async def keep() -> Response:
            if not await self._may_rate(rating.turn_id, caller) or not await self._store.record(rating):
                raise NoSuchAnswer("There is no such answer")
            return answer(Noted(rating.turn_id, rating.mark))

        return await self._firsts.once(request, caller, digest(opinion), keep)

    async def _may_rate(self, turn_id: str, caller: Caller) -> bool:
        """Return whether the answer was given to this caller; an administrator may rate anybody's."""
        record = await self._conversations.turn(turn_id)
        if record is None:
            return False
        return caller.admin or (record.channel == CHANNEL and caller.own_id(record.conversation_key) is not None)
