"""Whether an address that the platform handed over may be called."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

PLATFORM_HOST = "qyapi.weixin.qq.com"
_MEDIA_HOST = re.compile(r"ww-aibot-img-1258476243\.cos\.[a-z0-9-]{1,40}\.myqcloud\.com")
"""Where AI bots' files are, as their addresses say: a bucket of WeCom's own, named with WeCom's account."""

_PORTS = {"http": 80, "https": 443}


def may_call(url: str, *, base: str) -> bool:
    """Return whether `url` is on the platform's own host, or on exactly the host and port of a configured base.

    Whoever knows the callback's token could else have this server call any address.
    """
    place = _place(url)
    return place is not None and place in (("https", PLATFORM_HOST, 443), _place(base))


def may_fetch(url: str, *, bases: Iterable[str]) -> bool:
    """Return whether a file may be fetched from `url`: the platform's hosts, its file store, or a configured base."""
    place = _place(url)
    if place is None:
        return False
    if place[0] == "https" and place[2] == 443 and _MEDIA_HOST.fullmatch(place[1]):
        return True
    return any(may_call(url, base=base) for base in bases)


def _place(url: str) -> tuple[str, str, int] | None:
    try:
        address = urlsplit(url)
        port = address.port
    except ValueError:
        return None
    if address.scheme not in _PORTS or not address.hostname or address.username is not None or "\\" in url:
        return None
    return address.scheme, address.hostname, port or _PORTS[address.scheme]
