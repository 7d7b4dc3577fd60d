"""The same on a real MariaDB, over a driver that blocks."""

from pathlib import Path

import pytest

from ai_worker.connectors.sql.faults import DatabaseBusy, DatabaseFailed, DatabaseGone
from ai_worker.skills.tool import ToolRefused
from tests.connectors.sql.mariadb import MariaDb, shared_mariadb
from tests.connectors.sql.shop import connected, refreshed, settings
from tests.connectors.sql.test_postgres import ask, query

COUNT = query("SELECT no FROM orders").replace(".it]", ".it2]")


@pytest.fixture(scope="module")
def mariadb() -> MariaDb:
    return shared_mariadb()


@pytest.fixture(scope="module")
def shop(mariadb: MariaDb) -> str:
    return mariadb.shop()


async def test_named_queries_answer(mariadb: MariaDb, shop: str, tmp_path: Path) -> None:
    async with connected(tmp_path, settings(mariadb.url(shop), more='masked = ["phone"]')) as connection:
        found = await ask(connection, "order_by_no", no="ORD12345")
        assert (found["title"], found["amount"], found["phone"], found["quantity"]) == (
            "人体工学椅",
            "1299.00",
            "***",
            2,
        )
        with pytest.raises(ToolRefused):
            await ask(connection, "order_by_no", no="ORD99999")
        assert (await ask(connection, "orders_since", day="2026-03-02", least=0.5))["count"] == 1
        assert (await ask(connection, "mine", employee="' OR 1=1 -- %s"))["count"] == 0
        assert await connection.check() == "SELECT check: 4 fields"


async def test_a_free_query_is_understood(mariadb: MariaDb, shop: str, tmp_path: Path) -> None:
    text = settings(mariadb.url(shop), options='query = true\ntables = ["orders"]', more='contract = "tables.json"')
    await refreshed(tmp_path, text)
    async with connected(tmp_path, text) as connection:
        sql = "select status, count(*) as n from orders where title like '%椅' group by status"
        assert (await ask(connection, "query", sql=sql))["rows"] == [{"status": "SHIPPED", "n": 1}]
        assert (await ask(connection, "describe_tables", tables=["orders"]))["tables"][0]["key"] == ["no"]


async def test_what_the_role_may_do_the_transaction_still_does_not(mariadb: MariaDb, shop: str, tmp_path: Path) -> None:
    mariadb.run(
        "SET GLOBAL log_bin_trust_function_creators = 1",
        "CREATE FUNCTION settle() RETURNS int DETERMINISTIC BEGIN DELETE FROM orders; RETURN 1; END",
        f"GRANT EXECUTE ON {shop}.* TO {shop}_writer@localhost",
        database=shop,
    )
    text = settings(mariadb.url(shop, "writer"), queries=query("SELECT settle() AS done") + COUNT)
    async with connected(tmp_path, text) as connection:
        with pytest.raises(DatabaseFailed, match="would write"):
            await ask(connection, "it")
        assert "DELETE, EXECUTE" in await connection.check()
        assert (await ask(connection, "it2"))["count"] == 2


async def test_a_long_query_is_stopped_and_a_wrong_password_told(mariadb: MariaDb, shop: str, tmp_path: Path) -> None:
    columns = "information_schema.columns"
    endless = query(f"SELECT count(*) FROM {columns} a, {columns} b, {columns} c WHERE a.column_name < b.column_name")
    async with connected(tmp_path, settings(mariadb.url(shop), more="timeout_s = 0.5", queries=endless)) as connection:
        with pytest.raises(DatabaseBusy):
            await ask(connection, "it")
    wrong = mariadb.url(shop).replace("geheim", "falsch-falsch")
    async with connected(tmp_path, settings(wrong, more="attempts = 1")) as connection:
        with pytest.raises(DatabaseGone) as gone:
            await ask(connection, "order_by_no", no="ORD12345")
        assert "falsch" not in str(gone.value)
