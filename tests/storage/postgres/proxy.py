"""A wire between the store and its server that can be cut without either of them being told."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Wire:
    """Forwards bytes in both directions until it is told to keep silent."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._writers: list[asyncio.StreamWriter] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.silent = False
        self.before: Callable[[bytes], bool] = lambda _data: False
        """Looks at what the client sends; true: keep silent from here on, these bytes included."""

        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._to)
        self._writers += [writer, back]
        self._tasks += [
            asyncio.create_task(self._pump(reader, back, watched=True)),
            asyncio.create_task(self._pump(there, writer, watched=False)),
        ]

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, watched: bool) -> None:
        try:
            while data := await reader.read(65536):
                if watched and self.before(data):
                    self.silent = True
                if self.silent:  # these bytes are gone for good, as on a cut cable
                    continue
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    def heal(self) -> None:
        """Let new connections through; what was silent stays so for those that were open."""
        self.before = lambda _data: False
        self.silent = False

    async def close(self) -> None:
        for writer in self._writers:
            writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """Run a wire to a server at `port`."""
    made = Wire(port)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.close()
        await server.wait_closed()
