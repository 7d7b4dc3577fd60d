"""What a call costs beyond the raw request, as CPU ms of the calling process.

    python -m benchmarks.connectors.calls [--calls 2000]

The business system is another process on loopback. The raw request is aiohttp's own, with its body read; the call
checks, writes, proves, limits, gates, reads, masks and judges. The aim is at most 1 ms more.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from multiprocessing.connection import Connection

import aiohttp
import msgspec
from aiohttp import web

from ai_worker.connectors.http.authenticate import ApiKey
from ai_worker.connectors.http.caller import HttpCaller
from ai_worker.connectors.operation import Body, Media, Operation, Parameter, Scheme
from ai_worker.connectors.profile import Profile, RefusalSign
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.secret import Secret

ORDER = {"id": "ORD12345", "status": "SHIPPED", "phone": "13800138000", "note": "尽快送达"}
LINES = [{"sku": f"SKU-{number}", "count": number + 1, "price": 9.5} for number in range(20)]
ROUNDS = 5

READ = Operation(
    "get_order", "GET", "/orders/{id}", "订单", "查订单",
    {"type": "object", "required": ["id"], "additionalProperties": False, "properties": {
        "id": {"type": "string", "pattern": "^ORD[0-9]+$"},
        "fields": {"type": "array", "items": {"type": "string"}}}},
    "read",
    (Parameter("id", "id", "path", True, "simple", False), Parameter("fields", "fields", "query", False, "form", True)),
    security=({"key": ()},),
)  # fmt: skip

WRITE = Operation(
    "add_order", "POST", "/orders", "下单", "新建订单",
    {"type": "object", "required": ["customer", "lines"], "properties": {
        "customer": {"type": "string"},
        "lines": {"type": "array", "items": {"type": "object", "required": ["sku"], "properties": {
            "sku": {"type": "string"}, "count": {"type": "integer", "minimum": 1}, "price": {"type": "number"}}}}}},
    "write-reversible",
    body=Body(True, Media("application/json"), {"customer": "customer", "lines": "lines"}),
    security=({"key": ()},),
)  # fmt: skip


def system(pipe: Connection) -> None:
    """Play the business system until the pipe closes."""

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"success": True, "orders": [ORDER] * 20})

    async def serve() -> None:
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", answer)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        pipe.send(runner.addresses[0][1])
        await asyncio.to_thread(pipe.recv)
        await runner.cleanup()

    asyncio.run(serve())


async def cpu_ms(call: Callable[[], Awaitable[object]], calls: int) -> float:
    started = time.process_time()
    for _ in range(calls):
        await call()
    return (time.process_time() - started) * 1_000 / calls


async def measure(port: int, calls: int) -> None:
    base = f"http://127.0.0.1:{port}"
    profile = Profile(
        base, networks=("127.0.0.0/8",), per_second=1e6, burst=10**6, masked=frozenset({"phone"}),
        refusals=(RefusalSign("success", good=(True,), message="message"),),
    )  # fmt: skip
    caller = HttpCaller(
        "bench", profile, schemes={"key": Scheme("key", "apiKey", "header", "X-Key")},
        credentials={"key": ApiKey(Secret("sesame-4711"))}, clock=SystemClock(),
    )  # fmt: skip
    await caller.start()
    content = msgspec.json.encode({"customer": "华星", "lines": LINES})
    headers = {"X-Key": "sesame-4711", "Content-Type": "application/json"}
    async with aiohttp.ClientSession() as session:

        async def raw_read() -> None:
            async with session.get(f"{base}/orders/ORD12345?fields=id", headers=headers) as response:
                await response.read()

        async def raw_write() -> None:
            async with session.post(f"{base}/orders", headers=headers, data=content) as response:
                await response.read()

        cases: dict[str, tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[object]]]] = {
            "read": (raw_read, lambda: caller.call(READ, {"id": "ORD12345", "fields": ["id"]})),
            "write, 20 lines": (raw_write, lambda: caller.call(WRITE, {"customer": "华星", "lines": LINES})),
        }
        for name, (raw, call) in cases.items():
            pairs = [(await cpu_ms(raw, calls // ROUNDS), await cpu_ms(call, calls // ROUNDS)) for _ in range(ROUNDS)]
            plain, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
            print(f"{name}: raw {plain:.3f} ms, call {ours:.3f} ms, more {ours - plain:.3f} ms CPU")
    await caller.close()


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2_000)
    calls = parser.parse_args(argv).calls
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=system, args=(theirs,))
    process.start()
    try:
        asyncio.run(measure(ours.recv(), calls))
    finally:
        ours.send("end")
        process.join(10)


if __name__ == "__main__":
    main()
