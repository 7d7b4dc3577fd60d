"""A scratch installation: its own folder, free ports, and `ai-worker run` as its own process."""

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import aiohttp

from ai_worker.foundation.errors import AiWorkerError

Role = Literal["api", "runner", "console"]

START_S = 30.0
STOP_S = 40.0


class SiteFailed(AiWorkerError):
    """The scratch installation did not start, or a command in it did not end."""

    code = "drill.site_failed"


def free_port() -> int:
    """Return a port on loopback that nothing uses at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Site:
    """One installation that can be started, killed and started again on the same data.

    Args:
        folder: An empty folder for settings, data and logs.
        settings: More lines for the settings file; top-level keys first, then tables. `[api]`,
            `[console]`, `[storage]` and `data_dir` are the site's own.
        environ: More environment variables for its processes.
        storage_url: Where its data is, if not in a SQLite file in its folder. Two sites with the same
            address are two nodes of one installation.
        key: An API key for everything that a program may do; a random one unless it is given.
        program: What Python runs: the package, or something that wraps it.
    """

    def __init__(
        self,
        folder: Path,
        settings: str = "",
        environ: Mapping[str, str] | None = None,
        *,
        storage_url: str = "",
        key: str = "",
        program: Sequence[str] = ("-m", "ai_worker"),
    ) -> None:
        self.folder = folder
        self.api_port, self.console_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.api_port}"
        self.config = folder / "ai-worker.toml"
        top, bracket, tables = settings.partition("[")
        storage = f'[storage]\nurl = "{storage_url}"\n' if storage_url else ""
        self.config.write_text(
            f'data_dir = "{folder / "data"}"\n{top}\n'
            f'[api]\nhost = "127.0.0.1"\nport = {self.api_port}\ncallback_hosts = ["127.0.0.1"]\n'
            f"[console]\nport = {self.console_port}\n{storage}{bracket}{tables}\n",
            encoding="utf-8",
        )
        self.key = key or secrets.token_hex(24)

        self._program = tuple(program)
        self._environ = {**_foreign(os.environ), "API_KEY": self.key, **(environ or {})}
        self._processes: dict[Role | None, asyncio.subprocess.Process] = {}
        self.client: aiohttp.ClientSession

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The process of the whole service, as it was started last."""
        return self._process(None)

    def pid(self, role: Role | None = None) -> int:
        """Return the process id of the service, or of one part of it."""
        return self._process(role).pid

    async def __aenter__(self) -> "Site":
        self.client = aiohttp.ClientSession(
            self.url,
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=aiohttp.ClientTimeout(total=60),
            connector=aiohttp.TCPConnector(limit=2_000),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.client.close()
        for role, process in self._processes.items():
            if process.returncode is None:
                await self.kill(role)

    async def command(self, *words: str) -> tuple[int, str, str]:
        """Run `ai-worker WORDS` on this site's settings; return exit code, stdout and stderr."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *self._program, *words, "--config", str(self.config)),
            env=self._environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), STOP_S * 3)
        return process.returncode or 0, out.decode(), err.decode()

    async def start(self, role: Role | None = None) -> None:
        """Start `ai-worker run`, or one part of it, and return once it is ready.

        Raises:
            SiteFailed: It ended, or was not ready after 30 seconds; with the end of its log.
        """
        words = ["run", "--config", str(self.config), *(["--role", role] if role else [])]
        begins = len(self.log(role))
        with self._log_file(role).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *self._program, *words), env=self._environ, stdout=log, stderr=log
            )
        self._processes[role] = process
        try:
            async with asyncio.timeout(START_S):
                while process.returncode is None:
                    if '"app.ready"' in self.log(role)[begins:]:
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            pass
        raise SiteFailed(f"the scratch installation is not ready:\n{self.log(role)[-4_000:]}")

    async def ready(self) -> bool:
        """Return whether the API says that it can accept messages."""
        try:
            async with self.client.get("/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientConnectionError:
            return False

    async def kill(self, role: Role | None = None) -> None:
        """Send SIGKILL: no handler runs, nothing is flushed."""
        await self._end(signal.SIGKILL, role)

    async def stop(self, role: Role | None = None) -> int:
        """Send SIGTERM and return the exit code."""
        return await self._end(signal.SIGTERM, role)

    async def _end(self, how: signal.Signals, role: Role | None) -> int:
        process = self._process(role)
        process.send_signal(how)
        return await asyncio.wait_for(process.wait(), STOP_S)

    def _process(self, role: Role | None) -> asyncio.subprocess.Process:
        if role not in self._processes:
            raise SiteFailed("the scratch installation was never started")
        return self._processes[role]

    def _log_file(self, role: Role | None) -> Path:
        return self.folder / (f"run-{role}.log" if role else "run.log")

    async def get(self, path: str) -> tuple[int, Any]:
        """GET a path of the API; return status and JSON."""
        async with self.client.get(path) as answer:
            return answer.status, await answer.json(content_type=None)

    async def post(self, path: str, body: Mapping[str, Any]) -> tuple[int, Any]:
        """POST JSON to the API; return status and JSON."""
        async with self.client.post(path, json=body) as answer:
            return answer.status, await answer.json(content_type=None)

    def log(self, role: Role | None = None) -> str:
        """Return what the process, or that of one part, has printed so far."""
        file = self._log_file(role)
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""


def _foreign(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that say nothing about an installation: a drill must not meet the site's own."""
    own = ("API_KEY", "MAX_CONCURRENT", "LOG_LEVEL")
    return {name: value for name, value in environ.items() if name not in own and not name.startswith("AI_WORKER")}
