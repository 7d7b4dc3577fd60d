"""More at once than can be taken: told to come again at once, and never acknowledged late."""

import asyncio
import socket
from typing import Any

import msgspec
import uvloop
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from ai_worker.api.gate import LATE_S, MOST_TAKEN, Gate
from ai_worker.api.limits import Limits
from ai_worker.api.protocol import ARRIVED
from ai_worker.api.server import make_server
from ai_worker.keys.network import Networks


def scope(path: str, *, arrived: float | None = None) -> Scope:
    told: Scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "headers": [],
        "query_string": b"",
        "client": ("127.0.0.1", 1),
    }
    return told if arrived is None else {**told, ARRIVED: arrived}


async def asked(gate: Gate, path: str, *, arrived: float | None = None) -> tuple[int, dict[bytes, bytes], Any]:
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await gate(scope(path, arrived=arrived), receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), msgspec.json.decode(body) if body else None


def gate_before(release: asyncio.Event) -> Gate:
    async def app(told: Scope, receive: Receive, send: Send) -> None:
        await release.wait()
        await Response(status_code=202)(told, receive, send)

    return Gate(app, limits=Limits(), trusted=Networks(()))


async def test_messages_beyond_what_can_be_taken_are_told_to_come_again_at_once() -> None:
    release = asyncio.Event()
    gate = gate_before(release)
    taken = [asyncio.create_task(asked(gate, "/channels/desk/callback")) for _ in range(MOST_TAKEN)]
    await asyncio.sleep(0)

    status, headers, problem = await asked(gate, "/api/v1/messages")
    assert (status, problem["code"]) == (503, "server.overloaded")
    assert int(headers[b"retry-after"]) >= 1

    release.set()
    assert {status for status, _, _ in await asyncio.gather(*taken)} == {202}
    assert (await asked(gate, "/api/v1/messages"))[0] == 202


async def test_other_requests_are_not_counted_among_the_messages() -> None:
    release = asyncio.Event()
    gate = gate_before(release)
    taken = [asyncio.create_task(asked(gate, "/api/v1/messages")) for _ in range(MOST_TAKEN)]
    other = asyncio.create_task(asked(gate, "/api/v1/ask"))
    await asyncio.sleep(0)

    release.set()

    assert (await other)[0] == 202
    await asyncio.gather(*taken)


async def test_a_success_that_comes_too_late_is_told_as_a_refusal() -> None:
    release = asyncio.Event()
    release.set()
    gate = gate_before(release)
    long_ago = asyncio.get_running_loop().time() - LATE_S - 0.1

    status, headers, problem = await asked(gate, "/channels/desk/callback", arrived=long_ago)

    assert (status, problem["code"]) == (503, "server.too_late")
    assert b"retry-after" in headers
    assert (await asked(gate, "/api/v1/ask", arrived=long_ago))[0] == 202, "who waits for an answer may wait"


def test_a_crowd_of_new_connections_is_let_in_within_one_round_of_the_loop() -> None:
    async def crowd() -> int:
        async def app(told: Scope, receive: Receive, send: Send) -> None:
            await Response()(told, receive, send)

        server = make_server(app, host="127.0.0.1", port=0)
        port = server.bind()
        serving = asyncio.create_task(server.serve())
        await server.accepting()
        callers = [socket.socket() for _ in range(150)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", port))
        for _ in range(12):
            await asyncio.sleep(0)
        let_in = len(server.server_state.connections)
        for caller in callers:
            caller.close()
        server.drain()
        await serving
        return let_in

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(crowd()) == 150
