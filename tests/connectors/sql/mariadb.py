"""MariaDB as a process of its own on loopback: what speaks MySQL's protocol and can be had everywhere."""

import atexit
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path

import pymysql
import pytest

from tests.connectors.sql.shop import TABLES

_numbers = itertools.count(1)


class MariaDb:
    """A running server."""

    def __init__(self, server: str, install: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="aiw-mariadb-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        user = pwd.getpwuid(os.getuid()).pw_name
        if user == "root":
            user = "nobody"
            shutil.chown(self.folder, user)
        common = ["--no-defaults", f"--datadir={self.folder}/data", f"--user={user}"]
        prepare = [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(prepare, check=True, capture_output=True, cwd=self.folder)
        place = [f"--port={self.port}", "--bind-address=127.0.0.1", f"--socket={self.folder}/s"]
        small = ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M", "--skip-log-bin"]
        with (self.folder / "log").open("wb") as log:
            self._process = subprocess.Popen([server, *common, *place, *small], stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while not self._ready():
            assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, (self.folder / "log").read_text()[-2000:]
            time.sleep(0.1)

    def _ready(self) -> bool:
        return self._process.poll() is None and (self.folder / "s").exists()

    def run(self, *statements: str, database: str = "mysql") -> None:
        """Do something as the superuser."""
        connection = pymysql.connect(unix_socket=f"{self.folder}/s", user="root", database=database, autocommit=True)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()

    def shop(self) -> str:
        """Make a shop's database with a role that reads and one that writes, and return its name."""
        name = f"shop{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        tables = TABLES.replace("no text PRIMARY KEY", "no varchar(20) PRIMARY KEY")
        tables = tables.replace("employee text PRIMARY KEY", "employee varchar(20) PRIMARY KEY")
        self.run(*(one for one in tables.split(";") if one.strip()), database=name)
        for role, may in (("reader", "SELECT"), ("writer", "SELECT, DELETE")):
            self.run(
                f"CREATE USER {name}_{role}@localhost IDENTIFIED BY 'geheim'",
                f"GRANT {may} ON {name}.* TO {name}_{role}@localhost",
            )
        return name

    def url(self, name: str, role: str = "reader") -> str:
        """Return the address of a shop's database."""
        return f"mariadb://{name}_{role}:geheim@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        """End it and delete its files."""
        self._process.terminate()
        self._process.wait(60)
        shutil.rmtree(self.folder, ignore_errors=True)


@cache
def shared_mariadb() -> MariaDb:
    """Return the server of this run; skips where there is none."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    server, install = shutil.which("mariadbd", path=path), shutil.which("mariadb-install-db", path=path)
    if server is None or install is None:
        pytest.skip(
            "not run: MariaDB is not installed (apt-get install mariadb-server); only what is sent was looked at"
        )
    running = MariaDb(server, install)
    atexit.register(running.stop)
    return running
