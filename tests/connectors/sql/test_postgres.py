"""Named queries on a real PostgreSQL: right answers, and every limit kept."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from ai_worker.connectors.connection import Connection
from ai_worker.connectors.contract import ArgumentsRefused
from ai_worker.connectors.sql.faults import DatabaseBusy, DatabaseFailed, DatabaseGone
from ai_worker.skills.tool import Asker, ToolRefused
from tests.connectors.sql.shop import NAMED, Shop, connected, load, new_shop, refreshed, settings
from tests.postgres import own_server

ORDER = {
    "no": "ORD12345",
    "title": "人体工学椅",
    "status": "SHIPPED",
    "amount": "1299.00",
    "phone": "***",
    "created": "2026-03-01",
    "quantity": 2,
}


@pytest.fixture
async def shop() -> Shop:
    return await new_shop()


async def ask(connection: Connection, name: str, asker: Asker | None = None, **arguments: Any) -> Any:
    return (await connection.call(f"shop.{name}", arguments, idempotency_key="", asker=asker)).data


def query(sql: str, **more: Any) -> str:
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
    return f'[options.queries.it]\ntitle = "试"\nsql = """{sql}"""\n{lines}'


async def test_a_named_query_answers_exactly_and_masked(shop: Shop, tmp_path: Path) -> None:
    async with connected(tmp_path, settings(shop.url(), more='masked = ["phone"]')) as connection:
        assert await ask(connection, "order_by_no", no="ORD12345") == ORDER
        with pytest.raises(ToolRefused, match="no such thing"):
            await ask(connection, "order_by_no", no="ORD99999")
        for day, least, many, found in (("2026-03-02", 0, 0, 1), ("2026-01-01", 2000.5, 0, 1), ("2026-01-01", 0, 2, 1)):
            assert (await ask(connection, "orders_since", day=day, least=least, many=many))["count"] == found


@pytest.mark.parametrize(
    "no",
    [
        "",
        "ORD1",
        "ORD12345' OR '1'='1",
        "ORD12345\n",
        "ORD12345; DROP TABLE orders",
        "ORD1234\ud800",
        12345,
        None,
        ["ORD12345"],
    ],
)
async def test_a_value_that_does_not_fit_never_leaves(no: Any, tmp_path: Path) -> None:
    nobody = "postgresql://reader@127.0.0.1:9/shop"
    async with connected(tmp_path, settings(nobody)) as connection:
        with pytest.raises(ArgumentsRefused):
            await ask(connection, "order_by_no", no=no)
        with pytest.raises(ArgumentsRefused, match="not a date"):
            await ask(connection, "orders_since", day="昨天")


async def test_text_in_a_value_stays_a_value(shop: Shop, tmp_path: Path) -> None:
    async with connected(tmp_path, settings(shop.url())) as connection:
        for employee in ("' OR 1 = 1 --", "E1001'; DROP TABLE orders; --", "\\", "%", "$1", ":employee", "员工"):
            assert (await ask(connection, "mine", employee=employee))["count"] == 0
    assert await shop.count() == 2


async def test_rows_can_be_the_askers_own(shop: Shop, tmp_path: Path) -> None:
    access = '[policies.mine.asker]\nemployee = "login"\n[access.logins]\n"wecom/zhangsan" = "E1001"\n'
    async with connected(tmp_path, settings(shop.url(), queries=NAMED + access)) as connection:
        zhangsan = Asker("wecom", "zhangsan")
        assert (await ask(connection, "mine", zhangsan, employee="E1002"))["rows"] == [
            {"no": "ORD12345", "title": "人体工学椅"}
        ]
        with pytest.raises(ToolRefused):
            await ask(connection, "mine", Asker("wecom", "lisi"))


async def test_the_databases_own_row_policies_hear_for_whom_is_asked(shop: Shop, tmp_path: Path) -> None:
    await shop.run(
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY;"
        "CREATE POLICY own ON orders USING (employee = current_setting('app.asker', true))"
    )
    text = settings(shop.url(), options='asker_setting = "app.asker"', queries=query("SELECT no FROM orders"))
    async with connected(tmp_path, text) as connection:
        assert (await ask(connection, "it", Asker("wecom", "E1002")))["rows"] == [{"no": "ORD12346"}]
        assert (await ask(connection, "it", Asker("wecom", "E1001")))["rows"] == [{"no": "ORD12345"}]
        assert (await ask(connection, "it"))["rows"] == []


async def test_even_what_the_parser_lets_by_cannot_write(shop: Shop, tmp_path: Path) -> None:
    await shop.run(
        "CREATE FUNCTION settle() RETURNS int LANGUAGE sql AS $$ DELETE FROM orders RETURNING 1 $$;"
        "CREATE FUNCTION settle_anyway() RETURNS int LANGUAGE plpgsql AS $$ BEGIN"
        "  PERFORM set_config('transaction_read_only', 'off', false); DELETE FROM orders; RETURN 1; END $$"
    )
    for function in ("settle", "settle_anyway"):
        text = settings(shop.url("writer"), queries=query(f"SELECT {function}()"))
        async with connected(tmp_path, text) as connection:
            with pytest.raises(DatabaseFailed):
                await ask(connection, "it")
    assert await shop.count() == 2


async def test_a_big_scan_is_cut_off_by_time(shop: Shop, tmp_path: Path) -> None:
    sql = "SELECT count(*) FROM generate_series(1, 10000000000)"
    async with connected(tmp_path, settings(shop.url(), more="timeout_s = 0.2", queries=query(sql))) as connection:
        with pytest.raises(DatabaseBusy, match=r"stopped after 0\.2 s"):
            await ask(connection, "it")


async def test_rows_and_bytes_are_capped_with_a_note(shop: Shop, tmp_path: Path) -> None:
    many = query("SELECT generate_series(1, 100000000) AS n, repeat('x', 100) AS text", max_rows=30)
    async with connected(tmp_path, settings(shop.url(), queries=many)) as connection:
        found = await ask(connection, "it")
        assert (found["count"], found["note"]) == (30, "only the first 30 rows; ask more narrowly")
    async with connected(tmp_path, settings(shop.url(), options="max_bytes = 1000", queries=many)) as connection:
        found = await ask(connection, "it")
        assert found["count"] == 9
        assert "more than 1000 bytes" in found["note"]


async def test_every_type_becomes_json(shop: Shop, tmp_path: Path) -> None:
    sql = r"""SELECT 1 AS a, 1.10::numeric AS b, '2026-03-01T08:00:00+08'::timestamptz AS c, '1 day'::interval AS d,
      '\xff'::bytea AS e, ARRAY[1.5, 2] AS f, '{"甲": 1}'::jsonb AS g, NULL AS h, 'NaN'::float8 AS i, true AS j,
      'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid AS k, '10.0.0.0/8'::inet AS l, 2 AS a, repeat('x', 9000) AS m"""
    async with connected(
        tmp_path, settings(shop.url(), queries=query(sql.replace("\\", "\\\\"), one=True))
    ) as connection:
        found = await ask(connection, "it")
    assert json.loads(json.dumps(found)).keys() == found.keys()
    assert found["b"] == "1.10"
    assert found["c"].startswith("2026-03-01T00:00:00")
    assert (found["e"], found["a"], found["a_2"]) == ({"bytes": 1}, 1, 2)
    assert len(found["m"]) < 4_100


async def test_a_lost_connection_is_made_anew(tmp_path: Path) -> None:
    server = own_server()
    try:
        shop = await new_shop(server)
        async with connected(tmp_path, settings(shop.url())) as connection:
            assert await ask(connection, "order_by_no", no="ORD12345")
            await shop.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE '%reader'")
            assert await ask(connection, "order_by_no", no="ORD12345")
            server.stop()
            with pytest.raises(DatabaseGone):
                await ask(connection, "order_by_no", no="ORD12345")
            server.start()
            assert await ask(connection, "order_by_no", no="ORD12345")
    finally:
        server.remove()


async def test_a_table_that_changes_under_a_live_connection_is_read_on(shop: Shop, tmp_path: Path) -> None:
    async with connected(tmp_path, settings(shop.url())) as connection:
        assert await ask(connection, "order_by_no", no="ORD12345")
        await shop.run("ALTER TABLE orders ALTER COLUMN quantity TYPE text, ALTER COLUMN title TYPE varchar(99)")
        assert (await ask(connection, "order_by_no", no="ORD12345"))["quantity"] == "2"


async def test_large_documents_count_against_the_size(shop: Shop, tmp_path: Path) -> None:
    sql = "SELECT to_jsonb(array_fill('甲乙丙'::text, ARRAY[200])) AS doc FROM generate_series(1, 50)"
    async with connected(tmp_path, settings(shop.url(), options="max_bytes = 5000", queries=query(sql))) as connection:
        assert 1 <= (await ask(connection, "it"))["count"] < 10


async def test_a_wrong_password_and_a_wrong_address_are_told_apart_from_a_wrong_query(
    shop: Shop, tmp_path: Path
) -> None:
    for url in ("postgresql://u:geheim@127.0.0.1:9/x", shop.url("nobody"), f"{shop.url()}_gone"):
        async with connected(tmp_path, settings(url, more="attempts = 1")) as connection:
            with pytest.raises(DatabaseGone) as gone:
                await ask(connection, "order_by_no", no="ORD12345")
            assert "geheim" not in str(gone.value)
    async with connected(tmp_path, settings(shop.url(), queries=query("SELECT nothing FROM orders"))) as connection:
        with pytest.raises(DatabaseFailed, match=r"column .*nothing.* does not exist"):
            await ask(connection, "it")


async def test_who_waits_too_long_for_a_connection_is_told_so(shop: Shop, tmp_path: Path) -> None:
    slow = query("SELECT count(*) FROM generate_series(1, 10000000000)")
    text = settings(shop.url(), options="connections = 1", more="timeout_s = 0.3", queries=slow)
    async with connected(tmp_path, text) as connection:
        results = await asyncio.gather(*(ask(connection, "it") for _ in range(4)), return_exceptions=True)
    assert all(isinstance(result, DatabaseBusy) for result in results)
    assert any("connections were busy" in str(result) for result in results)


async def test_the_check_warns_of_a_role_that_can_write_and_of_broken_queries(shop: Shop, tmp_path: Path) -> None:
    async with connected(tmp_path, settings(shop.url())) as connection:
        assert await connection.check() == "SELECT check: 4 fields"
    broken = NAMED + query("SELECT gone FROM orders")
    await shop.run(f"GRANT CREATE ON SCHEMA public TO {shop.database}_writer")
    async with connected(tmp_path, settings(shop.url("writer"), queries=broken)) as connection:
        words = await connection.check()
    assert "the role can write: orders" in words
    assert "the role can make tables in public" in words
    assert "it: the database refused" in words
    superuser = f"postgresql://postgres@127.0.0.1:{shop.server.port}/{shop.database}"
    async with connected(tmp_path, settings(superuser)) as connection:
        assert "superuser" in await connection.check()


FREE = 'query = true\ntables = ["orders"]'


async def test_a_free_query_reads_the_allowed_tables_alone(shop: Shop, tmp_path: Path) -> None:
    text = settings(shop.url(), options=FREE, more='contract = "tables.json"\nmasked = ["phone"]')
    await refreshed(tmp_path, text)
    async with connected(tmp_path, text) as connection:
        assert [tool.name for tool in connection.tools()][-2:] == ["shop.describe_tables", "shop.query"]
        described = await ask(connection, "describe_tables", tables=["orders", "salaries"])
        assert [table["table"] for table in described["tables"]] == ["orders"]
        assert described["tables"][0]["comment"] == "销售订单"
        assert {"name": "status", "type": "TEXT", "comment": "SHIPPED 已发货，PENDING 待发货"} in described["tables"][
            0
        ]["columns"]
        wanted = "title like '%椅' or created > '2026-01-01'"
        sql = f"select status, count(*) as n from orders where {wanted} group by 1 order by 1"
        assert (await ask(connection, "query", sql=sql))["rows"] == [
            {"status": "PENDING", "n": 1},
            {"status": "SHIPPED", "n": 1},
        ]
        doubled = "concat(" + ", ".join(["a"] * 90) + ")"
        sql = "select title as a from orders"
        for _ in range(3):
            sql = f"select {doubled} as a from ({sql}) t"
        assert (await ask(connection, "query", sql=sql))["count"] == 0
        joined = "with t(a) as (select o.no from orders o) select t.a, u.b, p.title from t "
        joined += "join (select no from orders) as u(b) on u.b = t.a join public.orders p on p.no = u.b"
        assert (await ask(connection, "query", sql=joined))["count"] == 2
        found = await ask(connection, "query", sql="select no || ':x' as a from orders where no = 'ORD12345' limit 1")
        assert found["rows"] == [{"a": "ORD12345:x"}]
        for sql in (
            "select * from salaries",
            "select phone from orders",
            "delete from orders",
            "select pg_sleep(9)",
            # A function over the whole row that is written like a column, and columns that get new names by place.
            "select o.to_jsonb as whole from orders o",
            "select 1 as to_jsonb, public.orders.to_jsonb from public.orders",
            "with orders as (select orders.row_to_json as j from orders) select j from orders",
            "select o.f from orders as o(a, b, c, d, e, f, g)",
            "select f from (orders join orders p using (no)) as o(a, b, c, d, e, f, g)",
        ):
            with pytest.raises(ArgumentsRefused):
                await ask(connection, "query", sql=sql)


async def test_what_would_be_sent_can_be_looked_at_without_credentials(tmp_path: Path) -> None:
    connection = load(tmp_path, settings("postgresql://reader:geheim@db.example.com:5433/shop"))
    preview = connection.preview("shop.order_by_no", {"no": "ORD12345"})
    assert preview.address == "postgresql://db.example.com:5433/shop"
    assert "WHERE no = :no" in preview.body
    assert '{"no":"ORD12345"}' in preview.body


@pytest.mark.slow
async def test_a_call_costs_little(shop: Shop, tmp_path: Path) -> None:
    async with connected(tmp_path, settings(shop.url(), more="per_second = 10000\nburst = 10000")) as connection:
        for _ in range(20):
            await ask(connection, "order_by_no", no="ORD12345")
        began = time.process_time()
        for _ in range(200):
            await ask(connection, "order_by_no", no="ORD12345")
        ms = (time.process_time() - began) * 1000 / 200
    print(f"sql: {ms:.2f} ms CPU a call")
    assert ms < 20
