"""A name server on loopback that changes its mind, and a resolver that asks it (RFC 1035, A records alone)."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from aiohttp.abc import AbstractResolver, ResolveResult


class NameServer(asyncio.DatagramProtocol):
    """Answers every question with the next planned addresses; the last ones stay."""

    def __init__(self) -> None:
        self.plan: list[list[str]] = []
        self.questions = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question with a life of zero seconds."""
        self.questions += 1
        addresses = self.plan.pop(0) if len(self.plan) > 1 else self.plan[0]
        header = data[:2] + struct.pack(">HHHHH", 0x8180, 1, len(addresses), 0, 0)
        records = b"".join(
            struct.pack(">HHHIH", 0xC00C, 1, 1, 0, 4) + socket.inet_aton(address) for address in addresses
        )
        assert self._transport is not None
        self._transport.sendto(header + data[12:] + records, addr)


class _Question(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if not self.answer.done():
            self.answer.set_result(data)


class StubResolver(AbstractResolver):
    """Asks one name server, over UDP."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the A records of a name."""
        labels = b"".join(bytes([len(label)]) + label.encode() for label in host.split("."))
        question = labels + b"\x00" + struct.pack(">HH", 1, 1)
        loop = asyncio.get_running_loop()
        transport, asked = await loop.create_datagram_endpoint(_Question, remote_addr=("127.0.0.1", self._port))
        transport.sendto(b"\x04\x2a" + struct.pack(">HHHHH", 0x0100, 1, 0, 0, 0) + question)
        try:
            data = await asyncio.wait_for(asked.answer, 10)
        finally:
            transport.close()
        count = struct.unpack(">H", data[6:8])[0]
        start = 12 + len(question)
        found = [socket.inet_ntoa(data[start + 16 * index + 12 : start + 16 * index + 16]) for index in range(count)]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=0)
            for address in found
        ]

    async def close(self) -> None:
        """Nothing stays open."""


@asynccontextmanager
async def name_server(*plan: list[str]) -> AsyncIterator[tuple[NameServer, StubResolver]]:
    """Start a name server; yield it and a resolver that asks it."""
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        NameServer, local_addr=("127.0.0.1", 0)
    )
    server.plan = list(plan)
    try:
        yield server, StubResolver(transport.get_extra_info("sockname")[1])
    finally:
        transport.close()
