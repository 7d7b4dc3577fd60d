"""Which addresses, of those that come in with messages, are called at all.

A callback's body is not signed: whoever saw one signature could point `sessionWebhook` at any machine
inside the company for an hour. So an address is called only on the platform's own hosts, or on exactly
the scheme, host and port of a configured base address.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from urllib.parse import SplitResult, urlsplit

MAX_ADDRESS = 4_096

_PLATFORM = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,5}dingtalk\.com")
_STORE = "wukong-file-im-zjk.oss-cn-zhangjiakou.aliyuncs.com"
"""Where the addresses lead that `messageFiles/download` gives: a bucket of DingTalk's own."""

_PLAIN = re.compile(r"[!#-\[\]^-~]+")
"""Printable ASCII without space, quotation mark and backslash, which parsers read differently."""

_DEFAULT_PORTS: Mapping[str, int] = MappingProxyType({"http": 80, "https": 443, "ws": 80, "wss": 443})
_SOCKET_SCHEMES: Mapping[str, str] = MappingProxyType({"http": "ws", "https": "wss"})

Origin = tuple[str, str, int]
"""Scheme, host in lower case, port."""


class TrustedHosts:
    """The platform's own hosts and those of the configured base addresses."""

    def __init__(self, bases: Iterable[str]) -> None:
        self._bases = {_origin(urlsplit(base)) for base in bases}

    def may_call(self, address: str) -> bool:
        """Return whether an address for HTTP calls is the platform's."""
        return self._is_trusted(address, "https", self._bases)

    def may_fetch(self, address: str) -> bool:
        """Return whether a file may be fetched from an address: the platform's, or its own store of robots' files."""
        return self.may_call(address) or self._is_trusted(address, "https", {("https", _STORE, 443)})

    def may_connect(self, address: str) -> bool:
        """Return whether an address for a WebSocket is the platform's."""
        sockets = {(_SOCKET_SCHEMES[scheme], host, port) for scheme, host, port in self._bases}
        return self._is_trusted(address, "wss", sockets)

    @staticmethod
    def _is_trusted(address: str, scheme: str, bases: set[Origin]) -> bool:
        if len(address) > MAX_ADDRESS or not _PLAIN.fullmatch(address):
            return False
        try:
            parts = urlsplit(address)
            origin = _origin(parts)
        except ValueError:  # a port that is none, brackets that do not close
            return False
        if "@" in parts.netloc or "%" in parts.netloc:
            return False
        if origin in bases:
            return True
        return origin[0] == scheme and origin[2] == 443 and _PLATFORM.fullmatch(origin[1]) is not None


def _origin(parts: SplitResult) -> Origin:
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)
