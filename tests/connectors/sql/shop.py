"""A shop's database, on a real PostgreSQL and on SQLite, and connections to it as an administrator writes them."""

import itertools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from ai_worker.connectors.connection import Connection
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.registry import KINDS, load_connector, read_settings
from ai_worker.foundation.clock import SystemClock
from tests.postgres import Server, shared_server

PARTS = Parts(clock=SystemClock())
_numbers = itertools.count(1)

TABLES = """
CREATE TABLE orders (
  no text PRIMARY KEY, title text NOT NULL, status text NOT NULL, amount numeric(10, 2) NOT NULL,
  employee text NOT NULL, phone text NOT NULL, created date NOT NULL, quantity integer NOT NULL);
INSERT INTO orders VALUES
  ('ORD12345', '人体工学椅', 'SHIPPED', 1299.00, 'E1001', '13800138000', '2026-03-01', 2),
  ('ORD12346', '升降桌', 'PENDING', 2499.50, 'E1002', '13900139000', '2026-03-02', 1);
CREATE TABLE salaries (employee text PRIMARY KEY, amount numeric(10, 2) NOT NULL);
INSERT INTO salaries VALUES ('E1001', 20000), ('E1002', 21000);
"""

NAMED = """
[options.queries.order_by_no]
title = "按单号查订单"
sql = "SELECT no, title, status, amount, phone, created, quantity FROM orders WHERE no = :no"
one = true
parameters = { no = { title = "订单号", pattern = 'ORD\\d{5}' } }

[options.queries.orders_since]
title = "某天以后的订单"
sql = "SELECT no, title FROM orders WHERE created >= :day AND amount >= :least AND quantity >= :many ORDER BY no"
[options.queries.orders_since.parameters]
day = { type = "date" }
least = { type = "number", default = 0 }
many = { type = "integer", default = 0 }

[options.queries.mine]
title = "我的订单"
sql = "SELECT no, title FROM orders WHERE employee = :employee"
parameters = { employee = {} }
"""


def settings(url: str, *, options: str = "", more: str = "", queries: str = NAMED) -> str:
    """Return a connector.toml."""
    return f"""
kind = "sql"
name = "订单库"
operations = ["*"]
{more}
[options]
url = "{url}"
{options}
{queries}
"""


@asynccontextmanager
async def connected(folder: Path, text: str) -> AsyncIterator[Connection]:
    """Run the connection that a connector.toml describes."""
    connection = load(folder, text)
    await connection.start()
    try:
        yield connection
    finally:
        await connection.close()


def load(folder: Path, text: str) -> Connection:
    """Load a connector.toml; calls nobody."""
    file = folder / "shop" / "connector.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    connection = load_connector(file, resolve=str, parts=PARTS)
    assert connection is not None
    return connection


async def refreshed(folder: Path, text: str) -> None:
    """Write what the database says about itself beside the connector.toml."""
    file = folder / "shop" / "connector.toml"
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, "utf-8")
    kind, known = KINDS["sql"], read_settings(file, str)
    assert kind.fetch is not None
    options = kind.options.model_validate(known.options)
    (file.parent / "tables.json").write_bytes(await kind.fetch(known, options, PARTS))


@dataclass(frozen=True)
class Shop:
    """A shop's database on PostgreSQL."""

    server: Server
    database: str

    def url(self, role: str = "reader") -> str:
        """Return its address for a role."""
        return f"postgresql://{self.database}_{role}@127.0.0.1:{self.server.port}/{self.database}"

    async def run(self, sql: str) -> None:
        """Do something as the database's owner."""
        await run(self.server, self.database, sql)

    async def count(self) -> int:
        """Return how many orders there are."""
        connection = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{self.server.port}/{self.database}")
        try:
            return int(await connection.fetchval("SELECT count(*) FROM orders"))
        finally:
            await connection.close()


async def run(server: Server, database: str, sql: str) -> None:
    """Run statements as the superuser."""
    connection = await asyncpg.connect(f"postgresql://postgres@127.0.0.1:{server.port}/{database}")
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


async def new_shop(server: Server | None = None) -> Shop:
    """Make a database with a role that may read, and one that may write."""
    server = server or shared_server()
    name = f"shop{next(_numbers)}"
    await run(server, "postgres", f"CREATE DATABASE {name}")
    shop = Shop(server, name)
    await shop.run(
        TABLES
        + f"""
        COMMENT ON TABLE orders IS '销售订单';
        COMMENT ON COLUMN orders.status IS 'SHIPPED 已发货，PENDING 待发货';
        CREATE ROLE {name}_reader LOGIN;
        CREATE ROLE {name}_writer LOGIN;
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}_reader, {name}_writer;
        GRANT INSERT, UPDATE, DELETE ON orders TO {name}_writer;
        """
    )
    return shop


def sqlite_shop(folder: Path) -> str:
    """Make the same database in a file, and return its address."""
    path = folder / "商店.db"
    connection = sqlite3.connect(path)
    connection.executescript(TABLES)
    connection.close()
    return f"sqlite:///{path}"
