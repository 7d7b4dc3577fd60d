"""The same on SQLite, whose driver blocks: opened so that it cannot write, and stopped in time."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from ai_worker.connectors.contract import ArgumentsRefused, ConnectorRefused
from ai_worker.connectors.fetching import drifted
from ai_worker.connectors.registry import describe
from ai_worker.connectors.sql import sqlite
from ai_worker.connectors.sql.faults import DatabaseBusy, DatabaseFailed, DatabaseGone
from ai_worker.skills.tool import ToolRefused
from tests.connectors.sql.shop import PARTS, connected, load, refreshed, settings, sqlite_shop
from tests.connectors.sql.test_postgres import ask, query

ENDLESS = "SELECT count(*) FROM orders a, orders b, orders c, orders d WHERE (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n) > 0"  # noqa: E501


async def test_a_file_answers_like_any_database(tmp_path: Path) -> None:
    async with connected(tmp_path, settings(sqlite_shop(tmp_path))) as connection:
        assert (await ask(connection, "order_by_no", no="ORD12345"))["title"] == "人体工学椅"
        with pytest.raises(ToolRefused):
            await ask(connection, "order_by_no", no="ORD99999")
        found = await ask(connection, "orders_since", day="2026-03-02", least=0.5)
        assert [row["no"] for row in found["rows"]] == ["ORD12346"]
        assert await connection.check() == "SELECT check: 4 fields"


async def test_a_free_query_knows_the_tables_of_the_file(tmp_path: Path) -> None:
    text = settings(sqlite_shop(tmp_path), options='query = true\ntables = ["orders"]', more='contract = "tables.json"')
    await refreshed(tmp_path, text)
    async with connected(tmp_path, text) as connection:
        assert (await ask(connection, "query", sql="select no from orders order by no"))["count"] == 2
        with pytest.raises(ArgumentsRefused, match="not among the allowed"):
            await ask(connection, "query", sql="select * from salaries")


async def test_named_queries_alone_have_no_contract_that_could_change(tmp_path: Path) -> None:
    text = settings(sqlite_shop(tmp_path))
    async with connected(tmp_path, text) as connection:
        used = connection.contract.sha256
    described = describe(tmp_path / "shop" / "connector.toml", str)

    assert await drifted(described, used, PARTS) is None


async def test_a_table_that_came_since_is_a_change(tmp_path: Path) -> None:
    url = sqlite_shop(tmp_path)
    text = settings(url, options='query = true\ntables = ["orders"]', more='contract = "tables.json"')
    await refreshed(tmp_path, text)
    async with connected(tmp_path, text) as connection:
        used = connection.contract.sha256
    described = describe(tmp_path / "shop" / "connector.toml", str)
    before = await drifted(described, used, PARTS)
    shop = sqlite3.connect(url.removeprefix("sqlite:///"))
    shop.execute("ALTER TABLE orders ADD COLUMN carrier TEXT")
    shop.close()

    assert (before, await drifted(described, used, PARTS)) == (False, True)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM orders",
        "CREATE TABLE x (a)",
        "CREATE TEMP TABLE x (a)",
        "PRAGMA query_only = OFF",
        "ATTACH '/tmp/other.db' AS other",
        "SELECT load_extension('x.so')",
        "VACUUM INTO '/tmp/copy.db'",
        "REINDEX",
    ],
)
def test_the_file_itself_cannot_be_written_whatever_is_asked(tmp_path: Path, sql: str) -> None:
    path = sqlite_shop(tmp_path).removeprefix("sqlite:///")
    connection = sqlite.opened(path)
    with pytest.raises(sqlite3.DatabaseError):
        connection.execute(sql)
    connection.close()


async def test_an_endless_query_is_stopped_and_others_go_on(tmp_path: Path) -> None:
    text = settings(sqlite_shop(tmp_path), more="timeout_s = 0.3", options="connections = 2", queries=query(ENDLESS))
    async with connected(tmp_path, text) as connection:
        results = await asyncio.gather(*(ask(connection, "it") for _ in range(2)), return_exceptions=True)
        assert all(isinstance(result, DatabaseBusy) for result in results)
        with pytest.raises(DatabaseBusy):
            await ask(connection, "it")


async def test_a_value_cannot_be_made_huge(tmp_path: Path) -> None:
    sql = "SELECT hex(zeroblob(500000)) || hex(zeroblob(500000)) AS much"
    async with connected(tmp_path, settings(sqlite_shop(tmp_path), queries=query(sql))) as connection:
        with pytest.raises(DatabaseFailed, match="too big"):
            await ask(connection, "it")


async def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "nothing.db"
    async with connected(tmp_path, settings(f"sqlite:///{path}", more="attempts = 1")) as connection:
        with pytest.raises(DatabaseGone):
            await ask(connection, "order_by_no", no="ORD12345")
    assert not path.exists()


@pytest.mark.parametrize(
    ("url", "options", "queries", "words"),
    [
        ("mysterydb://x/y", "", "", "mysterydb"),
        ("postgresql+psycopg2://x/y", "", "", "only the driver 'asyncpg'"),
        ("geheim", "", "", "an address such as"),
        ("sqlite:///x.db", "", query("DELETE FROM orders"), r"queries\.it\.sql: it must begin with SELECT"),
        ("sqlite:///x.db", "", query("SELECT 1 FROM orders WHERE no = :no"), "not among `parameters`"),
        ("sqlite:///x.db", "", query("SELECT 1").replace(".it]", ".query]"), "operation of its own"),
        ("sqlite:///x.db", "query = true", query("SELECT 1"), "connectors refresh"),
        ("sqlite:///x.db", 'asker_setting = "app.asker"', query("SELECT 1"), "no such settings"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused_with_its_reason(
    tmp_path: Path, url: str, options: str, queries: str, words: str
) -> None:
    with pytest.raises(ConnectorRefused, match=words) as refused:
        load(tmp_path, settings(url, options=options, queries=queries or query("SELECT 1")))
    assert "geheim" not in str(refused.value)
