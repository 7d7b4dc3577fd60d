"""Prism (`@stoplight/prism-cli`), an independent reader of OpenAPI, as judge of the requests that we send.

It is no part of the product: whoever verifies the catalogue against contracts brings it along.
"""

import asyncio
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

OF_THE_REQUEST = frozenset(
    ("UNPROCESSABLE_ENTITY", "UNAUTHORIZED", "NO_PATH_MATCHED_ERROR", "NO_METHOD_MATCHED_ERROR", "NOT_ACCEPTABLE",
     "INVALID_CONTENT_TYPE", "NO_SERVER_MATCHED_ERROR", "NO_SERVER_CONFIGURATION_PROVIDED_ERROR")
)  # fmt: skip
"""Prism's errors that are about the request; the others are about the answer that it was to make up."""

START_POLLS = 240
POLL_S = 0.25


class Prism:
    """One Prism that plays one contract; started anew when a request ends it."""

    def __init__(self, program: str, contract: Path) -> None:
        self._program = program
        self._contract = contract
        self._process: asyncio.subprocess.Process | None = None
        self.base = ""
        """`http://127.0.0.1:4010`, once it plays."""

    async def start(self) -> bool:
        """Start it; return whether it plays the contract."""
        await self.stop()
        port = _free_port()
        self._process = await asyncio.create_subprocess_exec(
            self._program, "mock", "-p", str(port), "-h", "127.0.0.1", "-v", "fatal", str(self._contract),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        self.base = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession() as session:
            for _ in range(START_POLLS):
                if not self.alive:
                    return False
                try:
                    async with session.get(self.base):
                        return True
                except aiohttp.ClientError:
                    await asyncio.sleep(POLL_S)
        await self.stop()
        return False

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.returncode is None

    async def stop(self) -> None:
        """End it."""
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            self._process = None


async def version_of(program: str) -> str:
    """Return what a Prism calls itself; empty: it does not run."""
    try:
        process = await asyncio.create_subprocess_exec(
            program, "--version", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
        )
    except OSError:
        return ""
    said, _ = await process.communicate()
    return said.decode(errors="replace").strip()[:40] if process.returncode == 0 else ""


def complaint(content: bytes, headers: Mapping[str, str]) -> str:
    """Return what Prism says against the request that it answered; empty: nothing.

    It says so in a problem document, or, where the contract has an answer for bad requests, in a header beside
    that answer.
    """
    told = _problem(content)
    kind = str(told.get("type", "")).partition("prism/errors#")[2]
    if kind in OF_THE_REQUEST:
        return f"{kind}: {told.get('validation') or told.get('detail') or ''}"[:400]
    return _violation(headers.get("sl-violations", ""))


def _problem(content: bytes) -> Mapping[str, Any]:
    if b"prism/errors#" not in content:
        return {}
    try:
        told = msgspec.json.decode(content)
    except msgspec.DecodeError:
        return {}
    return told if isinstance(told, dict) else {}


def _violation(violations: str) -> str:
    if not violations.startswith("["):  # nothing, or more than Prism fits into a header: then cut
        return f"request: {violations[:400]}" if '["request"' in violations else ""
    for entry in msgspec.json.decode(violations):
        if entry.get("location", [""])[0] == "request" and entry.get("severity") == "Error":
            return f"request {entry.get('code')}: {'.'.join(entry['location'])}: {entry.get('message')}"[:400]
    return ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
