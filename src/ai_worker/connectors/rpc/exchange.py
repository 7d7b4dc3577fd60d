"""Send one call over HTTP within a session, and log in again once when the session has run out."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import structlog
from aiohttp.abc import AbstractResolver

from ai_worker.connectors.contract import Answer
from ai_worker.connectors.http.caller import HttpCaller
from ai_worker.connectors.http.tokens import CredentialsRefused
from ai_worker.connectors.http.verdicts import judge
from ai_worker.connectors.operation import Body, Media, Operation, Parameter
from ai_worker.connectors.profile import Profile
from ai_worker.connectors.rpc.system import Call, Session, System
from ai_worker.foundation.clock import Clock
from ai_worker.skills.tool import Risk

log = structlog.get_logger(__name__)

REFUSED_FOR_S = 60.0
"""How long refused credentials are not tried again: systems shut an account after a few wrong passwords."""

_ANYTHING: Mapping[str, Any] = {"type": "object"}
_AUTHORIZATION = Parameter("Authorization", "Authorization", "header", required=False, style="simple", explode=False)


class Exchange:
    """The session of one connection."""

    def __init__(
        self,
        connection: str,
        profile: Profile,
        system: System,
        *,
        clock: Clock,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """Prepare the connection; nobody is called."""
        self._id, self._system, self._clock = connection, system, clock
        # Masking and cutting come last, after the envelope and the records have been taken apart.
        whole = replace(profile, masked=frozenset(), max_characters=profile.max_bytes)
        self._http = HttpCaller(
            connection, whole, schemes={}, credentials={}, clock=clock, resolver=resolver, secrets=self._secrets
        )
        self._session: Session | None = None
        self._refused: tuple[float, str] | None = None
        self._lock = asyncio.Lock()

    async def start(self) -> None:
        """Open the connection pool; calls nobody."""
        await self._http.start()

    async def close(self) -> None:
        """Close the pool; calls in flight fail."""
        await self._http.close()

    async def user(self) -> int:
        """Return the number of the account that we are logged in with.

        Raises:
            ToolFailed: The log-in failed.
        """
        return (await self._signed_in()).user

    async def ask(self, operation: Operation, call: Call, *, acts: bool) -> Any:
        """Make one call for an operation, and return its result.

        Args:
            operation: For which; its name stands in errors.
            call: What is sent.
            acts: Whether the call may change something; one that only reads may be repeated.

        Raises:
            ToolRefused: The system says no.
            ToolUnsure: Of a call that acts: nobody knows whether it has.
            ToolFailed: The system failed, cannot be reached, or does not take our credentials.
        """
        wire = self._wire(operation.name, operation.risk if acts else "read")
        session = await self._signed_in()
        answer = await self._post(wire, self._system.message(session, call), session.headers)
        if self._system.expired(answer):
            # The system has looked at the session and at nothing else: also a call that acts is made again.
            log.info("connector.session_expired", connection=self._id)
            self._session = None if self._session is session else self._session
            session = await self._signed_in()
            answer = await self._post(wire, self._system.message(session, call), session.headers)
        judge(wire, answer)
        return self._system.result(wire, answer)

    async def _signed_in(self) -> Session:
        async with self._lock:
            if self._session is not None:
                return self._session
            if self._refused is not None and self._clock.monotonic() < self._refused[0]:
                raise CredentialsRefused(self._refused[1])
            wire = self._wire("sign_in", "read")

            async def post(message: Any, headers: Mapping[str, str]) -> Answer:
                return await self._post(wire, message, headers)

            try:
                self._session = await self._system.sign_in(post)
            except CredentialsRefused as error:
                self._refused = (self._clock.monotonic() + REFUSED_FOR_S, str(error))
                raise
            self._refused = None
            return self._session

    async def _post(self, wire: Operation, message: Any, headers: Mapping[str, str]) -> Answer:
        return await self._http.exchange(wire, {"message": message, **headers})

    def _wire(self, name: str, risk: Risk) -> Operation:
        body = Body(required=True, media=Media("application/json"), whole="message")
        return Operation(
            name, "POST", self._system.path, name, name, _ANYTHING, risk, parameters=(_AUTHORIZATION,), body=body
        )

    def _secrets(self) -> Sequence[str]:
        own = [self._session.secret] if self._session is not None and self._session.secret is not None else []
        return [secret.reveal() for secret in (*self._system.secrets(), *own)]
