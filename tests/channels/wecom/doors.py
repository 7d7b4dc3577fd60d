"""An HTTP door for a channel under test, as the API's."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from aiohttp import web

from ai_worker.channels.contract import CallbackRequest, Channel


@asynccontextmanager
async def door_of(channel: Channel) -> AsyncIterator[str]:
    """Serve the channel's callback; yields its address."""

    async def take(request: web.Request) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        method: Literal["GET", "POST"] = "GET" if request.method == "GET" else "POST"
        answer = await channel.callback(CallbackRequest(method, dict(request.query), headers, await request.read()))
        told = {**answer.headers, "Content-Type": answer.content_type}
        return web.Response(status=answer.status, body=answer.body, headers=told)

    application = web.Application(client_max_size=2_000_000)
    application.router.add_route("*", "/channels/{name}/callback", take)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/channels/{channel.name}/callback"
    finally:
        await runner.cleanup()
