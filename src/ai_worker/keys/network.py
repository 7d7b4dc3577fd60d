"""Network addresses: who is calling, and whether that is an address a key may be used from."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from ai_worker.foundation.errors import BadInput

Address = IPv4Address | IPv6Address

PRIVATE = ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
"""Loopback and the private ranges: where a key may be used from if nobody says otherwise."""

ANY = ("0.0.0.0/0", "::/0")
"""Every address. Has to be asked for in words."""


class BadNetwork(BadInput):
    """This is not an address or a network in CIDR notation."""

    code = "keys.bad_network"
    hint = "Write networks as 10.0.0.0/8, fd00::/8 or 203.0.113.7; `any` stands for every address."


@lru_cache(maxsize=4_096)  # the same few callers come again and again
def parse_address(text: str) -> Address | None:
    """Return an address, or `None` if `text` is not one.

    An IPv4 address that is mapped into IPv6 (`::ffff:10.0.0.5`, as a dual-stack socket reports it) is
    the IPv4 address. No other embedding is unwrapped: NAT64, 6to4 and `::10.0.0.5` can be chosen by
    the sender. Zone ids, octal and shortened forms are refused.
    """
    if not text.isascii() or "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


class Networks:
    """A list of networks that an address is in or not."""

    def __init__(self, blocks: Iterable[IPv4Network | IPv6Network]) -> None:
        self._blocks = tuple(blocks)

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Self:
        """Return the networks that are written as CIDR blocks, single addresses or `any`.

        Raises:
            BadNetwork: One of them is none of these, or has bits set behind its prefix.
        """
        return cls(block for text in texts for block in _blocks(text))

    def __contains__(self, address: object) -> bool:
        """Return whether an `Address`, or the text of one, is inside. Whatever is no address is not."""
        parsed = parse_address(address) if isinstance(address, str) else address
        return any(parsed in block for block in self._blocks if isinstance(parsed, IPv4Address | IPv6Address))

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def texts(self) -> tuple[str, ...]:
        """Return the blocks in CIDR notation."""
        return tuple(str(block) for block in self._blocks)


def _blocks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    if text.strip().lower() == "any":
        return tuple(ip_network(block) for block in ANY)
    try:
        return (ip_network(text.strip()),)
    except ValueError:
        raise BadNetwork(f"{text!r} is not a network") from None
