"""One CalDAV server: requests that are proven, limited and bounded, and what its answers mean."""

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver

from ai_worker.connectors.caldav.multistatus import Found, NotMultistatus, read
from ai_worker.connectors.contract import Answer
from ai_worker.connectors.gate import Gate
from ai_worker.connectors.http.authenticate import Authenticator, Credential
from ai_worker.connectors.http.limits import Breaker, Rate, wait_for_room
from ai_worker.connectors.http.serialise import Request
from ai_worker.connectors.http.verdicts import judge, no_answer
from ai_worker.connectors.http.wire import Reply, Unanswered, Wire
from ai_worker.connectors.operation import Operation
from ai_worker.connectors.profile import Profile
from ai_worker.foundation.clock import Clock
from ai_worker.skills.tool import ToolFailed

XML = "application/xml; charset=utf-8"
ICALENDAR = "text/calendar; charset=utf-8"


class CalDavServer:
    """Sends single requests; nothing is sent twice."""

    def __init__(
        self,
        profile: Profile,
        credentials: Mapping[str, Credential],
        *,
        clock: Clock,
        resolver: AbstractResolver | None,
    ) -> None:
        parts = urlsplit(profile.base_url)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._profile = profile
        self._rate = Rate(profile.per_second, profile.burst, clock)
        self._breaker = Breaker(profile.failures_to_open, profile.rest_s, clock)
        self._authenticator = Authenticator({}, credentials, {}, base_url=self._origin, clock=clock)
        self._wire = Wire(
            Gate(addresses=(profile.base_url,), hosts=profile.hosts, networks=profile.networks),
            timeout_s=profile.timeout_s,
            max_connections=profile.max_connections,
            max_bytes=profile.max_bytes,
            resolver=resolver,
        )

    async def start(self) -> None:
        """Open the connection pool; calls nobody."""
        await self._wire.start()

    async def close(self) -> None:
        """Close the pool."""
        await self._wire.close()

    def address(self, path: str) -> str:
        """Return the whole address of something on the server."""
        return f"{self._origin}{path}"

    async def send(
        self,
        operation: Operation,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        content_type: str = XML,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request and return the answer, whatever its status.

        Raises:
            ToolUnsure: Of an operation that acts: it may have arrived, and no answer came.
            ToolFailed: No answer came, or the server is left alone.
        """
        name = operation.name
        most = self._profile.max_wait_s
        await wait_for_room(name, self._rate, self._breaker, at_most_s=most, called="server")
        request = Request(method, path, content=content, content_type=content_type)
        proof = await self._authenticator.prove(operation, request)
        sent = {**self._profile.headers, **(headers or {}), **proof.headers}
        if content is not None:
            sent["Content-Type"] = content_type
        if proof.cookies:
            sent["Cookie"] = "; ".join(proof.cookies)
        target = request.target(self._origin, *proof.query)
        try:
            reply = await self._wire.send(method, target, sent, content, follow=method in ("PROPFIND", "REPORT", "GET"))
        except Unanswered as error:
            self._breaker.failed()
            raise no_answer(operation, error.problem, sent=error.sent and method in ("PUT", "DELETE")) from None
        if reply.status >= 500:
            self._breaker.failed()
        else:
            self._breaker.worked()
        return reply

    async def found(self, operation: Operation, method: str, path: str, content: bytes, depth: str) -> list[Found]:
        """Ask with XML, and return what the server tells about.

        Raises:
            ToolRefused: The server says no.
            ToolFailed: It failed, or its answer cannot be used.
        """
        operation = replace(operation, risk="read")
        reply = await self.send(operation, method, path, content=content, headers={"Depth": depth})
        if reply.status != 207:
            check(operation, reply)
            raise ToolFailed(f"{operation.name}: there is no calendar at this address ({reply.status})")
        if not reply.whole:
            raise ToolFailed(f"{operation.name}: the answer is larger than {self._profile.max_bytes} bytes")
        try:
            return read(reply.content)
        except NotMultistatus as error:
            raise ToolFailed(f"{operation.name}: {error}") from None


def check(operation: Operation, reply: Reply) -> None:
    """Raise unless an answer's status says that it was done."""
    judge(operation, Answer(reply.status, None))
