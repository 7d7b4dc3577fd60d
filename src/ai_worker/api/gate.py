"""The gate: what every request passes first, and where every error ends."""

import asyncio
import random
from collections.abc import Mapping

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ai_worker.api.limits import Limits
from ai_worker.api.peer import client_address
from ai_worker.api.problems import BodyTooLarge, Defect, Malformed, NoSuchRoute, WrongMedia, WrongMethod, problem
from ai_worker.api.protocol import ARRIVED
from ai_worker.foundation.errors import AiWorkerError, Busy
from ai_worker.keys.network import Networks

log = structlog.get_logger(__name__)

NOSNIFF = (b"x-content-type-options", b"nosniff")

MOST_TAKEN = 2_000
"""Messages that are being made durable at once, about a second's work. More are told to come again."""

AGAIN_S = (2.0, 6.0)
"""Who is turned away comes again within these seconds, spread out: a crowd would be turned away again."""

LATE_S = 1.3
"""Platforms give up after 3 to 5 seconds, and we promise 2. A message that is kept by then is acknowledged
when it comes again."""


class Stopping(Busy):
    """The process is ending; another one, or the next start, will take the request."""

    code = "server.stopping"


class Overloaded(Busy):
    """More messages come in than can be made durable in time; this one was not looked at."""

    code = "server.overloaded"


class TooLate(Busy):
    """The message could not be acknowledged in time. It may be kept; then it is recognised when it comes again."""

    code = "server.too_late"


class Gate:
    """Tells who is calling, refuses bodies that are too large or packed, and answers what went wrong."""

    def __init__(self, app: ASGIApp, *, limits: Limits, trusted: Networks) -> None:
        self._app = app
        self._limits = limits
        self._trusted = trusted
        self._taken = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request or socket on."""
        scope["client"] = (client_address(scope, self._trusted), 0)
        scope["app"] = self  # starlette's router then raises what it refuses, and the words are ours
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _take(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        """Pass a message on, unless there are more than can be taken in time.

        Raises:
            Overloaded: It is better turned away at once than acknowledged late.
        """
        if self._taken >= MOST_TAKEN:
            again = random.uniform(*AGAIN_S)  # noqa: S311  (spreads load, guards nothing)
            raise Overloaded("More messages are coming in than can be taken at once", retry_after=again)
        answer.good_until = scope.get(ARRIVED, asyncio.get_running_loop().time()) + LATE_S
        self._taken += 1
        try:
            await self._app(scope, receive, answer)
        finally:
            self._taken -= 1

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer(send)
        try:
            serve = self._take if _is_message(scope) else self._app
            await serve(scope, self._bounded(scope, receive), answer)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            await self._tell(Stopping("ai-worker is being stopped"), scope, receive, answer)
            raise
        except AiWorkerError as error:
            await self._tell(error, scope, receive, answer)
        except HTTPException as refused:
            await self._tell(_routing(refused), scope, receive, answer, headers=refused.headers)
        except Exception:  # a task boundary: one request must not take the others along
            log.exception("api.defect", method=scope["method"], path=scope["path"])
            await self._tell(Defect(), scope, receive, answer)

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        """Return a `receive` that refuses a body before, or as soon as, it is too large.

        Raises:
            BodyTooLarge: Its length is announced and too large.
            WrongMedia: It is compressed: a few bytes could become any number.
        """
        limit = self._limits.body_bytes(scope["path"])
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > limit:
                raise BodyTooLarge(f"At most {limit} bytes are taken here")
            if name == b"content-encoding" and value.strip().lower() not in (b"", b"identity"):
                raise WrongMedia("Compressed requests are not taken")
        taken = 0

        async def bounded() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                raise BodyTooLarge(f"At most {limit} bytes are taken here")
            return message

        return bounded

    async def _tell(
        self,
        error: AiWorkerError,
        scope: Scope,
        receive: Receive,
        answer: "_Answer",
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if answer.begun:
            return
        response = problem(error, path=scope["path"])
        for name, value in (headers or {}).items():
            response.headers[name] = value
        if any(name == b"expect" for name, _ in scope["headers"]):
            response.headers["connection"] = "close"  # its body may or may not come now: nobody can tell
        await response(scope, receive, answer)


class _Answer:
    """A `send` that knows whether it was used, and adds what every answer carries."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False
        self.good_until: float | None = None
        """Until when a success may be told, in the event loop's time; `None` for ever."""

    async def __call__(self, message: Message) -> None:
        """Pass a message of the application on.

        Raises:
            TooLate: It would tell of a success, too late for it to be believed.
        """
        if message["type"] == "http.response.start":
            good = message["status"] < 300
            if good and self.good_until is not None and asyncio.get_running_loop().time() > self.good_until:
                raise TooLate("The message could not be acknowledged in time")
            self.begun = True
            message["headers"] = [*message.get("headers", ()), NOSNIFF]
        await self._send(message)


def _is_message(scope: Scope) -> bool:
    """Return whether this is a request that makes a message durable and is answered at once."""
    path: str = scope["path"]
    return scope["method"] == "POST" and (path == "/api/v1/messages" or path.startswith("/channels/"))


def _routing(refused: HTTPException) -> AiWorkerError:
    if refused.status_code == 405:
        return WrongMethod("This address does not take this method")
    if refused.status_code == 404:
        return NoSuchRoute("There is nothing at this address")
    return Malformed("The body is not what its headers say it is")
