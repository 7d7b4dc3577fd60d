"""Log in the way that a system has made up: name and password, or an application's key, for a token or a cookie."""

import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode, urlsplit

import msgspec

from ai_worker.connectors.answers import at, decoded
from ai_worker.connectors.http.serialise import Request
from ai_worker.connectors.http.signing import Signed, sign
from ai_worker.connectors.http.tokens import DEFAULT_LIFE_S, Ask, CredentialsRefused, Grant, life_of
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.secret import Secret


@dataclass(frozen=True, slots=True)
class Login:
    """Where and with what to log in, where the token comes back, and where it goes."""

    url: str
    secrets: Mapping[str, Secret]
    """Fields with a password or an application's secret."""

    fields: Mapping[str, str] = field(default_factory=dict)
    """The other fields: the user's name, the tenant."""

    method: Literal["GET", "POST"] = "POST"
    sends: Literal["json", "form", "query", "nothing"] = "json"
    found_at: str = "access_token"
    """The field of the answer that holds the token, with dots between names; empty: `cookie` says which cookie."""

    cookie: str = ""
    life: str = "expires_in"
    """The field that holds the token's life in seconds."""

    place: Literal["header", "query", "cookie", "body"] = "header"
    """`body`: a field of the JSON object that is sent."""

    key: str = "Authorization"
    prefix: str = ""
    headers: Mapping[str, Secret] = field(default_factory=dict)
    """Sent with the login: `appid`."""

    sent_with: Mapping[str, Secret] = field(default_factory=dict)
    """What goes with every call beside the token, in the same place: `appid`, `from_account`."""

    rsa_key: Secret | None = None
    """The system's public key, PEM or bare base64 of its DER."""

    encrypted: frozenset[str] = frozenset()
    """Which of `headers` and `sent_with` go out encrypted with it (PKCS #1 v1.5), as base64."""

    life_s: float = DEFAULT_LIFE_S
    """Of a token whose answer says nothing of its life."""

    signed: Signed | None = None
    """How the login itself is signed; what it adds goes into its headers and its query."""

    def own_secrets(self) -> list[Secret]:
        """Return what nobody else may see of it."""
        sealed = [value for name, value in {**self.headers, **self.sent_with}.items() if name in self.encrypted]
        return [*self.secrets.values(), *sealed, *([self.signed.secret] if self.signed is not None else [])]


class LoginGrants:
    """Logs in."""

    def __init__(self, login: Login, *, ask: Ask, clock: Clock) -> None:
        self._login = login
        self._ask = ask
        self._clock = clock

    async def __call__(self) -> Grant:
        """Return a new token.

        Raises:
            CredentialsRefused: The system gives none.
            ToolFailed: It cannot be reached.
        """
        login = self._login
        fields = {**login.fields, **{name: secret.reveal() for name, secret in login.secrets.items()}}
        address, content = login.url, None
        headers = {"Accept": "application/json", **written(login, login.headers)}
        match login.sends:
            case "query":
                address += ("&" if "?" in address else "?") + urlencode(fields)
            case "form":
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                content = urlencode(fields).encode()
            case "json":
                headers["Content-Type"] = "application/json"
                content = msgspec.json.encode(fields)
            case "nothing":
                pass
        if login.signed is not None:
            request = Request(login.method, urlsplit(address).path, content=content)
            more, query = sign(login.signed, request, "", self._clock.now())
            headers.update(more)
            address += ("&" if "?" in address else "?") + "&".join(query) if query else ""
        reply = await self._ask(login.method, address, headers, content)
        answer = decoded(reply.content, reply.headers.get("content-type", ""))[0]
        token = at(answer, login.found_at) if login.found_at else reply.cookies.get(login.cookie)
        if reply.status >= 400 or not isinstance(token, str) or not token:
            # Whatever the answer says could hold what we sent; its status says enough.
            raise CredentialsRefused(f"the login gave no token ({reply.status})")
        life = at(answer, login.life) if login.life else None
        return Grant(Secret(token), life_of(life) if life else login.life_s)


def written(login: Login, values: Mapping[str, Secret]) -> dict[str, str]:
    """Return values as they go out: those that the system wants encrypted are.

    Raises:
        CredentialsRefused: The key is none.
    """
    return {
        name: _encrypted(login, value) if name in login.encrypted else value.reveal() for name, value in values.items()
    }


def _encrypted(login: Login, value: Secret) -> str:
    # Imported here: few connections need it, and it takes a tenth of a second.
    from cryptography.hazmat.primitives.asymmetric import padding, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    given = login.rsa_key.reveal() if login.rsa_key is not None else ""
    try:
        key = load_der_public_key(b64decode("".join(re.sub(r"-----[A-Z ]+-----", "", given).split())))
    except ValueError:
        key = None
    if not isinstance(key, rsa.RSAPublicKey):
        raise CredentialsRefused("rsa_key is no public key of RSA")
    # The system chose the padding; only it decrypts.
    return b64encode(key.encrypt(value.reveal().encode(), padding.PKCS1v15())).decode()
