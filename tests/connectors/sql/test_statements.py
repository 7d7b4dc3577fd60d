"""What is a statement that only reads, and what is none, however it is dressed up."""

import pytest

from ai_worker.connectors.sql.free import Allowed, rewritten
from ai_worker.connectors.sql.statements import StatementRefused, check_parameters, parsed

ALLOWED = Allowed(
    {"orders": "public", "public.orders": "public", "items": "public", "sales.customers": "sales"}, frozenset()
)
HIDDEN = Allowed(ALLOWED.tables, frozenset({"phone"}))

READS = (
    ("postgres", "SELECT no, title FROM orders WHERE no = :no AND created::date >= '2026-01-01'"),
    ("postgres", "WITH late AS (SELECT * FROM orders WHERE eta < now()) SELECT count(*) FROM late;"),
    ("postgres", "-- 逾期的订单\nSELECT no FROM orders WHERE note = 'DROP TABLE orders; --'"),
    ("postgres", "(SELECT 1) UNION ALL (SELECT 2)"),
    ("postgres", "SELECT warehouse.stock(no) FROM orders"),
    ("mysql", "SELECT `no` FROM `订单` WHERE `客户` = :who LIMIT 5"),
    ("sqlite", "SELECT strftime('%Y', created) FROM orders"),
    ("oracle", "SELECT no FROM orders WHERE rownum < 5"),
    ("tsql", "SELECT TOP 5 [no] FROM [orders] WHERE [no] = :no"),
    ("tsql", "SELECT dbo.fn_price([no]) FROM [orders]"),
)

WRITES = (
    ("postgres", "INSERT INTO orders VALUES (1)"),
    ("postgres", "UPDATE orders SET status = 'PAID'"),
    ("postgres", "DELETE FROM orders"),
    ("postgres", "MERGE INTO orders USING items ON true WHEN MATCHED THEN DELETE"),
    ("postgres", "DROP TABLE orders"),
    ("postgres", "CREATE TABLE x AS SELECT * FROM orders"),
    ("postgres", "TRUNCATE orders"),
    ("postgres", "WITH gone AS (DELETE FROM orders RETURNING *) SELECT * FROM gone"),
    ("postgres", "SELECT * FROM (WITH new AS (INSERT INTO orders VALUES (1) RETURNING *) SELECT * FROM new) t"),
    ("postgres", "SELECT * INTO copy_of FROM orders"),
    ("postgres", "SELECT 1 UNION SELECT 2 INTO copy_of"),
    ("postgres", "SELECT * FROM orders FOR UPDATE"),
    ("postgres", "SELECT * FROM (SELECT * FROM orders FOR NO KEY UPDATE SKIP LOCKED) t"),
    ("postgres", "SELECT * FROM orders FOR KEY SHARE"),
    ("postgres", "SELECT 1; DROP TABLE orders"),
    ("postgres", "SELECT 1;;DROP TABLE orders"),
    ("postgres", "SELECT 1;\u2028DROP TABLE orders"),
    ("postgres", "COPY orders TO PROGRAM 'curl http://x'"),
    ("postgres", "COPY (SELECT 1) TO '/tmp/x'"),
    ("postgres", "EXPLAIN ANALYZE DELETE FROM orders"),
    ("postgres", "CALL settle()"),
    ("postgres", "DO $$ BEGIN DELETE FROM orders; END $$"),
    ("postgres", "SET default_transaction_read_only = off"),
    ("postgres", "BEGIN READ WRITE"),
    ("postgres", "SELECT pg_sleep(60)"),
    ("postgres", "SELECT PG_SLEEP_FOR('1 minute')"),
    ("postgres", 'SELECT "pg_sleep"(60)'),
    ("postgres", "SELECT pg_catalog.pg_sleep(60)"),
    ("postgres", 'SELECT "pg_catalog"."pg_read_file"(\'/etc/passwd\')'),
    ("postgres", 'SELECT U&"pg\\005fsleep"(60)'),
    ("postgres", "SELECT * FROM pg_ls_dir('/')"),
    ("postgres", "SELECT 1 FROM orders ORDER BY (SELECT lo_import('/etc/passwd'))"),
    ("postgres", "SELECT lo_export(1, '/tmp/x')"),
    ("postgres", "SELECT * FROM dblink('host=x', 'DELETE FROM orders') AS t(a int)"),
    ("postgres", "SELECT query_to_xml('DELETE FROM orders', true, true, '')"),
    ("postgres", "SELECT set_config('transaction_read_only', 'off', false)"),
    ("postgres", "SELECT nextval('orders_no')"),
    ("postgres", "SELECT pg_terminate_backend(1)"),
    ("postgres", "SELECT count(*) FILTER (WHERE pg_sleep(1) IS NULL) FROM orders"),
    ("postgres", "SELECT 1\x00; DROP TABLE orders"),
    ("mysql", "SELECT * FROM orders INTO OUTFILE '/tmp/x'"),
    ("mysql", "SELECT * FROM orders LOCK IN SHARE MODE"),
    ("mysql", "SELECT /*!50000 SLEEP(60), */ 1"),
    ("mysql", "SELECT /*M! SLEEP(60), */ 1"),
    ("mysql", "SELECT /*+ SET_VAR(max_execution_time = 0) */ 1"),
    ("mysql", "SELECT @paid := 1"),
    ("mysql", "SELECT LOAD_FILE('/etc/passwd')"),
    ("mysql", "SELECT SLEEP(60)"),
    ("mysql", "SELECT BENCHMARK(1000000000, SHA2('x', 512))"),
    ("mysql", "SELECT GET_LOCK('x', 60)"),
    ("sqlite", "PRAGMA writable_schema = 1"),
    ("sqlite", "ATTACH 'other.db' AS other"),
    ("sqlite", "SELECT load_extension('x.so')"),
    ("sqlite", "SELECT writefile('x', 'y')"),
    ("tsql", "EXEC xp_cmdshell 'dir'"),
    ("tsql", "SELECT * FROM OPENROWSET('SQLNCLI', 'x', 'SELECT 1')"),
    ("tsql", "SELECT * FROM sys.fn_xe_file_target_read_file('x', null, null, null)"),
    ("tsql", "SELECT * INTO #copy FROM orders"),
    ("tsql", "SELECT * FROM orders WITH (UPDLOCK)"),
    ("oracle", "SELECT dbms_lock.sleep(60) FROM dual"),
    ("oracle", "SELECT sys.utl_http.request('http://x') FROM dual"),
    ("postgres", "VALUES (1)"),
    ("postgres", ""),
    ("postgres", "ＳＥＬＥＣＴ 1"),
    ("postgres", "SELECT (" * 2_000),
)


@pytest.mark.parametrize(("dialect", "sql"), READS)
def test_a_statement_that_only_reads_is_taken(dialect: str, sql: str) -> None:
    parsed(sql, dialect)


@pytest.mark.parametrize(("dialect", "sql"), WRITES, ids=[f"{n}-{d}" for n, (d, _) in enumerate(WRITES)])
def test_a_statement_that_could_do_more_is_refused(dialect: str, sql: str) -> None:
    with pytest.raises(StatementRefused):
        parsed(sql, dialect)


def test_a_refusal_does_not_say_the_statement_back() -> None:
    with pytest.raises(StatementRefused) as refused:
        parsed("SELECT secret_value FROM WHERE", "postgres")
    assert "secret_value" not in str(refused.value)


@pytest.mark.parametrize(
    ("sql", "declared", "words"),
    [
        ("SELECT 1 FROM orders WHERE no = :no", set(), "not among"),
        ("SELECT 1 FROM orders", {"no"}, "not in the statement"),
        ("SELECT 'at :time' FROM orders WHERE no = :no", {"no"}, "text or comment"),
    ],
)
def test_parameters_are_exactly_the_declared_ones(sql: str, declared: set[str], words: str) -> None:
    with pytest.raises(StatementRefused, match=words):
        check_parameters(sql, parsed(sql, "postgres"), declared)


FREE = (
    (
        "select no, count(*) from orders group by no order by 2 desc",
        'SELECT "no", COUNT(*) FROM "public"."orders" GROUP BY "no" ORDER BY 2 DESC LIMIT 201',
    ),
    (
        "SELECT c.name FROM sales.customers c JOIN Orders o ON o.customer = c.id LIMIT 3",
        'SELECT "c"."name" FROM "sales"."customers" AS "c" JOIN "public"."orders" AS "o"'
        ' ON "o"."customer" = "c"."id" LIMIT 3',
    ),
    (
        "with late as (select * from orders where eta < current_date) select * from late limit 9999",
        'WITH "late" AS (SELECT * FROM "public"."orders" WHERE "eta" < CURRENT_DATE) SELECT * FROM "late" LIMIT 201',
    ),
    ("select 1 -- 注释", "SELECT 1 LIMIT 201"),
)


@pytest.mark.parametrize(("sql", "sent"), FREE, ids=[f"free-{n}" for n in range(len(FREE))])
def test_a_free_query_is_written_anew(sql: str, sent: str) -> None:
    assert rewritten(sql, "postgres", ALLOWED, max_rows=201) == sent


NOT_FREE = (
    "SELECT * FROM staff",
    "SELECT * FROM pg_catalog.pg_authid",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM other.public.orders",
    'SELECT * FROM "Orders"',
    "SELECT * FROM sales.orders",
    # A name that stands for a part of the query in one place and for a table in another.
    "WITH staff AS (SELECT * FROM staff) SELECT * FROM staff",
    "WITH a AS (SELECT * FROM staff), staff AS (SELECT 1) SELECT * FROM a",
    "SELECT * FROM staff WHERE EXISTS (WITH staff AS (SELECT 1) SELECT 1 FROM staff)",
    'WITH "Staff" AS (SELECT 1) SELECT * FROM staff',
    "WITH RECURSIVE n AS (SELECT 1 UNION ALL SELECT 1 FROM n) SELECT * FROM n",
    "SELECT * FROM generate_series(1, 1000000000)",
    "SELECT repeat('x', 1000000000)",
    "SELECT lpad('x', 1000000000)",
    "SELECT my_function(no) FROM orders",
    "SELECT warehouse.count(no) FROM orders",
    "SELECT version()",
    "SELECT has_table_privilege('orders', 'SELECT')",
    "SELECT (orders).no FROM orders",
    "SELECT * FROM orders TABLESAMPLE SYSTEM (1)",
    "SELECT * FROM orders, LATERAL (SELECT 1) t",
    "SELECT * FROM orders NATURAL JOIN items",
    "SELECT 'a\\' FROM orders",
    "SELECT * FROM orders WHERE no = :no",
    "SELECT * FROM orders LIMIT (SELECT 1)",
    "SELECT " + "(SELECT " * 13 + "1" + ")" * 13,
    "SELECT '" + "x" * 4_000 + "'",
)


@pytest.mark.parametrize("sql", NOT_FREE, ids=[f"notfree-{n}" for n in range(len(NOT_FREE))])
def test_a_free_query_reads_nothing_else(sql: str) -> None:
    with pytest.raises(StatementRefused):
        rewritten(sql, "postgres", ALLOWED, max_rows=201)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT phone FROM orders",
        "SELECT o.Phone AS p FROM orders o",
        "SELECT no FROM orders WHERE phone LIKE '138%'",
        "SELECT no FROM orders JOIN items USING (phone)",
        "SELECT * FROM orders",
        "SELECT orders FROM orders",
        "SELECT CAST(o AS text) FROM orders o",
        "WITH t (a, b) AS (SELECT * FROM orders) SELECT b FROM t",
        "SELECT no AS phone FROM orders",
    ],
)
def test_a_hidden_column_comes_out_in_no_way(sql: str) -> None:
    with pytest.raises(StatementRefused):
        rewritten(sql, "postgres", HIDDEN, max_rows=201)


def test_where_a_column_is_hidden_the_others_can_be_read_and_rows_counted() -> None:
    assert rewritten("SELECT no, count(*) FROM orders GROUP BY no", "postgres", HIDDEN, max_rows=5)


@pytest.mark.parametrize(
    ("dialect", "sql"),
    [
        ("tsql", "SELECT 1 DELETE FROM orders"),
        ("tsql", "SELECT no FROM orders UPDATE orders SET no = 1"),
        ("tsql", "SELECT NEXT VALUE FOR numbers"),
        ("oracle", "SELECT numbers.NEXTVAL FROM dual"),
        ("postgres", "SELECT pg_stat_statements_reset()"),
        ("postgres", "SELECT gin_clean_pending_list('i')"),
        ("postgres", "SELECT * FROM aws_s3.query_export_to_s3('select 1')"),
        ("postgres", "SELECT cron.schedule('x', 'y')"),
    ],
)
def test_what_looks_like_a_name_and_acts_is_refused(dialect: str, sql: str) -> None:
    with pytest.raises(StatementRefused):
        parsed(sql, dialect)


def test_a_quoted_name_may_be_a_word_that_begins_a_statement() -> None:
    parsed("SELECT [delete] AS [update], 'drop' FROM orders", "tsql")
