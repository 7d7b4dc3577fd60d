"""Pages and files of the web: fetched only when they have changed, and only from where the settings allow it."""

import hashlib
import ipaddress
import socket
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote, urljoin, urlsplit

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from ai_worker.foundation.text import clean
from ai_worker.knowledge.ingest.child import SUPPORTED
from ai_worker.knowledge.ingest.found import DOCUMENT_BYTES, NAME_CHARACTERS
from ai_worker.knowledge.sources import Fetched, OriginFailed, OriginGone, OriginRefused

TIMEOUT = aiohttp.ClientTimeout(total=60.0, connect=10.0)
REDIRECTS = 5
CHUNK = 65_536
ENDINGS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "text/csv": ".csv",
    "application/pdf": ".pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}
MOVED = (301, 302, 303, 307, 308)
GONE = (404, 410)


class Mark(msgspec.Struct):
    """What tells whether a page has changed."""

    etag: str = ""
    modified: str = ""
    digest: str = ""


class WebOrigin:
    """The documents at some addresses."""

    def __init__(self, urls: Sequence[str], *, hosts: Sequence[str] = (), allow_private: bool = False) -> None:
        """Prepare; no network yet.

        Args:
            urls: Each one document.
            hosts: Hosts that they may redirect to, beside their own.
            allow_private: Whether hosts may have addresses that are not public.
        """
        self._urls = {id_of(url): url for url in urls}
        self._hosts = {host.lower() for host in hosts} | {_host(url) for url in urls}
        self._allow_private = allow_private

    async def listed(self) -> Sequence[str]:
        """Return the ids of the documents; see `Origin`."""
        return list(self._urls)

    async def fetch(self, id: str, mark: str) -> Fetched:
        """Return a page, unless its server says or its bytes show that it is as it was; see `Origin`."""
        former = msgspec.json.decode(mark, type=Mark) if mark else Mark()
        resolver = Resolver(allow_private=self._allow_private)
        connector = aiohttp.TCPConnector(resolver=resolver, limit=1, force_close=True)
        jar = aiohttp.DummyCookieJar()
        try:
            async with aiohttp.ClientSession(
                connector=connector, timeout=TIMEOUT, cookie_jar=jar, trust_env=False
            ) as session:
                return await self._follow(session, self._urls[id], former)
        except (aiohttp.ClientError, TimeoutError) as error:
            refused = _refusal_in(error)
            if refused is not None:
                raise refused from None
            raise OriginFailed(f"{_shown(self._urls[id])} cannot be fetched: {type(error).__name__}") from None

    async def _follow(self, session: aiohttp.ClientSession, url: str, former: Mark) -> Fetched:
        for _ in range(REDIRECTS + 1):
            self._check(url)
            async with session.get(url, headers=_conditions(former), allow_redirects=False) as answer:
                if answer.status in MOVED and "Location" in answer.headers:
                    url = urljoin(url, answer.headers["Location"])
                    continue
                return await _read(answer, url, former)
        raise OriginFailed(f"{_shown(url)} redirects more than {REDIRECTS} times")

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or (parts.hostname or "").lower() not in self._hosts:
            raise OriginRefused(f"{_shown(url)} is on a host that is not configured")
        if not self._allow_private and _is_private(parts.hostname or ""):
            raise OriginRefused(f"{_shown(url)} is in a private network")


class Resolver(AbstractResolver):
    """Finds addresses, and only public ones unless private ones are allowed.

    What is checked is what is connected to: a name that leads elsewhere a moment later gains nothing.
    """

    def __init__(self, *, allow_private: bool) -> None:
        self._inner = aiohttp.ThreadedResolver()
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return where a host is.

        Raises:
            OSError: It is nowhere, or in a private network.
        """
        found = await self._inner.resolve(host, port, family)
        if not self._allow_private and any(_is_private(one["host"]) for one in found):
            raise _PrivateAddress(f"{host} is in a private network")
        return found

    async def close(self) -> None:
        """Have nothing to close."""
        await self._inner.close()


class _PrivateAddress(OSError):
    """A name leads into a private network."""


def id_of(url: str) -> str:
    """Return the id of the document at an address: host and path, with an ending that says what it is."""
    parts = urlsplit(url)
    name = clean(f"{parts.netloc.lower()}{unquote(parts.path)}".rstrip("/"))
    if parts.query:
        name += f"-{hashlib.sha256(parts.query.encode()).hexdigest()[:8]}"
    if PurePosixPath(name).suffix.lower() not in SUPPORTED:
        name += ".html"
    return name if len(name) <= NAME_CHARACTERS else f"{hashlib.sha256(name.encode()).hexdigest()[:16]}{name[-64:]}"


async def _read(answer: aiohttp.ClientResponse, url: str, former: Mark) -> Fetched:
    if answer.status == 304 and former.digest:
        return Fetched(None, _packed(former))
    if answer.status in GONE:
        raise OriginGone(f"{_shown(url)} is gone (HTTP {answer.status})")
    if answer.status != 200:
        raise OriginFailed(f"{_shown(url)} answers HTTP {answer.status}")
    kind = answer.content_type.lower()
    if kind not in ENDINGS and kind not in ("application/octet-stream", "application/json", "text/x-markdown"):
        raise OriginFailed(f"{_shown(url)} is of a kind that nothing here reads: {kind}")
    body = bytearray()
    async for chunk in answer.content.iter_chunked(CHUNK):
        body += chunk
        if len(body) > DOCUMENT_BYTES:
            raise OriginFailed(f"{_shown(url)} has more than {DOCUMENT_BYTES // 1_000_000} MB")
    digest = hashlib.sha256(body).hexdigest()
    mark = Mark(answer.headers.get("ETag", ""), answer.headers.get("Last-Modified", ""), digest)
    return Fetched(None if digest == former.digest else bytes(body), _packed(mark))


def _conditions(former: Mark) -> Mapping[str, str]:
    told = {"If-None-Match": former.etag, "If-Modified-Since": former.modified}
    return {"Accept-Encoding": "gzip, deflate"} | {name: value for name, value in told.items() if value}


def _packed(mark: Mark) -> str:
    return msgspec.json.encode(mark).decode()


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").lower()


def _shown(url: str) -> str:
    """Return an address without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _is_private(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host.strip("[]").partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return not (mapped or address).is_global


def _refusal_in(error: BaseException) -> OriginRefused | None:
    """Return the refusal that a failed connection goes back to, if that was it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, _PrivateAddress) or isinstance(getattr(seen, "os_error", None), _PrivateAddress):
            return OriginRefused("The host is in a private network")
        seen = seen.__cause__ or seen.__context__
    return None
