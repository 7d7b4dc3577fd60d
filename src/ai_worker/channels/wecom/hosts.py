"""Whether an address that the platform handed over may be called."""

from urllib.parse import urlsplit

PLATFORM_HOST = "qyapi.weixin.qq.com"
_PORTS = {"http": 80, "https": 443}


def may_call(url: str, *, base: str) -> bool:
    """Return whether `url` is on the platform's own host, or on exactly the host and port of a configured base.

    Whoever knows the callback's token could else have this server call any address.
    """
    place = _place(url)
    return place is not None and place in (("https", PLATFORM_HOST, 443), _place(base))


def _place(url: str) -> tuple[str, str, int] | None:
    try:
        address = urlsplit(url)
        port = address.port
    except ValueError:
        return None
    if address.scheme not in _PORTS or not address.hostname or address.username is not None or "\\" in url:
        return None
    return address.scheme, address.hostname, port or _PORTS[address.scheme]
