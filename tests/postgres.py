"""A PostgreSQL server of our own for the tests: one for the whole run, a schema for each test."""

import atexit
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.certificate import certify

USERS = ("postgres", "nobody")
"""Whom the server runs as when we are root, which it refuses; the first that exists."""

START_S = 30.0
_numbers = itertools.count(1)


def _binaries() -> Path | None:
    """Return the folder of `initdb` and `postgres`: on the path, or where Debian keeps them."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda bin: int(bin.parent.name), reverse=True)
    found = shutil.which("initdb")
    candidates = [*([Path(found).resolve().parent] if found else []), *folders]
    return next((folder for folder in candidates if (folder / "postgres").exists()), None)


class Server:
    """A running server that can be stopped, killed and started again on the same data."""

    def __init__(
        self,
        bin: Path,
        *,
        durable: bool = False,
        encrypted: bool = False,
        settings: Sequence[str] = (),
        follows: "Server | None" = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="aiw-postgres-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._bin = bin
        self._options = ["-h", "127.0.0.1", "-p", f"{self.port}", "-k", f"{self.folder}"]
        self._options += [word for one in (*([] if durable else ["fsync=off"]), *settings) for word in ("-c", one)]
        self.certificate = self.folder / "cert.pem"
        if encrypted:
            certify(self.folder)
            key = self.folder / "key.pem"
            key.chmod(0o600)
            for word in ("ssl=on", f"ssl_cert_file={self.certificate}", f"ssl_key_file={key}"):
                self._options += ["-c", word]
        self._who: dict[str, Any] = {}
        if os.getuid() == 0:
            user = next(name for name in USERS if _known(name))
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, user)
            self._who = {"user": user, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None
        if follows is None:
            self._run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        else:
            self._run("pg_basebackup", *_at(follows.port), "-U", "postgres", "-R", "-c", "fast", "--no-sync")
        self.start()

    def _run(self, program: str, *words: str) -> None:
        """Run one of PostgreSQL's programs on the data."""
        subprocess.run(
            [f"{self._bin}/{program}", "-D", f"{self._data}", *words],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            **self._who,
        )

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """The process whose children serve the connections."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and return once it accepts connections."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [f"{self._bin}/postgres", "-D", f"{self._data}", *self._options],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                **self._who,
            )
        deadline = time.monotonic() + START_S
        ready = [f"{self._bin}/pg_isready", "-q", *_at(self.port)]
        while subprocess.run(ready, check=False).returncode:
            assert time.monotonic() < deadline, self.log()[-2000:]
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it: SIGINT is its fast shutdown; SIGQUIT and SIGKILL end every backend as a crash would.

        A killed server's backends go on serving until they notice; one of them may still accept.
        """
        if self._process is not None:
            backends = psutil.Process(self.pid).children()
            self._process.send_signal(how)
            self._process.wait(30)
            self._process = None
            _, alive = psutil.wait_procs(backends, timeout=30)
            assert not alive, f"backends outlived their server: {alive}"

    def standby(self) -> "Server":
        """Return a running copy that follows this server; nothing is committed any more before it is there, too."""
        copy = Server(self._bin, durable=True, follows=self)
        for statement in ("ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"):
            subprocess.run([f"{self._bin}/psql", *_at(self.port), "-qtU", "postgres", "-c", statement], check=True)
        return copy

    def promote(self) -> None:
        """Let a standby be the server from now on; return once it takes writes."""
        self._run("pg_ctl", "promote", "-w")

    def log(self) -> str:
        """Return what it has logged so far."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def remove(self) -> None:
        """End it and delete its files."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, schema: str | None = None, *, port: int | None = None) -> str:
        """Return the address of a schema: a new one unless it is named."""
        schema = schema or f"s{next(_numbers)}"
        return f"postgresql://postgres@127.0.0.1:{port or self.port}/postgres?schema={schema}"


def _at(port: int) -> tuple[str, ...]:
    return ("-h", "127.0.0.1", "-p", f"{port}")


def _known(user: str) -> bool:
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def own_server(*settings: str, encrypted: bool = False) -> Server:
    """Return a server that is the caller's alone, to stop and to remove; skips where there are no binaries.

    Args:
        settings: More of its settings, `name=value` each.
        encrypted: Whether it speaks TLS, with the `certificate` that it made for itself.
    """
    if (bin := _binaries()) is None:
        pytest.skip("PostgreSQL's initdb and postgres are not installed")
    return Server(bin, encrypted=encrypted, settings=settings)


@contextmanager
def durable_server() -> Iterator[Server]:
    """Run a server that flushes to disk as one in earnest does; for benchmarks."""
    bin = _binaries()
    assert bin is not None, "PostgreSQL's initdb and postgres are not installed"
    server = Server(bin, durable=True)
    try:
        yield server
    finally:
        server.remove()


@cache
def shared_server() -> Server:
    """Return the server of this run; nobody stops it before the end."""
    server = own_server()
    atexit.register(server.remove)
    return server
