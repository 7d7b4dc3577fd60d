"""The gate in front of the console: from where, under which name, and with which headers."""

from collections.abc import Sequence

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ai_worker.console.settings import Network
from ai_worker.keys.network import Networks, parse_address

log = structlog.get_logger(__name__)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    # `no-referrer` would turn the Origin of our own forms into `null`.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Gate:
    """Lets through connections from allowed networks that ask for this console by a known name.

    The address is the socket's: headers in which a proxy names its caller are not read, here or
    anywhere behind. The server in front must leave them alone too (uvicorn: `proxy_headers=False`).
    """

    def __init__(self, app: ASGIApp, *, allow: Sequence[Network], names: Sequence[str]) -> None:
        self._app = app
        self._allow = Networks(allow)
        self._names = frozenset({"localhost", *names})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse with 403, or pass on and add the security headers to the answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        address = scope["client"][0] if scope.get("client") else ""
        if address not in self._allow:
            log.warning("console.address_refused", address=address)
            await PlainTextResponse("Forbidden\n", 403)(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        if not self._is_known(host):
            log.warning("console.host_refused", host=host[:100])
            await PlainTextResponse(
                "This console does not answer to that host name.\n"
                "Open it by its IP address, or add the name to `names` in [console].\n",
                403,
            )(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in {**HEADERS, "Cache-Control": "no-store"}.items():
                    headers.setdefault(name, value)  # a file that somebody sent comes with stricter ones
            await send(message)

        await self._app(scope, receive, send_with_headers)

    def _is_known(self, host: str) -> bool:
        name = host_name(host)
        return parse_address(name) is not None or name in self._names


def host_name(host: str) -> str:
    """Return the name or address of a Host header, in lower case, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower().rstrip(".")
