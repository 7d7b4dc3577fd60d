"""A thin client for one OpenAI-compatible endpoint for embeddings."""

import asyncio
from collections.abc import Sequence

import aiohttp
import msgspec
import structlog
from pydantic import Field, field_validator
from yarl import URL

from ai_worker.foundation.clock import Clock
from ai_worker.foundation.text import clean
from ai_worker.knowledge.embedding import EmbeddingFailed
from ai_worker.llm.circuit import Circuit
from ai_worker.llm.contract import Endpoint
from ai_worker.llm.openai_compatible import OURS_TO_BLAME

CONNECT_S = 1.5
MAX_BYTES = 64_000_000
"""The largest answer that is read: 256 texts of 4,096 numbers in decimal are some 20 MB."""

AT_ONCE = 16
"""Calls in flight where the settings do not say."""

QUESTION_CHARACTERS = 500

log = structlog.get_logger(__name__)


class EmbeddingsSettings(Endpoint):
    """The endpoint that turns texts into vectors, so that what is worded otherwise is found as well."""

    timeout_s: float = Field(default=30.0, gt=0, le=600)
    """Seconds that embedding one batch of passages may take."""

    question_timeout_ms: int = Field(default=300, ge=10, le=10_000)
    """Milliseconds that a question waits for its vector; after that it is searched by words alone."""

    dimensions: int | None = Field(default=None, ge=8, le=8_192)
    """Numbers in a vector, for models that can shorten them; left out: what the model gives."""

    batch: int = Field(default=32, ge=1, le=256)
    """Passages that are embedded by one call."""

    @field_validator("base_url")
    @classmethod
    def _without_route(cls, value: str) -> str:
        return value.removesuffix("/embeddings")


class WireVector(msgspec.Struct):
    """One vector of an answer."""

    embedding: list[float]
    index: int = 0


class WireVectors(msgspec.Struct):
    """An answer."""

    data: list[WireVector]


_read = msgspec.json.Decoder(WireVectors).decode
MALFORMED = (msgspec.DecodeError, UnicodeDecodeError)


class Embeddings:
    """One model behind `POST {base_url}/embeddings`. It is a `knowledge.embedding.Embedder`."""

    def __init__(self, settings: EmbeddingsSettings, *, clock: Clock) -> None:
        """Make the client; nothing is connected before `start`."""
        self._settings = settings
        self._url = URL(settings.base_url) / "embeddings"
        self._circuit = Circuit(clock)
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(settings.max_concurrent or AT_ONCE)
        self.identity = f"{settings.base_url}\x1f{settings.name}\x1f{settings.dimensions or ''}"
        self.batch = settings.batch

    @property
    def healthy(self) -> bool:
        """Whether a call is likely to work."""
        return self._circuit.closed

    async def start(self) -> None:
        """Open the connection pool; connects to nobody."""
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", "User-Agent": "ai-worker"}
        if key := self._settings.api_key.reveal():
            headers["Authorization"] = f"Bearer {key}"
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._settings.max_concurrent or AT_ONCE),
            timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_S),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=headers,
        )

    async def close(self) -> None:
        """Close the connection pool; calls in flight fail."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the vector of each text; see `Embedder.embed`."""
        return await self._asked(texts, self._settings.timeout_s)

    async def of(self, question: str) -> list[float] | None:
        """Return a question's vector; `None` if there is none in time, or the endpoint is known to be down."""
        if not question.strip():
            return None
        try:
            (vector,) = await self._asked([question[:QUESTION_CHARACTERS]], self._settings.question_timeout_ms / 1000)
        except EmbeddingFailed:
            return None
        return vector

    async def _asked(self, texts: Sequence[str], seconds: float) -> list[list[float]]:
        """Ask, and let the circuit hear how it went."""
        if not self._circuit.admit():
            raise EmbeddingFailed(f"{self._settings.place} is known to be down")
        try:
            async with asyncio.timeout(seconds), self._slots:
                vectors = await self._once(texts)
        except TimeoutError:
            self._failed(connection=True)
            raise EmbeddingFailed(f"{self._settings.place} gave no vectors within {seconds:g} s") from None
        except aiohttp.ClientError as error:
            self._failed(connection=isinstance(error, aiohttp.ClientConnectionError))
            raise EmbeddingFailed(f"{self._settings.place} cannot be reached") from None
        except EmbeddingFailed as failure:
            if not failure.refused:
                self._failed(connection=False)
            raise
        self._circuit.succeeded()
        return vectors

    def _failed(self, *, connection: bool) -> None:
        was_closed = self._circuit.closed
        self._circuit.failed(connection=connection)
        if was_closed and not self._circuit.closed:
            log.warning("embeddings.circuit_opened", model=self._settings.place)

    async def _once(self, texts: Sequence[str]) -> list[list[float]]:
        place = self._settings.place
        if self._session is None:
            raise EmbeddingFailed(f"{place} was asked before its client was started")
        body: dict[str, object] = {
            "model": self._settings.name,
            "input": [clean(text) or "-" for text in texts],
            "encoding_format": "float",
        }
        if self._settings.dimensions:
            body["dimensions"] = self._settings.dimensions
        async with self._session.post(self._url, data=msgspec.json.encode(body), allow_redirects=False) as response:
            if response.status != 200:
                refused = response.status in OURS_TO_BLAME
                raise EmbeddingFailed(f"{place} answered {response.status}", refused=refused)
            raw = bytearray()
            async for piece in response.content.iter_any():
                raw += piece
                if len(raw) > MAX_BYTES:
                    raise EmbeddingFailed(f"{place} sent more than {MAX_BYTES} bytes")
        try:
            answer = _read(bytes(raw))
        except MALFORMED:
            raise EmbeddingFailed(f"{place} sent something that is no vector") from None
        vectors = [one.embedding for one in sorted(answer.data, key=lambda one: one.index)]
        widths = {len(vector) for vector in vectors}
        if len(vectors) != len(texts) or len(widths) != 1 or widths == {0}:
            widths_told = f"{len(vectors)} vectors for {len(texts)} texts, of {len(widths)} widths"
            raise EmbeddingFailed(f"{place} sent {widths_told}")
        return vectors
