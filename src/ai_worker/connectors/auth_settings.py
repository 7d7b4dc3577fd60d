"""How an administrator says what proves who calls a business system."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

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


def _fits_a_line(secret: Secret) -> Secret:
    if not secret.reveal().strip() or any(not " " <= character <= "~" for character in secret.reveal()):
        raise ValueError("the secret is empty, or has characters that no HTTP header may carry")
    return secret


HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
LineSecret = Annotated[SecretField, AfterValidator(_fits_a_line)]
"""The whole value of a header: `Key 4711`."""

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
    sends: Literal["json", "form", "query", "nothing"] = "json"
    headers: Mapping[str, SecretField] = Field(default_factory=dict)
    """Sent with the log-in: `appid`."""

    sent_with: Mapping[str, SecretField] = Field(default_factory=dict)
    """What goes with every call beside the token, in the same place: `appid`, `from_account`."""

    rsa_key: SecretField | None = None
    """The system's public key, for what goes out encrypted."""

    encrypted: frozenset[str] = frozenset()
    """Which of `headers` and `sent_with` go out encrypted with it."""

    life_s: float = Field(default=3_600, ge=60, le=86_400)
    """Of a token whose answer says nothing of its life."""

    signed: "SignedAuth | None" = None
    """How the log-in itself is signed; what it adds goes into the log-in's headers and query."""

    found_at: str = "access_token"
    """The field of the answer that holds the token, with dots between names; empty: `cookie` says which."""

    cookie: str = ""
    life: str = "expires_in"
    """The field that holds the token's life in seconds."""

    place: Literal["header", "query", "cookie", "body"] = "header"
    """Where the token goes; `body`: a field of the JSON object that is sent."""

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


class SigV4Auth(Strict):
    """AWS Signature Version 4, for AWS and for what has taken it over."""

    kind: Literal["sigv4"]
    access_key: TextField
    secret: SecretField
    region: str
    service: str
    """`execute-api`, `s3`, `es` …"""

    session_token: SecretField | None = None
    """Of a temporary access key."""


class CodeAuth(Strict):
    """OAuth 2 with a person's consent: authorization code and PKCE (RFC 6749 §4.1, RFC 7636).

    `ai-worker connectors authorize ID` asks the person once; the refresh token is kept in the data folder.
    """

    kind: Literal["oauth2-code"]
    authorize_url: Address = ""
    """Left out, as `token_url`: the system says itself who gives its tokens, where its kind can (MCP)."""

    token_url: Address = ""
    client_id: TextField = ""
    """Left out of a system that says who gives its tokens: we register with them when consent is asked for."""

    secret: SecretField | None = None
    """The client's secret; left out: a public client, which PKCE alone protects."""

    scopes: tuple[str, ...] = ()
    redirect: str = Field(default="http://127.0.0.1:8737/", pattern=r"^https?://")
    """As it is registered with the system: on loopback we listen there; any other is pasted by the person."""

    sends: Literal["basic", "body"] = "basic"
    """How the client proves itself to the token's giver."""

    resource: Address | None = None
    """For which system the token is to be good (RFC 8707); servers of MCP want their own address here."""

    extra: Mapping[str, str] = Field(default_factory=dict)
    """Sent with the question: `access_type = "offline"`, `prompt = "consent"`."""

    @model_validator(mode="after")
    def _whole_or_found_out(self) -> Self:
        if bool(self.authorize_url) != bool(self.token_url):
            raise ValueError("authorize_url and token_url go together: both, or neither")
        if self.token_url and not self.client_id:
            raise ValueError("client_id: Field required")
        return self

    @property
    def found_out(self) -> bool:
        """Whether the system says who gives its tokens, and not the settings."""
        return not self.token_url


class CsrfSettings(Strict):
    """A token against forged requests that a system wants with every call that acts."""

    path: str = Field(default="/", pattern=r"^/")
    """Asked for the token, below the base address: `/` of an OData service."""

    header: str = Field(default="X-CSRF-Token", pattern=r"^[A-Za-z0-9-]+$")
    """In which the token goes out."""

    cookie: str = ""
    """The cookie that holds the token (`csrftoken` of Django); empty: it comes in the header of the same name."""

    method: Literal["GET", "HEAD"] = "GET"


LoginAuth.model_rebuild()

Auth = Annotated[
    NoAuth | BearerAuth | HeaderAuth | KeyAuth | BasicAuth | OAuthAuth | LoginAuth | SignedAuth | SigV4Auth | CodeAuth,
    Field(discriminator="kind"),
]
