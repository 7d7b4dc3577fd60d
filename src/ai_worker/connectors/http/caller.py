"""Carry out operations of one connection: check, limit, prove, send, read, judge."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import structlog
from aiohttp.abc import AbstractResolver
from multidict import CIMultiDict

from ai_worker.connectors.answers import clipped, decoded, decoded_text, has_expired, masked, refusal, without
from ai_worker.connectors.arguments import ArgumentChecks, compiled, complaints
from ai_worker.connectors.contract import Answer, Preview
from ai_worker.connectors.gate import Gate
from ai_worker.connectors.http.authenticate import Authenticator, Credential, Proof, token_addresses, token_sources
from ai_worker.connectors.http.csrf import SAFE, Csrf, CsrfToken, CsrfTokens
from ai_worker.connectors.http.dialect import PLAIN, Dialect
from ai_worker.connectors.http.guessed import GuessedType, truer
from ai_worker.connectors.http.limits import Breaker, Rate, wait_for_room
from ai_worker.connectors.http.oauth import Keeping
from ai_worker.connectors.http.serialise import Request
from ai_worker.connectors.http.verdicts import (
    WORTH_ANOTHER,
    acts,
    judge,
    no_answer,
    repeatable,
    retry_after,
)
from ai_worker.connectors.http.wire import Reply, Unanswered, Wire
from ai_worker.connectors.operation import Operation, Scheme
from ai_worker.connectors.profile import Profile
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.retry import backoff
from ai_worker.skills.tool import Asker, ToolFailed, ToolRefused

log = structlog.get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]


class HttpCaller:
    """Calls one business system for one connection, on its own hosts and no other."""

    def __init__(
        self,
        connection: str,
        profile: Profile,
        *,
        schemes: Mapping[str, Scheme],
        credentials: Mapping[str, Credential],
        clock: Clock,
        resolver: AbstractResolver | None = None,
        keeping: Callable[[str], Keeping | None] | None = None,
        csrf: Csrf | None = None,
        dialect: Dialect = PLAIN,
        sleep: Sleep = asyncio.sleep,
        asker_header: str = "",
        logins: Mapping[str, str] = MappingProxyType({}),
        secrets: Callable[[], Sequence[str]] = tuple,
    ) -> None:
        """Prepare the connection; nobody is called.

        Args:
            connection: Its id, for logs.
            profile: What the administrator says about it.
            schemes: The contract's.
            credentials: By the contract's name of the scheme.
            clock: For limits and tokens.
            resolver: Answers for host names; left out: the machine's own.
            keeping: By the credentials' name, where refresh tokens are kept; left out: nowhere, and one that
                replaces another is lost with the process.
            csrf: Where the system gives its token against forged requests; left out: it wants none.
            dialect: How the contract's kind is spoken.
            sleep: Waits so many seconds.
            asker_header: Tells the system for whom it is called; empty: nothing does.
            logins: The askers' names in the system, by `channel/id`.
            secrets: Returns what must not come back in an answer besides the credentials: a kind's own log-in.
        """
        self._id = connection
        self._profile = profile
        self._clock = clock
        self._sleep = sleep
        self._asker_header, self._logins = asker_header, logins
        self._secrets = secrets
        self._query = tuple(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in profile.query.items())
        self._checks = ArgumentChecks()
        self._rate = Rate(profile.per_second, profile.burst, clock)
        self._breaker = Breaker(profile.failures_to_open, profile.rest_s, clock)
        self._guess = GuessedType()
        self._wire = Wire(
            Gate(
                addresses=(profile.base_url, *token_addresses(credentials), *([csrf.address] if csrf else [])),
                hosts=profile.hosts,
                networks=profile.networks,
            ),
            timeout_s=profile.timeout_s,
            max_connections=profile.max_connections,
            max_bytes=profile.max_bytes,
            resolver=resolver,
        )
        self._dialect = dialect
        self._csrf = CsrfTokens(csrf, ask=self._wire.ask) if csrf is not None else None
        sources = token_sources(credentials, ask=self._wire.ask, clock=clock, keeping=keeping)
        self._authenticator = Authenticator(schemes, credentials, sources, base_url=profile.base_url, clock=clock)

    async def start(self) -> None:
        """Open the connection pool; calls nobody."""
        await self._wire.start()

    async def close(self) -> None:
        """Close the pool; calls in flight fail."""
        await self._wire.close()

    def request(self, operation: Operation, arguments: Mapping[str, Any]) -> Request:
        """Return the exact request that a call would send, without the proof of who calls; sends nothing.

        Raises:
            ArgumentsRefused: The arguments do not fit.
        """
        request = self._dialect.request(operation, self._checks.checked(operation, arguments))
        return replace(request, query=(*request.query, *self._query)) if self._query else request

    def preview(self, operation: Operation, arguments: Mapping[str, Any]) -> Preview:
        """Return what a call would send, for people to look at.

        Raises:
            ArgumentsRefused: The arguments do not fit.
        """
        request = self.request(operation, arguments)
        headers = dict(self._headers(request))
        if request.content is not None:
            headers["Content-Type"] = request.content_type
        body = decoded_text(request.content) if request.content is not None else ""
        return Preview(request.method, request.target(self._profile.base_url), headers, body)

    async def call(
        self,
        operation: Operation,
        arguments: Mapping[str, Any],
        *,
        idempotency_key: str = "",
        asker: Asker | None = None,
    ) -> Answer:
        """Carry out an operation once.

        Raises:
            ToolRefused: The system says no; also where it says so with a status of 200.
            ArgumentsRefused: The arguments do not fit; nothing was sent.
            ToolUnsure: Of an operation that acts: the request may have reached the system, and nobody knows.
            ToolFailed: The system failed, could not be reached or is left alone; nothing was changed.
        """
        answer = await self.exchange(operation, arguments, idempotency_key=idempotency_key, asker=asker)
        judge(operation, answer)
        if found := refusal(answer.data, self._profile.refusals):
            raise ToolRefused(f"{operation.name}: the system refused: “{found[1][:300]}”")
        self._dialect.judge(operation, answer)
        return answer

    async def download(self, operation: Operation, arguments: Mapping[str, Any], *, at_most: int) -> bytes:
        """Return the bytes of an answer that is for no reader, such as a contract: neither decoded nor cut.

        Raises:
            ToolFailed: No answer came, it is larger than `at_most` bytes, or it says no.
        """
        request = self.request(operation, arguments)
        await self._wait_for_room(operation)
        proof = await self._authenticator.prove(operation, request)
        try:
            reply, _ = await self._send(operation, request, proof, "", at_most=at_most)
        except Unanswered as error:
            raise no_answer(operation, error.problem, sent=False) from None
        judge(operation, self._read(operation, replace(reply, content=reply.content[:10_000], whole=True), proof))
        if not reply.whole:
            raise ToolFailed(f"{operation.name}: the answer is larger than {at_most} bytes")
        return reply.content

    async def exchange(
        self,
        operation: Operation,
        arguments: Mapping[str, Any],
        *,
        idempotency_key: str = "",
        asker: Asker | None = None,
    ) -> Answer:
        """Send an operation and return what was answered, whatever its status says.

        Raises:
            ArgumentsRefused: The arguments do not fit; nothing was sent.
            ToolUnsure: Of an operation that acts: no answer came, and nobody knows.
            ToolFailed: No answer came, and nothing was changed.
        """
        request = self._for(asker, self.request(operation, arguments))
        sent = False
        try:
            async with asyncio.timeout(self._profile.deadline_s):
                await self._wait_for_room(operation)
                sent = True
                return await self._attempts(operation, request, idempotency_key)
        except TimeoutError:
            problem = f"no answer within {self._profile.deadline_s:g} s, with all attempts"
            raise no_answer(operation, problem, sent=sent) from None

    def _for(self, asker: Asker | None, request: Request) -> Request:
        """Return a request that says for whom it is made, where the system wants to know."""
        if not self._asker_header or asker is None:
            return request
        name = self._logins.get(f"{asker.channel}/{asker.id}") or asker.id
        return replace(request, headers={**(request.headers or {}), self._asker_header: quote(name, safe="@._-")})

    def _headers(self, request: Request) -> CIMultiDict[str]:
        """Return a request's headers; what the administrator says stands above what any argument says."""
        headers = CIMultiDict(request.headers or {})
        own = {key: value for key, value in self._profile.headers.items() if key.lower() != self._asker_header.lower()}
        headers.update(own)
        return headers

    async def _wait_for_room(self, operation: Operation) -> None:
        most = self._profile.max_wait_s
        await wait_for_room(operation.name, self._rate, self._breaker, at_most_s=most, sleep=self._sleep)

    async def _attempts(self, operation: Operation, request: Request, idempotency_key: str) -> Answer:
        again = repeatable(operation, self._profile, idempotency_key)
        request = self._guess.first(operation, request)
        renewed = unsure = False
        typed_otherwise: Answer | None = None
        attempt = 0
        while True:
            attempt += 1
            last = attempt >= self._profile.attempts or not again
            proof = await self._authenticator.prove(operation, request)
            try:
                reply, forged = await self._send(operation, request, proof, idempotency_key)
                answer = self._read(operation, reply, proof)
            except Unanswered as error:
                unsure = unsure or error.sent
                self._breaker.failed()
                log.warning("connector.unanswered", connector=self._id, operation=operation.name, problem=error.problem)
                if last:
                    raise no_answer(operation, error.problem, sent=unsure) from None
                await self._sleep(backoff(attempt, base=0.3, cap=4.0))
                continue
            self._note(answer)
            if not renewed and self._renew(answer, proof, forged):
                # The system has looked at the token and at nothing else: also a call that acts is made again.
                renewed = True
                attempt -= 1
                continue
            self._guess.learn(operation, request, answer.status)
            if typed_otherwise is None and (other := self._guess.other(operation, request, answer.status)) is not None:
                typed_otherwise, request = answer, other
                attempt -= 1
                continue
            answer = truer(typed_otherwise, answer)
            wait = None if last else self._wait_before_another(answer, attempt)
            if wait is None:
                if unsure and not 200 <= answer.status < 300:
                    raise no_answer(
                        operation, f"an earlier attempt may have been carried out ({answer.status} now)", sent=True
                    )
                return answer
            unsure = unsure or answer.status >= 500
            await self._sleep(wait)

    def _note(self, answer: Answer) -> None:
        if answer.status >= 500:
            self._breaker.failed()
        else:
            self._breaker.worked()

    def _renew(self, answer: Answer, proof: Proof, forged: CsrfToken | None) -> bool:
        """Forget the tokens that an answer says are taken no more; return whether there are any to get anew."""
        if forged is not None and self._csrf is not None and self._csrf.refused(answer.status, answer.headers):
            self._csrf.discard(forged)
            return True
        return self._stale(answer) and proof.discard()

    def _stale(self, answer: Answer) -> bool:
        found = refusal(answer.data, self._profile.refusals)
        return answer.status == 401 or (found is not None and has_expired(answer.data, found[0]))

    def _wait_before_another(self, answer: Answer, attempt: int) -> float | None:
        """Return seconds to wait before the next attempt; `None`: there is to be none."""
        if answer.status not in WORTH_ANOTHER:
            return None
        asked = retry_after(answer.headers.get("retry-after", ""), self._clock.now())
        if asked is None:
            return backoff(attempt, base=0.5, cap=8.0)
        if asked > self._profile.max_wait_s:
            return None
        return asked + backoff(1, base=0.2, cap=0.2)

    async def _send(
        self, operation: Operation, request: Request, proof: Proof, idempotency_key: str, *, at_most: int | None = None
    ) -> tuple[Reply, CsrfToken | None]:
        """Send one request with all that it needs; return the answer as it came."""
        headers = self._headers(request)
        proved = dict(proof.headers)
        if cookies := (*request.cookies, *proof.cookies):
            proved["Cookie"] = "; ".join(cookies)
        forged = None
        if self._csrf is not None and request.method not in SAFE:
            forged, proved = await self._csrf.add(proved)
        content = proof.in_body(request)
        if request.untyped:
            headers.pop("Content-Type", None)
        elif content is not None:
            headers["Content-Type"] = request.content_type or "application/json"
        if self._profile.idempotency_header and idempotency_key and acts(operation):
            headers[self._profile.idempotency_header] = idempotency_key
        headers.update(proved)
        reply = await self._wire.send(
            request.method,
            request.target(self._profile.base_url, *proof.query),
            headers,
            content,
            follow=request.method in ("GET", "HEAD") and not acts(operation),
            at_most=at_most,
        )
        return reply, forged

    def _read(self, operation: Operation, reply: Reply, proof: Proof) -> Answer:
        secrets = [*self._authenticator.secrets(), *self._secrets(), *(token.reveal() for _, token in proof.tokens)]
        data, odd = decoded(without(reply.content, secrets), reply.headers.get("content-type", ""))
        notes: list[str] = []
        if not reply.whole:
            much = f"larger than {self._profile.max_bytes} bytes"
            if not acts(operation):
                raise ToolFailed(f"{operation.name}: the answer is {much}; ask more narrowly")
            notes.append(f"{much}; the rest was not read")
        good = 200 <= reply.status < 300
        data, known = self._dialect.read(operation, data) if good else (data, ())
        data, cut = clipped(masked(data, self._profile.masked), self._profile.max_characters)
        notes += [note for note in (odd, cut, *known) if note]
        if good:
            notes += self._differs(operation, data, cut=bool(cut))
        return Answer(reply.status, data, reply.headers, tuple(notes))

    def _differs(self, operation: Operation, data: Any, *, cut: bool) -> Sequence[str]:
        """Return how an answer differs from what the contract says; that is a warning and no more."""
        schema = operation.extra.get("answer_schema")
        validator = compiled(schema) if isinstance(schema, Mapping) and not cut else None
        wrong = complaints(validator, data)[:1] if validator is not None else []
        if wrong:
            log.info("connector.answer_differs", connector=self._id, operation=operation.name)
        return [f"not as the contract says: {words}" for words in wrong]
