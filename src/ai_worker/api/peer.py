"""Who is calling: the socket's address, unless a trusted proxy says otherwise."""

from collections.abc import Iterable

from starlette.types import Scope

from ai_worker.keys.network import Networks, parse_address

UNKNOWN = ""
"""What stands for an address that cannot be told; it is in no network."""


def client_address(scope: Scope, trusted: Networks) -> str:
    """Return the client's address as plain text; `UNKNOWN` if it cannot be told.

    `X-Forwarded-For` counts only if the socket's peer is a trusted proxy, and then its rightmost
    address that is not itself a trusted proxy: everything further left was written by a stranger.
    No other header is ever looked at.
    """
    peer = scope.get("client")
    address = parse_address(peer[0]) if peer else None
    if address is None:
        return UNKNOWN
    if not trusted or address not in trusted:
        return str(address)
    for hop in reversed(list(_hops(scope["headers"]))):
        address = parse_address(hop)
        if address is None:
            return UNKNOWN
        if address not in trusted:
            break
    return str(address)


def _hops(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[str]:
    for name, value in headers:
        if name == b"x-forwarded-for":
            yield from (hop.strip() for hop in value.decode("latin-1").split(","))
