"""A simulated group of WeCom with a robot in it."""

from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import msgspec
from aiohttp import web

from ai_worker.demo.wecom_api import KEPT
from ai_worker.foundation.clock import Clock, SystemClock

PER_MINUTE = 20
MARKDOWN_BYTES, TEXT_BYTES = 4_096, 2_048


@dataclass(slots=True)
class GroupCounts:
    """What happened in the group since it was made."""

    calls: int = 0
    shown: int = 0
    violations: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT))


class SimulatedGroup:
    """One robot with one key; more than 20 messages a minute are refused, and reported."""

    def __init__(self, *, key: str, clock: Clock | None = None) -> None:
        self.counts = GroupCounts()
        self.shown: list[str] = []
        """What the group was shown, oldest first."""

        self.webhook_url = ""
        self.removed = False
        """The robot was taken out of the group."""

        self._key = key
        self._clock = clock or SystemClock()
        self._times: deque[float] = deque(maxlen=PER_MINUTE)
        self._faults: deque[int] = deque()
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_post("/cgi-bin/webhook/send", self._serve)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        port = self._runner.addresses[0][1]
        self.webhook_url = f"http://127.0.0.1:{port}/cgi-bin/webhook/send?key={self._key}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def fail_next(self, *errcodes: int) -> None:
        """Let the next calls be refused, with one code each."""
        self._faults.extend(errcodes)

    async def _serve(self, request: web.Request) -> web.Response:
        self.counts.calls += 1
        errcode = self._faults.popleft() if self._faults else 0
        if request.query.get("key") != self._key or self.removed:
            errcode = 93000
        if not errcode:
            errcode = self._take(await request.read())
        return web.json_response({"errcode": errcode, "errmsg": "ok" if not errcode else "simulated"})

    def _take(self, raw: bytes) -> int:
        try:
            body = msgspec.json.decode(raw, type=dict[str, Any])
        except msgspec.DecodeError:
            return 47001
        msgtype = body.get("msgtype")
        if msgtype not in ("text", "markdown"):
            return 40008
        text = body[msgtype].get("content", "")
        if not text:
            return 44004
        most = MARKDOWN_BYTES if msgtype == "markdown" else TEXT_BYTES
        if len(text.encode()) > most:
            self.counts.violations.append(f"a {msgtype} of {len(text.encode())} bytes")
            return 40058
        now = self._clock.monotonic()
        if len(self._times) == PER_MINUTE and now - self._times[0] < 60:
            self.counts.violations.append(f"more than {PER_MINUTE} messages a minute")
            return 45009
        self._times.append(now)
        self.counts.shown += 1
        self.shown.append(text)
        return 0
