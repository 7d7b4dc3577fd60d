"""Log in the way that a system has made up: name and password, or an application's key, for a token or a cookie."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlencode

import msgspec

from ai_worker.connectors.answers import at, decoded
from ai_worker.connectors.http.tokens import Ask, CredentialsRefused, Grant, life_of
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
    sends: Literal["json", "form", "query"] = "json"
    found_at: str = "access_token"
    """The field of the answer that holds the token, with dots between names; empty: `cookie` says which cookie."""

    cookie: str = ""
    life: str = "expires_in"
    """The field that holds the token's life in seconds."""

    place: Literal["header", "query", "cookie"] = "header"
    key: str = "Authorization"
    prefix: str = ""


class LoginGrants:
    """Logs in."""

    def __init__(self, login: Login, *, ask: Ask) -> None:
        self._login = login
        self._ask = ask

    async def __call__(self) -> Grant:
        """Return a new token.

        Raises:
            CredentialsRefused: The system gives none.
            ToolFailed: It cannot be reached.
        """
        login = self._login
        fields = {**login.fields, **{name: secret.reveal() for name, secret in login.secrets.items()}}
        address, content = login.url, None
        headers = {"Accept": "application/json"}
        match login.sends:
            case "query":
                address += ("&" if "?" in address else "?") + urlencode(fields)
            case "form":
                headers["Content-Type"] = "application/x-www-form-urlencoded"
                content = urlencode(fields).encode()
            case "json":
                headers["Content-Type"] = "application/json"
                content = msgspec.json.encode(fields)
        reply = await self._ask(login.method, address, headers, content)
        answer = decoded(reply.content, reply.headers.get("content-type", ""))[0]
        token = at(answer, login.found_at) if login.found_at else reply.cookies.get(login.cookie)
        if reply.status >= 400 or not isinstance(token, str) or not token:
            # Whatever the answer says could hold what we sent; its status says enough.
            raise CredentialsRefused(f"the login gave no token ({reply.status})")
        return Grant(Secret(token), life_of(at(answer, login.life) if login.life else None))
