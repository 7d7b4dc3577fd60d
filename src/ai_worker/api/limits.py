"""How much, how long and how many: what the API door bears from a stranger."""

from dataclasses import dataclass, replace

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one listening socket. Seconds, bytes and counts."""

    header_s: float = 10.0
    """From a request's first byte to the end of its headers."""

    body_s: float = 30.0
    """From the end of the headers to the end of the body."""

    idle_s: float = 10.0
    """A connection without a request in progress is closed after this."""

    write_s: float = 30.0
    """A client that takes nothing of its response for this long is cut off."""

    header_bytes: int = 64_000
    """Request line and headers together."""

    headers: int = 100
    connections: int = 10_000
    """Open connections. Above, the one that has been idle longest makes room; if none is idle, 503."""

    callback_bytes: int = 1 * MB
    request_bytes: int = 5 * MB
    upload_bytes: int = 50 * MB
    chat_file_bytes: int = 11 * MB
    """A little more than a visitor's file may have, so that the refusal can say why."""

    def body_bytes(self, path: str) -> int:
        """Return how large the body of a request to `path` may be."""
        if path.startswith("/channels/"):
            return self.callback_bytes
        if path.startswith("/chat/") and path.endswith("/files"):
            return self.chat_file_bytes
        if path == "/api/v1/knowledge/documents":
            return self.upload_bytes
        return self.request_bytes

    def at_most(self, connections: int) -> "Limits":
        """Return these limits with no more connections than the system has files for."""
        return replace(self, connections=max(1, min(self.connections, connections)))
