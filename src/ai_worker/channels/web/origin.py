"""Which web pages may open the chat's socket, and which may show the chat inside themselves."""

import re
from collections.abc import Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

ORIGIN = re.compile(r"https?://[a-z0-9.\-]+(:\d{1,5})?|https?://\[[0-9a-f:.]+\](:\d{1,5})?")
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._\-]+)(?::\d{1,5})?")
LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".lan", ".home.arpa")
"""Names that nobody can register, so that no stranger's page can be rebound to this machine under them."""


def origin_problem(origin: str) -> str | None:
    """Return what is wrong with a configured origin; `None` if nothing is."""
    if ORIGIN.fullmatch(origin.lower()):
        return None
    return "an origin is scheme, host and port alone, for example https://www.example.com"


class Origins:
    """The origins of one web chat: its own address, and those that the settings name."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = tuple(origin.lower() for origin in allowed)
        self._hosts = {urlsplit(origin).netloc for origin in self.allowed}

    def knows(self, host: str) -> bool:
        """Return whether the chat may be served under the `Host` that a browser used.

        A stranger's page can make its own name point at this machine (DNS rebinding), but not an
        address, a name without a dot, or a name that nobody can register.
        """
        host = host.lower()
        name = _name(host)
        if name is None:
            return False
        if host in self._hosts or "." not in name or name.endswith(LOCAL_ENDINGS):
            return True
        return _is_address(name)

    def welcomes(self, origin: str | None, host: str) -> bool:
        """Return whether a socket may be opened by a page of `origin` that used `host`.

        A program that is no browser sends no origin; it has no visitor's identity to abuse.
        """
        if not self.knows(host):
            return False
        if origin is None:
            return True
        return origin.lower() in self.allowed or origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")


def _name(host: str) -> str | None:
    """Return a Host header's name without its port; `None` if it is no host at all."""
    match = HOST.fullmatch(host)
    return match[1].strip("[]") if match else None


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
