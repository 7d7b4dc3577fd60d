"""A receiver of signed callbacks on loopback, as a customer's program would be."""

import asyncio
import random
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web


class CallbackReceiver:
    """Takes callbacks and recognises repeats by their `webhook-id`, as the specification asks of receivers."""

    def __init__(self, hear: Callable[[str], None], *, delay_s: float = 0.0) -> None:
        """Prepare the receiver.

        Args:
            hear: Called with the text of each reply, once.
            delay_s: Up to so long passes between taking a callback and answering it.
        """
        self.url = ""
        """What a message's `callback_url` has to be; known once it runs."""

        self._hear = hear
        self._delay_s = delay_s
        self._known: set[str] = set()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/replies", self._take)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/replies"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = msgspec.json.decode(await request.read(), type=dict[str, Any])
        webhook_id = request.headers.get("webhook-id", "")
        if not request.headers.get("webhook-signature") or not webhook_id:
            return web.Response(status=400)
        if body["type"] == "reply" and webhook_id not in self._known:
            self._known.add(webhook_id)
            self._hear(str(body["text"]))
        await asyncio.sleep(random.uniform(0, self._delay_s))  # noqa: S311  (spreads load, guards nothing)
        return web.Response(status=204)
