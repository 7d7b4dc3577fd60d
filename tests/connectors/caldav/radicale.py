"""Radicale, a calendar server of another house, as a process of its own."""

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest

PROGRAM = "RADICALE"
"""The environment variable that names its program, where it is not on the path."""

PASSWORD = "geheim-geheim"
CALENDAR = b"""<?xml version="1.0"?><d:mkcol xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop>
<d:resourcetype><d:collection/><c:calendar/></d:resourcetype><d:displayname>%s</d:displayname>
</d:prop></d:set></d:mkcol>"""


class Radicale:
    """A running server with one user."""

    def __init__(self, program: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="aiw-radicale-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        (self.folder / "users").write_text(f"worker:{PASSWORD}\n")
        settings = {
            "server-hosts": f"127.0.0.1:{self.port}",
            "auth-type": "htpasswd",
            "auth-htpasswd-filename": f"{self.folder}/users",
            "auth-htpasswd-encryption": "plain",
            "auth-delay": "0",
            "storage-filesystem-folder": f"{self.folder}/collections",
        }
        command = [program, "--config", "", *(f"--{name}={value}" for name, value in settings.items())]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 30
        while not self._ready():
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    @property
    def base(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def _ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1):
                return True
        except OSError:
            return False

    def put(self, path: str, content: bytes, method: str = "PUT") -> int:
        """Do something as the user, past our own code."""
        request = Request(f"{self.base}{path}", data=content, method=method)
        request.add_header("Content-Type", "text/calendar" if method == "PUT" else "application/xml")
        request.add_header("Authorization", "Basic d29ya2VyOmdlaGVpbS1nZWhlaW0=")
        try:
            with urlopen(request, timeout=10) as response:
                return int(response.status)
        except URLError as error:
            pytest.fail(f"{method} {path}: {error}")

    def calendar(self, name: str) -> str:
        """Make a calendar and return its path."""
        path = f"/worker/{name}/"
        assert self.put(path, CALENDAR % name.encode(), "MKCOL") == 201
        return path

    def stop(self) -> None:
        """End it and delete its files."""
        self._process.terminate()
        self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def shared_radicale() -> Radicale:
    """Return the server of this run; skips where there is none."""
    program = os.environ.get(PROGRAM) or shutil.which("radicale")
    if program is None:
        pytest.skip(f"not run: Radicale is not here (no `radicale` on the path, and {PROGRAM} names none)")
    server = Radicale(program)
    atexit.register(server.stop)
    return server
