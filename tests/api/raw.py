"""A server on uvloop in a thread of its own, and sockets that say what no client library would."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop
from starlette.types import Receive, Scope, Send

from ai_worker.api.gate import Gate
from ai_worker.api.limits import Limits
from ai_worker.api.server import DoorServer, make_server
from ai_worker.keys.network import Networks


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body; `/slow` after a while, `/big` with far more than a socket holds."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if scope["path"] == "/slow":
        await asyncio.sleep(0.5)
    if scope["path"] == "/big":
        body = b"x" * 50_000_000
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Running:
    """A running server, to be talked to over raw sockets."""

    def __init__(self, server: DoorServer) -> None:
        self.server = server

    @property
    def port(self) -> int:
        return self.server.port

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def say(self, *pieces: bytes) -> bytes:
        """Send pieces over a fresh connection and return everything until the server closes it."""
        with self.connect() as peer:
            for piece in pieces:
                peer.sendall(piece)
            return rest(peer)


def rest(peer: socket.socket) -> bytes:
    """Return everything until the server closes the connection; a reset counts as closed."""
    heard = b""
    try:
        while data := peer.recv(65536):
            heard += data
    except ConnectionResetError:
        return heard
    return heard


def head(text: bytes, *, method: bytes = b"POST", path: bytes = b"/") -> bytes:
    return b"%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (method, path, text)


GET = head(b"", method=b"GET")
LAST = head(b"Connection: close\r\n", method=b"GET")


@contextmanager
def running(limits: Limits, *, host: str = "127.0.0.1") -> Iterator[Running]:
    """Run an echo behind the gate until the block ends."""
    server = make_server(Gate(echo, limits=limits, trusted=Networks(())), host=host, port=0, limits=limits, drain_s=2)
    server.bind()
    loop = uvloop.new_event_loop()

    def serve() -> None:
        try:
            loop.run_until_complete(server.serve())
        finally:
            loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield Running(server)
    finally:
        server.drain()
        thread.join()
