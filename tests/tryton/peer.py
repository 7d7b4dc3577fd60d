"""A Tryton 8.2 of our own with a small company in it: started once for a run, on a copy that is made once.

`python -m tests.tryton.peer` makes the copy; the tests make it themselves where it is missing.
"""

import base64
import fcntl
import hashlib
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent.parent / ".cache"
REAL = "TRYTON_PYTHON"
DATABASE = "huaxing"
WORKER, WORKER_PASSWORD = "ai-worker", "worker-4711-secret"
ADMIN, ADMIN_PASSWORD = "admin", "admin-4711-secret"
START_S, MAKE_S = 60.0, 300.0

CONFIG = """
[database]
uri = sqlite://
path = {folder}
[web]
listen = 127.0.0.1:{port}
[queue]
worker = True
[session]
max_attempt = 1000
"""
"""What is confirmed waits in the queue, which nobody works off: a confirmed order stays one."""


def python() -> Path | None:
    """Return the Python that Tryton is installed in; `None`: there is none."""
    named = os.environ.get(REAL)
    found = Path(named) if named else CACHE / "tryton" / "bin" / "python"
    return found if found.exists() else None


class Refused(Exception):
    """Tryton said no."""


class Tryton:
    """A running server."""

    def __init__(self, folder: Path, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.folder = folder
        self.base_url = f"http://127.0.0.1:{port}"
        self.database, self.user, self.password = DATABASE, WORKER, WORKER_PASSWORD
        self.process = process
        self._sessions: dict[str, str] = {}
        self._companies: list[int] = []

    def environment(self) -> dict[str, str]:
        """Return what the example's connector.toml asks the environment for."""
        return {
            "TRYTON_BASE_URL": self.base_url,
            "TRYTON_DATABASE": self.database,
            "TRYTON_USER": self.user,
            "TRYTON_PASSWORD": self.password,
        }

    def resolve(self, text: str) -> str:
        """Stand in for the settings' resolver: `env:NAME` of the above."""
        return self.environment()[text[4:]] if text.startswith("env:") else text

    def rpc(self, method: str, *params: Any, user: str = ADMIN) -> Any:
        """Call a method as `admin`, past our own code; raise `Refused` where Tryton does."""
        if user not in self._sessions:
            password = {ADMIN: ADMIN_PASSWORD, WORKER: WORKER_PASSWORD}[user]
            number, token, *_ = self._post("common.db.login", [user, {"password": password}, "en"], "")
            self._sessions[user] = base64.b64encode(f"{user}:{number}:{token}".encode()).decode()
        return self._post(method, list(params), self._sessions[user])

    def order(self, number: str) -> dict[str, Any]:
        """Return an order as the database has it: `state`, `shipment_state`, `address`, `customer`."""
        fields = ["state", "shipment_state", "shipment_address.street_unstructured", "party.name"]
        found = self.rpc("model.sale.sale.search_read", [["number", "=", number]], 0, 2, None, fields, self._context())
        (record,) = found
        return {
            "id": record["id"],
            "state": record["state"],
            "shipment_state": record["shipment_state"],
            "address": (record["shipment_address."] or {}).get("street_unstructured"),
            "customer": record["party."]["name"],
        }

    def addresses(self, customer: str) -> list[str]:
        """Return the addresses of a customer, the oldest first."""
        found = self.rpc(
            "model.party.address.search_read",
            [["party.name", "=", customer]],
            0,
            100,
            [["id", "ASC"]],
            ["street_unstructured"],
            self._context(),
        )
        return [record["street_unstructured"] for record in found]

    def new_order(self, *steps: str) -> str:
        """Make a copy of ORD12347, a draft of 晨光设计工作室, and return its number; `steps` are clicked: `quote`."""
        context = self._context()
        (draft,) = self.rpc("model.sale.sale.search", [["number", "=", "ORD12347"]], 0, 1, None, context)
        (copied,) = self.rpc("model.sale.sale.copy", [draft], {}, context)
        for step in ("quote", "draft", *steps):
            self.rpc(f"model.sale.sale.{step}", [copied], context)
        (record,) = self.rpc("model.sale.sale.read", [copied], ["number"], context)
        return str(record["number"])

    def end_sessions(self, user: str = WORKER) -> None:
        """Let every session of an account run out, as after a restart or a night."""
        with closing(sqlite3.connect(self.folder / f"{DATABASE}.sqlite", timeout=30)) as database, database:
            (number,) = database.execute("SELECT id FROM res_user WHERE login = ?", (user,)).fetchone()
            database.execute("DELETE FROM ir_session WHERE create_uid = ?", (number,))

    def failed_logins(self) -> int:
        """Return how many log-ins were refused so far."""
        with closing(sqlite3.connect(self.folder / f"{DATABASE}.sqlite", timeout=30)) as database:
            (count,) = database.execute("SELECT count(*) FROM res_user_login_attempt").fetchone()
        return int(count)

    def _context(self) -> dict[str, Any]:
        if not self._companies:
            self._companies = self.rpc("model.company.company.search", [], 0, None, None, {})
        return {"company": self._companies[0], "companies": self._companies, "language": "en"}

    def _post(self, method: str, params: list[Any], session: str) -> Any:
        content = json.dumps({"id": 0, "method": method, "params": params}).encode()
        headers = {"Content-Type": "application/json", **({"Authorization": f"Session {session}"} if session else {})}
        request = urllib.request.Request(f"{self.base_url}/{self.database}/rpc/", content, headers)
        with urllib.request.urlopen(request, timeout=30) as response:
            answer: Mapping[str, Any] = json.load(response)
        if "error" in answer:
            raise Refused(str(answer["error"]))
        return answer.get("result")


def template(interpreter: Path) -> Path:
    """Return the database with the company in it; one is made where there is none, which takes half a minute."""
    made_of = [(HERE / name).read_bytes() for name in ("seed.py", "requirements.txt")]
    digest = hashlib.sha256(b"\0".join([*made_of, CONFIG.encode()])).hexdigest()[:16]
    CACHE.mkdir(exist_ok=True)
    file = CACHE / f"tryton-{digest}.sqlite"
    with (CACHE / "tryton.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not file.exists():
            for old in CACHE.glob("tryton-*.sqlite"):
                old.unlink()
            with tempfile.TemporaryDirectory(prefix="aiw-tryton-") as folder:
                _make(interpreter, Path(folder)).replace(file)
    return file


def _make(interpreter: Path, folder: Path) -> Path:
    config, database = folder / "trytond.conf", folder / f"{DATABASE}.sqlite"
    config.write_text(CONFIG.format(folder=folder, port=0), "utf-8")
    password = folder / "password"
    password.write_text(ADMIN_PASSWORD, "utf-8")
    database.touch()
    admin = [str(interpreter.parent / "trytond-admin"), "-c", str(config), "-d", DATABASE]
    environment = {**os.environ, "TRYTONPASSFILE": str(password)}
    for command in (
        [*admin, "--all", "--email", "admin@huaxing.example"],
        [*admin, "-u", "sale", "--activate-dependencies"],
        [str(interpreter), str(HERE / "seed.py"), DATABASE, str(config)],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, timeout=MAKE_S, check=False)
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-3000:]
    made = CACHE / "tryton.new"
    shutil.copyfile(database, made)
    return made


@contextmanager
def running() -> Iterator[Tryton]:
    """Run a server on a copy of the company; skips where Tryton is not installed."""
    interpreter = python()
    if interpreter is None:
        pytest.skip(f"not run: Tryton 8.2 is not here ({REAL} names none, ./scripts/tryton installs one)")
    folder = Path(tempfile.mkdtemp(prefix="aiw-tryton-"))
    shutil.copyfile(template(interpreter), folder / f"{DATABASE}.sqlite")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    config = folder / "trytond.conf"
    config.write_text(CONFIG.format(folder=folder, port=port), "utf-8")
    command = [str(interpreter.parent / "trytond"), "-c", str(config), "-d", DATABASE]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    server = Tryton(folder, port, process)
    try:
        _wait(server)
        yield server
    finally:
        process.terminate()
        process.wait(30)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: Tryton) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            server.rpc("model.res.user.get_preferences", True, {})
        except (OSError, Refused):
            log = (server.folder / "log").read_text("utf-8", "replace")
            assert server.process.poll() is None, log[-3000:]
            assert time.monotonic() < deadline, log[-3000:]
            time.sleep(0.1)
        else:
            return


if __name__ == "__main__":
    if (found := python()) is not None:
        template(found)
