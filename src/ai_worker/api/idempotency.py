"""`Idempotency-Key`: the same request again gets the first answer again, and is done once.

First answers are kept in the store, for 24 hours, once what they tell of is durable. They survive
restarts, and every node on the same database knows them. Of a request only digests are kept.

Should the process die after the work and before its answer is kept, nobody was answered, and the
repeat is done again. That is safe because everything here is recognised by an id of its own
underneath: a question by the message id that is made of its key, a message by its `message_id`, a
document or an entry replaces itself.

An endpoint whose answer holds a secret must not go through here: the answer would be kept.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from starlette.requests import Request
from starlette.responses import Response

from ai_worker.api.auth import Caller
from ai_worker.api.problems import Invalid, KeyReused
from ai_worker.api.stream import EventStream
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import AiWorkerError
from ai_worker.pipeline.answers import LARGEST, FirstAnswer, FirstAnswerStore

log = structlog.get_logger(__name__)

HEADER = "idempotency-key"

Act = Callable[[], Awaitable[Response]]


def idempotency_key(request: Request) -> str | None:
    """Return the request's Idempotency-Key; `None` if it has none.

    Raises:
        Invalid: It has several, or one that is not 1 to 255 printable ASCII characters.
    """
    values = request.headers.getlist(HEADER)
    if not values:
        return None
    if len(values) > 1 or not 1 <= len(values[0]) <= 255 or not (values[0].isascii() and values[0].isprintable()):
        raise Invalid("`Idempotency-Key` must be 1 to 255 printable ASCII characters, once")
    return values[0]


@dataclass(frozen=True, slots=True)
class _Flight:
    """A request that is being done now, and what becomes of it.

    Its end is `None` for a stream, which cannot be given to two: the others do it themselves.
    """

    digest: bytes
    end: asyncio.Future[Response | AiWorkerError | None]


class FirstAnswers:
    """Does what comes with an Idempotency-Key once. Requests without one pass through at no cost."""

    def __init__(self, store: FirstAnswerStore, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._flights: dict[bytes, _Flight] = {}

    async def once(self, request: Request, caller: Caller, meaning: str, act: Act) -> Response:
        """Return what `act` answers, or what it answered when this key first came.

        Two of the same at once are done once, and answered or refused alike. What fails keeps
        nothing, so that the key can be used again. An answer that cannot be kept is not given: the
        caller is told to come again, and the repeat finds the work done.

        Args:
            request: The request, whose header names it.
            caller: Who asks; the keys of two callers never meet.
            meaning: The digest of the request's body.
            act: Does the work; durable when it returns.

        Raises:
            KeyReused: The key came with another body, or for another address.
            StoreBusy: It is not known whether the key came before, or the answer cannot be kept.
        """
        key = idempotency_key(request)
        if key is None:
            return await act()
        place, digest = _sha256(caller.name, key), _sha256(request.url.path, meaning)
        while (flight := self._flights.get(place)) is not None:
            if flight.digest != digest:
                raise _reused()
            await asyncio.wait([flight.end])
            end = None if flight.end.cancelled() else flight.end.result()
            if isinstance(end, AiWorkerError):
                raise end
            if end is not None:
                return end
        return await self._fly(place, digest, act)

    async def _fly(self, place: bytes, digest: bytes, act: Act) -> Response:
        flight = _Flight(digest, asyncio.get_running_loop().create_future())
        self._flights[place] = flight
        try:
            response = await self._answer(place, digest, act)
            flight.end.set_result(None if isinstance(response, EventStream) else response)
        except AiWorkerError as error:
            flight.end.set_result(error)
            raise
        finally:
            del self._flights[place]
            flight.end.cancel()
        return response

    async def _answer(self, place: bytes, digest: bytes, act: Act) -> Response:
        known = await self._store.find(place, now=self._clock.now())
        if known is not None:
            return _again(known, digest) or await act()
        response = await act()
        try:
            kept = await self._store.keep(self._first(place, digest, response))
            return _again(kept, digest) or response
        except AiWorkerError:
            if isinstance(response, EventStream):
                response.release()
            raise

    def _first(self, place: bytes, digest: bytes, response: Response) -> FirstAnswer:
        body = None if isinstance(response, EventStream) else bytes(response.body)
        if body is not None and len(body) > LARGEST:
            log.info("api.answer_not_kept", reason="too large", bytes=len(body))
            body = None
        return FirstAnswer(place, digest, response.status_code, response.media_type or "", body, self._clock.now())


def _again(known: FirstAnswer, digest: bytes) -> Response | None:
    """Return the first answer once more; `None` if it was not kept whole.

    Raises:
        KeyReused: It is another request's.
    """
    if known.digest != digest:
        raise _reused()
    if known.body is None:
        return None
    return Response(known.body, known.status, media_type=known.media_type)


def _reused() -> KeyReused:
    return KeyReused("This Idempotency-Key was used with another body")


def _sha256(first: str, second: str) -> bytes:
    """Return the SHA-256 of two texts; the first must not hold a NUL, which no name and no path does."""
    return hashlib.sha256(f"{first}\0{second}".encode()).digest()
