"""One connection to a directory, for one call: opened, encrypted, proven, asked and closed."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ai_worker.connectors.ldap import ber, messages
from ai_worker.connectors.ldap.ber import Malformed
from ai_worker.connectors.ldap.messages import Entry, Result
from ai_worker.connectors.ldap.options import LdapOptions
from ai_worker.skills.tool import ToolFailed, ToolRefused

MAX_MESSAGE = 4 * 1024 * 1024
SIZE_LIMIT, NO_SUCH_OBJECT, WRONG_CREDENTIALS, TIME_LIMIT = 4, 32, 49, 3


class DirectoryFailed(ToolFailed):
    """The directory could not be reached, does not take our credentials, or failed."""

    code = "ldap.failed"
    hint = "See whether the directory is up, and whether `url`, `ca_file`, `bind_dn` and `password` are right."


@dataclass(slots=True)
class Answered:
    """What a search found."""

    entries: list[Entry] = field(default_factory=list)
    cut: bool = False
    """There are more."""


class Session:
    """Asks one thing after another."""

    def __init__(self, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._name, self._reader, self._writer = name, reader, writer
        # Numbers that nobody can guess: what was put before the encryption begins answers none of them.
        self._number = secrets.randbelow(2**30)

    async def encrypt(self, context: ssl.SSLContext, host: str) -> None:
        """Begin to encrypt (RFC 4511 §4.14)."""
        result = messages.result_of(await self._one(messages.start_tls(), messages.EXTENDED_ANSWER))
        if result.code:
            raise DirectoryFailed(f"{self._name}: the directory does not encrypt ({result.code})")
        await self._writer.start_tls(context, server_hostname=host)

    async def be(self, dn: str, password: str) -> None:
        """Prove who asks."""
        result = messages.result_of(await self._one(messages.bind(dn, password), messages.BIND_ANSWER))
        if result.code:
            raise _failed(self._name, result)

    async def search(self, request: bytes, most: int) -> Answered:
        """Return what a search finds, at most so many."""
        found = Answered()
        number = await self._send(request)
        while True:
            content = await self._next(number)
            if content.tag == messages.ENTRY:
                found.entries.append(messages.entry_of(content))
                if len(found.entries) > most:
                    # A directory that keeps no limit is not listened to any longer.
                    return Answered(found.entries[:most], cut=True)
            elif content.tag == messages.DONE:
                result = messages.result_of(content)
                found.cut = result.code == SIZE_LIMIT
                if result.code not in (0, SIZE_LIMIT):
                    raise _failed(self._name, result)
                return found
            elif content.tag != messages.REFERENCE:
                raise Malformed("an answer to something else")

    async def leave(self) -> None:
        """Say goodbye."""
        await self._send(messages.unbind())

    async def _one(self, request: bytes, tag: int) -> ber.Value:
        content = await self._next(await self._send(request))
        if content.tag != tag:
            raise Malformed("an answer to something else")
        return content

    async def _send(self, request: bytes) -> int:
        self._number += 1
        self._writer.write(messages.message(self._number, request))
        await self._writer.drain()
        return self._number

    async def _next(self, number: int) -> ber.Value:
        first = await self._reader.readexactly(2)
        more, size = ber.header(first)
        length = await self._reader.readexactly(more)
        size = int.from_bytes(length, "big") if more else size
        if size > MAX_MESSAGE:
            raise Malformed(f"a message of more than {MAX_MESSAGE} bytes")
        answered, content = messages.opened(first + length + await self._reader.readexactly(size))
        if answered != number:
            raise Malformed("an answer to something else")
        return content


def _failed(name: str, result: Result) -> ToolFailed:
    match result.code:
        case code if code == NO_SUCH_OBJECT:
            return ToolRefused(f"{name}: the directory has no such entry")
        case code if code == WRONG_CREDENTIALS:
            return DirectoryFailed(f"{name}: the directory does not take our name or password")
        case code if code == TIME_LIMIT:
            return DirectoryFailed(f"{name}: the directory gave up after its time limit")
    return DirectoryFailed(f"{name}: the directory refused ({result.code}): “{result.words[:200]}”")


async def _gone(writer: asyncio.StreamWriter) -> None:
    """Close a connection without waiting for the other side's farewell."""
    writer.transport.abort()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(1):
            await writer.wait_closed()


@asynccontextmanager
async def session(name: str, options: LdapOptions, seconds: float) -> AsyncIterator[Session]:
    """Open a connection, and close it afterwards.

    Args:
        name: The operation, for errors.
        options: The directory's.
        seconds: For everything together.

    Raises:
        ToolRefused: There is no such entry.
        DirectoryFailed: The directory cannot be reached, or answers as none does.
    """
    parts = urlsplit(options.url)
    host, direct = parts.hostname or "", parts.scheme == "ldaps"
    try:
        async with asyncio.timeout(seconds):
            context = ssl.create_default_context(cafile=options.ca_file or None)
            reader, writer = await asyncio.open_connection(
                host, parts.port or (636 if direct else 389), ssl=context if direct else None
            )
            try:
                opened = Session(name, reader, writer)
                if not direct and options.tls == "required":
                    await opened.encrypt(context, host)
                if options.password is not None:
                    await opened.be(options.bind_dn, options.password.reveal())
                yield opened
                await opened.leave()
            finally:
                await _gone(writer)
    except TimeoutError:
        raise DirectoryFailed(f"{name}: no answer within {seconds:g} s") from None
    except ssl.SSLError as error:
        raise DirectoryFailed(f"{name}: no encrypted connection ({error.reason or type(error).__name__})") from None
    except asyncio.IncompleteReadError:
        raise DirectoryFailed(f"{name}: the directory closed the connection") from None
    except Malformed as error:
        raise DirectoryFailed(f"{name}: the answer is not LDAP: {error}") from None
    except OSError as error:
        raise DirectoryFailed(f"{name}: the directory cannot be reached ({type(error).__name__})") from None
