"""`Idempotency-Key`: the same request again gets the first answer again.

Questions derive their message id from the key, so the store recognises a repeat, restarts included.
Everything else is repeatable by nature: a message has an id of its own, a document or an entry
replaces itself. For those, the first answers are kept here, in memory: after a restart a repeat
is done again, to the same effect.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from ai_worker.api.auth import Caller
from ai_worker.api.problems import Invalid, KeyReused
from ai_worker.foundation.clock import Clock

HEADER = "idempotency-key"
KEPT_S = 24 * 3600.0
MOST = 10_000
MOST_BYTES = 16_000_000


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
class _First:
    digest: str
    until: float
    response: asyncio.Future[Response]


class FirstAnswers:
    """First answers of the last 24 hours, at most 10,000 and 16 MB of them."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._first: OrderedDict[tuple[str, str], _First] = OrderedDict()
        self._bytes = 0

    async def once(
        self, caller: Caller, key: str | None, digest: str, act: Callable[[], Awaitable[Response]]
    ) -> Response:
        """Return what `act` answers, or what it answered when this key first came.

        Two of the same at once are done once. If the first fails, nothing is kept and the second
        is done.

        Raises:
            KeyReused: The key came with another digest.
        """
        if key is None:
            return await act()
        place = (caller.name, key)
        while (first := self._known(place)) is not None:
            if first.digest != digest:
                raise KeyReused("This Idempotency-Key was used with another body")
            await asyncio.wait([first.response])
            if not first.response.cancelled():
                return first.response.result()
        return await self._act(place, digest, act)

    async def _act(self, place: tuple[str, str], digest: str, act: Callable[[], Awaitable[Response]]) -> Response:
        first = _First(digest, self._clock.monotonic() + KEPT_S, asyncio.get_running_loop().create_future())
        self._first[place] = first
        try:
            response = await act()
        except BaseException:
            del self._first[place]
            first.response.cancel()
            raise
        first.response.set_result(response)
        self._bytes += len(response.body)
        self._forget()
        return response

    def _known(self, place: tuple[str, str]) -> _First | None:
        first = self._first.get(place)
        if first is not None and self._clock.monotonic() >= first.until:
            self._drop(place)
            return None
        return first

    def _forget(self) -> None:
        """Drop the oldest answers while there are too many."""
        while len(self._first) > MOST or self._bytes > MOST_BYTES:
            oldest = next(iter(self._first))
            if not self._first[oldest].response.done():
                return
            self._drop(oldest)

    def _drop(self, place: tuple[str, str]) -> None:
        self._bytes -= len(self._first.pop(place).response.result().body)
