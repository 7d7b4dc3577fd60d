"""Ask a person's consent once: authorization code with PKCE (RFC 6749 §4.1, RFC 7636, RFC 9700)."""

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from urllib.parse import parse_qs, urlencode, urlsplit

from aiohttp.abc import AbstractResolver

from ai_worker.connectors.auth_settings import CodeAuth
from ai_worker.connectors.gate import Gate
from ai_worker.connectors.http.connect import client_of
from ai_worker.connectors.http.oauth import asked
from ai_worker.connectors.http.tokens import CredentialsRefused
from ai_worker.connectors.http.wire import Wire
from ai_worker.connectors.settings import ConnectorSettings, named_inside
from ai_worker.foundation.secret import Secret

MAX_BYTES = 256 * 1024


class Consent:
    """One question to one person; its verifier and its state are good for it alone."""

    def __init__(
        self,
        auth: CodeAuth,
        settings: ConnectorSettings,
        *,
        issuer: str = "",
        states_issuer: bool = False,
        networks: Sequence[str] | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """Make up the question; nobody is called.

        Args:
            auth: Whom to ask, and as whom.
            settings: The connection's.
            issuer: Who has to have answered, if the answer says who did (RFC 9207); empty: nobody knows.
            states_issuer: Whether every answer of theirs says so.
            networks: Private networks that the tokens' giver may stand in; left out: the connection's, and
                the address that stands in `token_url` as numbers.
            resolver: Answers for host names; left out: the machine's own.
        """
        self._auth = auth
        self._issuer, self._states_issuer = issuer, states_issuer
        if networks is None:
            networks = [*settings.networks, *named_inside(auth.token_url)]
        self._verifier = secrets.token_urlsafe(48)
        self._state = secrets.token_urlsafe(24)
        self._wire = Wire(
            Gate(addresses=[auth.token_url], networks=networks),
            timeout_s=settings.timeout_s,
            max_connections=1,
            max_bytes=MAX_BYTES,
            resolver=resolver,
        )

    def address(self) -> str:
        """Return where the person says yes."""
        digest = sha256(self._verifier.encode()).digest()
        asked_for = {
            "response_type": "code",
            "client_id": self._auth.client_id,
            "redirect_uri": self._auth.redirect,
            "state": self._state,
            "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            **({"scope": " ".join(self._auth.scopes)} if self._auth.scopes else {}),
            **({"resource": self._auth.resource} if self._auth.resource else {}),
            **self._auth.extra,
        }
        joint = "&" if "?" in self._auth.authorize_url else "?"
        return f"{self._auth.authorize_url}{joint}{urlencode(asked_for)}"

    def code(self, redirected: str) -> str:
        """Return the code in the address that the person was sent back to.

        Raises:
            CredentialsRefused: The person said no, or the address answers another question than ours.
        """
        query = parse_qs(urlsplit(redirected.strip()).query)
        if not hmac.compare_digest(query.get("state", [""])[0].encode(), self._state.encode()):
            raise CredentialsRefused("the address is no answer to this question; open the address that was shown")
        answered = query.get("iss", [""])[0]
        if self._issuer and answered != self._issuer and (answered or self._states_issuer):
            raise CredentialsRefused("the answer is not of the server that was asked (iss); nothing was sent to it")
        if reason := query.get("error", [""])[0]:
            known = reason if reason in ("access_denied", "invalid_scope", "invalid_request") else "another reason"
            raise CredentialsRefused(f"consent was not given ({known})")
        if not (code := query.get("code", [""])[0]):
            raise CredentialsRefused("the address holds no code")
        return code

    async def exchange(self, code: str) -> Secret:
        """Return the refresh token for a code.

        Raises:
            CredentialsRefused: The system gives none.
            ToolFailed: It cannot be reached.
        """
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._auth.redirect,
            "code_verifier": self._verifier,
        }
        await self._wire.start()
        try:
            answer = await asked(client_of(self._auth), form, ask=self._wire.ask)
        finally:
            await self._wire.close()
        token = answer.get("refresh_token")
        if not isinstance(token, str) or not token:
            raise CredentialsRefused(
                "the system gave a token for now and none to renew it with: ask for it in scopes (`offline_access`) "
                'or in extra (`access_type = "offline"`)'
            )
        return Secret(token)
