"""The settings of `[model]`, and how a call to one model endpoint can fail."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from ai_worker.conversation.model import ModelFailed
from ai_worker.foundation.secret import Secret, SecretField


class Endpoint(BaseModel):
    """One model behind one OpenAI-compatible address."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    base_url: str
    """The API's address up to and including `/v1`: `http://127.0.0.1:8000/v1`."""

    name: str = Field(min_length=1)
    """The model's name as the server knows it: `qwen3-32b`."""

    api_key: SecretField = Secret("")
    """Sent as a bearer token; leave it out for servers that ask for none."""

    timeout_s: float = Field(default=60.0, gt=0, le=3600)
    """Seconds that one whole call may take, its retries included."""

    max_concurrent: int = Field(default=0, ge=0)
    """Calls in flight at once; 0 means the top-level `max_concurrent`."""

    @field_validator("base_url")
    @classmethod
    def _an_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an address such as http://127.0.0.1:8000/v1")
        if parts.username or parts.password:
            raise ValueError("must not carry a password; put it into api_key")
        return value.rstrip("/").removesuffix("/chat/completions")

    @property
    def place(self) -> str:
        """The model and its host, for errors and logs: `qwen3-32b at 127.0.0.1:8000`."""
        return f"{self.name} at {urlsplit(self.base_url).netloc}"


class ModelSettings(Endpoint):
    """The language model of this installation, and what answers in its place when it fails."""

    fallbacks: tuple[Endpoint, ...] = ()
    """Further models, tried in order."""

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """The primary model, then its fallbacks."""
        return (self, *self.fallbacks)


class CallFailed(ModelFailed):
    """One endpoint gave no usable answer. The circuit breaker reads the reason off it."""

    code = "model.call_failed"

    def __init__(
        self,
        detail: str,
        *,
        connection: bool = False,
        blameless: bool = False,
        again: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.connection = connection
        """No connection came about: the server is down or unreachable."""

        self.blameless = blameless
        """It says nothing about the server's health: the request was bad, or no slot came free."""

        self.again = again
        """The same call may succeed at once, on the same server."""

        self.retry_after = retry_after
        """Seconds that the server asked to be left alone; `None` when it did not say."""
