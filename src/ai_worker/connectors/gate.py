"""Where a connection may call: its own hosts, at addresses that nobody moved inside behind our back.

A name is resolved once for a connection; the addresses that were checked are the ones that are connected to, and
are looked at once more when the socket is made. So a name that changes between check and use gains nothing.
"""

import ipaddress
import socket
from collections.abc import Iterable
from typing import TypeAlias

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from ai_worker.skills.tool import ToolFailed

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_ADDRESSES = 16
"""Of one name; more are a trick or a mistake."""

PIN_SECONDS = 300
"""How long the addresses of a name are kept for new sockets: longer than any one call."""

SPECIAL: tuple[Network, ...] = tuple(
    ipaddress.ip_network(network)
    for network in (
        # IANA's special-purpose registries (RFC 6890 and its updates), written out: what `ipaddress` calls
        # global differs between Python versions.
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24",
        "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "::/128", "::1/128", "100::/64", "2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20", "5f00::/16",
        "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8",
    )
)  # fmt: skip

METADATA: frozenset[Address] = frozenset(
    ipaddress.ip_address(address)
    for address in (
        "169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254",
    )
)  # fmt: skip
"""Where clouds hand credentials to whoever asks: opened only by naming the very address."""

_CARRIERS: tuple[tuple[ipaddress.IPv6Network, int], ...] = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),  # IPv4-mapped
    (ipaddress.IPv6Network("::ffff:0:0:0/96"), 0),  # IPv4-translated
    (ipaddress.IPv6Network("::/96"), 0),  # IPv4-compatible
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (ipaddress.IPv6Network("64:ff9b:1::/48"), 0),  # NAT64, local
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4
)
"""IPv6 that carries an IPv4 address, and how many bits stand after it."""


class AddressRefused(ToolFailed):
    """The call would go where this connection may not; nothing was sent."""

    code = "connector.address_refused"
    hint = "If this address is right, name its host or its network in the connector's settings."


class Gate:
    """The hosts and networks of one connection."""

    def __init__(
        self, *, addresses: Iterable[str] = (), hosts: Iterable[str] = (), networks: Iterable[str] = ()
    ) -> None:
        """Open the gate for these hosts alone.

        Args:
            addresses: Base addresses; each opens its host at its port.
            hosts: `erp.example.com` (any port) or `erp.example.com:8443`.
            networks: Special networks that may be called though nobody outside can reach them: `10.2.0.0/16`.
                An address that hands out cloud credentials counts only when it is named alone (`/32`, `/128`).
        """
        named = (URL(f"http://{host}") for host in hosts)
        self._hosts = {(_plain(url), url.explicit_port) for url in named}
        self._hosts |= {(_plain(url), url.port) for url in map(URL, addresses)}
        self._networks = tuple(ipaddress.ip_network(network) for network in networks)

    def check(self, url: URL) -> None:
        """Raise unless the address is of this connection's hosts.

        Raises:
            AddressRefused: It is not.
        """
        host = _plain(url)
        if url.scheme not in ("http", "https") or not host or url.user is not None:
            raise AddressRefused("an address must begin with http(s), name a host and hold no user")
        if not self._hosts & {(host, url.port), (host, None)}:
            raise AddressRefused(f"{host} is no host of this connection, or not at this port")
        try:
            literal = ipaddress.ip_address(host)
        except ValueError:
            return
        self.check_address(literal)

    def check_address(self, address: Address) -> None:
        """Raise unless the address may be connected to.

        Raises:
            AddressRefused: It lies in a network that this connection was not opened for.
        """
        real = carried(address)
        if real in METADATA:
            allowed = any(network.num_addresses == 1 and real in network for network in self._networks)
        else:
            special = any(real in network for network in SPECIAL) or (real.version == 6 and real not in _GLOBAL)
            allowed = not special or any(real in network for network in self._networks)
        if not allowed:
            raise AddressRefused(f"{real} lies inside: this connection is not open for its network")


_GLOBAL = ipaddress.IPv6Network("2000::/3")


def carried(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address carries, or the address itself."""
    if isinstance(address, ipaddress.IPv6Address) and int(address) > 1:
        for network, after in _CARRIERS:
            if address in network:
                return ipaddress.IPv4Address(int(address) >> after & 0xFFFFFFFF)
    return address


class GatedResolver(AbstractResolver):
    """Gives names away only as addresses that the gate lets through."""

    def __init__(self, gate: Gate, resolver: AbstractResolver) -> None:
        self._gate = gate
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of a name; one that leads inside refuses them all."""
        found = (await self._resolver.resolve(host, port, family))[:MAX_ADDRESSES]
        for result in found:
            try:
                address = ipaddress.ip_address(result["host"].partition("%")[0])
                self._gate.check_address(address)
            except (AddressRefused, ValueError) as error:
                raise LedInside(str(error)) from None
        return found

    async def close(self) -> None:
        """Close the resolver behind."""
        await self._resolver.close()


class LedInside(Exception):
    """A name or a socket led inside. Not an `OSError`: aiohttp would take it for a name that does not resolve."""


def gated_pool(gate: Gate, *, limit: int, resolver: AbstractResolver | None = None) -> aiohttp.TCPConnector:
    """Return a connection pool whose every socket has passed the gate.

    Args:
        gate: Of the connection.
        limit: Sockets at a time.
        resolver: Answers for names; left out: the machine's own.
    """

    def open_socket(info: tuple[int, int, int, str, tuple[object, ...]]) -> socket.socket:
        # The last look: also a host that was an address all along comes by here.
        try:
            gate.check_address(ipaddress.ip_address(str(info[4][0]).partition("%")[0]))
        except AddressRefused as error:
            raise LedInside(str(error)) from None
        return socket.socket(family=info[0], type=info[1], proto=info[2])

    return aiohttp.TCPConnector(
        limit=limit,
        resolver=GatedResolver(gate, resolver or aiohttp.ThreadedResolver()),
        ttl_dns_cache=PIN_SECONDS,
        socket_factory=open_socket,
    )


def _plain(url: URL) -> str:
    """Return an address's host as it is compared: without the dot of a full name."""
    return (url.raw_host or "").lower().rstrip(".")
