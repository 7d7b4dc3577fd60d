"""Sessions: who is signed in, kept in a signed cookie and nowhere else."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import Response

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.text import clean, shorten

COOKIE = "ai_worker_session"
LIFETIME = timedelta(hours=12)
IDLE = timedelta(minutes=30)
RENEW_AFTER = timedelta(minutes=1)
"""A cookie is written anew at most this often; idleness is measured to this exactness."""

NAME_LENGTH = 20


@dataclass(frozen=True, slots=True)
class Session:
    """One signed-in browser."""

    id: str
    name: str
    """What the person is called in conversations; empty until they say."""

    began_at: datetime
    seen_at: datetime
    """When the person last did something: a page that refreshes itself does not count."""

    @property
    def ends_at(self) -> datetime:
        """When it is over, whatever the person does."""
        return self.began_at + LIFETIME


class Sessions:
    """Opens, reads, renews and ends sessions."""

    def __init__(self, secret: bytes, *, clock: Clock) -> None:
        if len(secret) < 32:
            raise ValueError("the session secret must be at least 32 bytes")
        self._secret = secret
        self._clock = clock
        self._serializer = URLSafeSerializer(
            secret, salt="console-session", signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        )

    def begin(self) -> Session:
        """Return a new session; `write` gives it to the browser."""
        now = self._clock.now()
        return Session(secrets.token_urlsafe(18), "", now, now)

    def read(self, request: Request) -> Session | None:
        """Return the request's session; `None` if there is none, it is forged, or its time is up."""
        try:
            fields = self._serializer.loads(request.cookies.get(COOKIE, ""))
            session = Session(
                str(fields["id"]),
                str(fields["name"]),
                datetime.fromtimestamp(fields["began"], UTC),
                datetime.fromtimestamp(fields["seen"], UTC),
            )
        except (BadSignature, KeyError, TypeError, ValueError):
            return None
        now = self._clock.now()
        over = now >= session.ends_at or now - session.seen_at >= IDLE
        return None if over else session

    def renew(self, session: Session, response: Response) -> None:
        """Remember that the person just did something."""
        now = self._clock.now()
        if now - session.seen_at >= RENEW_AFTER:
            self.write(replace(session, seen_at=now), response)

    def rename(self, session: Session, name: str, response: Response) -> None:
        """Remember what the person wants to be called."""
        self.write(replace(session, name=shorten(clean(name), NAME_LENGTH), seen_at=self._clock.now()), response)

    def write(self, session: Session, response: Response) -> None:
        """Give the session to the browser."""
        fields = {
            "id": session.id,
            "name": session.name,
            "began": int(session.began_at.timestamp()),
            "seen": int(session.seen_at.timestamp()),
        }
        remaining = int((session.ends_at - self._clock.now()).total_seconds())
        value = str(self._serializer.dumps(fields))
        response.set_cookie(COOKIE, value, max_age=remaining, httponly=True, samesite="strict")

    def end(self, response: Response) -> None:
        """Take the session away from the browser."""
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")

    def csrf_token(self, session: Session) -> str:
        """Return the token that every change must carry: known to our pages only."""
        return hmac.new(self._secret, f"console-csrf\x1f{session.id}".encode(), hashlib.sha256).hexdigest()

    def csrf_matches(self, session: Session, token: str) -> bool:
        """Return whether `token` is this session's, in constant time."""
        return hmac.compare_digest(self.csrf_token(session).encode(), token.encode())
