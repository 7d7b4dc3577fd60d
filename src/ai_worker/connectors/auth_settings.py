"""How an administrator says what proves who calls a business system."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ai_worker.foundation.secret import Secret, SecretField, TextField


def base_address(url: str) -> str:
    """Return an address without a slash at its end; raise ValueError unless it is a plain one of http(s)."""
    match = re.fullmatch(r"https?://[^/\s?#@]+(/[^\s?#]*)?", url)
    if match is None:
        raise ValueError("an address such as https://erp.example.com/api: http(s), no user, no query")
    return url.rstrip("/")


def _fits_a_header(secret: Secret) -> Secret:
    if not secret or any(not "!" <= character <= "~" for character in secret.reveal()):
        raise ValueError("the secret is empty, or has spaces or characters that no HTTP header may carry")
    return secret


HeaderSecret = Annotated[SecretField, AfterValidator(_fits_a_header)]
Address = Annotated[TextField, AfterValidator(base_address)]


class Strict(BaseModel):
    """A part of a connector.toml: what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True)


class NoAuth(Strict):
    """The system asks for nothing."""

    kind: Literal["none"] = "none"


class BearerAuth(Strict):
    """`Authorization: Bearer …`."""

    kind: Literal["bearer"]
    secret: HeaderSecret


class HeaderAuth(Strict):
    """An API key in a header of its own."""

    kind: Literal["header"]
    header: str = Field(default="X-Api-Key", pattern=r"^[A-Za-z0-9-]+$")
    secret: HeaderSecret


class KeyAuth(Strict):
    """An API key wherever the system wants it."""

    kind: Literal["key"]
    place: Literal["header", "query", "cookie"] = "header"
    name: str
    """What it is called there: `X-Api-Key`."""

    prefix: str = ""
    """Before the value: `Token `."""

    secret: HeaderSecret


class BasicAuth(Strict):
    """`Authorization: Basic …` (RFC 7617)."""

    kind: Literal["basic"]
    username: TextField
    secret: SecretField
    """The password."""


class OAuthAuth(Strict):
    """OAuth 2: with the client's own credentials, or with the refresh token that a person's consent gave."""

    kind: Literal["oauth2"]
    token_url: Address
    client_id: TextField
    secret: SecretField
    """The client's secret."""

    scopes: tuple[str, ...] = ()
    refresh_token: SecretField | None = None
    """Left out: the client's own credentials are used."""

    sends: Literal["basic", "body"] = "basic"
    """How the client proves itself to the token's giver."""


class LoginAuth(Strict):
    """A log-in of the system's own making, for a token or a cookie."""

    kind: Literal["login"]
    url: Address
    secrets: Mapping[str, SecretField]
    """Fields with a password or an application's secret."""

    fields: Mapping[str, TextField] = Field(default_factory=dict)
    """The other fields: the user's name, the tenant."""

    method: Literal["GET", "POST"] = "POST"
    sends: Literal["json", "form", "query"] = "json"
    found_at: str = "access_token"
    """The field of the answer that holds the token, with dots between names; empty: `cookie` says which."""

    cookie: str = ""
    life: str = "expires_in"
    """The field that holds the token's life in seconds."""

    place: Literal["header", "query", "cookie"] = "header"
    name: str = "Authorization"
    prefix: str = ""


class SignedAuth(Strict):
    """Requests signed by a template: the text to sign, and the headers and query items that go out."""

    kind: Literal["signed"]
    key: TextField
    """Who calls: the application's key."""

    secret: SecretField
    text: str
    """`{method}\\n{path}\\n{sorted_query}\\n{timestamp}\\n{body_sha256}`."""

    headers: Mapping[str, str] = Field(default_factory=dict)
    """`{"X-Sign": "{signature}"}`."""

    query: Mapping[str, str] = Field(default_factory=dict)
    digest: Literal["sha256", "sha1", "sha512", "md5"] = "sha256"
    keyed: bool = True
    encoding: Literal["hex", "HEX", "base64"] = "hex"


Auth = Annotated[
    NoAuth | BearerAuth | HeaderAuth | KeyAuth | BasicAuth | OAuthAuth | LoginAuth | SignedAuth,
    Field(discriminator="kind"),
]
