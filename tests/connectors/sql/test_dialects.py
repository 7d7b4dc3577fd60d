"""What is sent to databases that are not here: only the statements are looked at, nobody is asked."""

import pytest
from sqlalchemy import bindparam, create_engine, text

from ai_worker.connectors.sql.dialects import DIALECTS, parsed_url, shown
from ai_worker.connectors.sql.free import Allowed, rewritten

ALLOWED = Allowed({"orders": "", "订单": ""}, frozenset())


def test_mysql_is_kept_from_writing_and_from_running_long() -> None:
    assert DIALECTS["mysql"].begins(1_500) == (
        "SET SESSION TRANSACTION READ ONLY",
        "SET SESSION MAX_EXECUTION_TIME = 1500",
        "SET SESSION innodb_lock_wait_timeout = 1",
        "START TRANSACTION READ ONLY",
    )
    assert "SET SESSION max_statement_time = 1.5" in DIALECTS["mariadb"].begins(1_500)
    arguments = DIALECTS["mysql"].arguments(15)
    assert (arguments["read_timeout"], arguments["local_infile"]) == (16, False)


def test_a_statement_for_mysql_keeps_its_percent_signs_and_quotes() -> None:
    url, _ = parsed_url("mysql://reader@db.example.com/shop")
    statement = text("SELECT no FROM `订单` WHERE title LIKE '%椅' AND no = :no").bindparams(bindparam("no"))
    compiled = statement.compile(dialect=create_engine(url).dialect)
    assert str(compiled) == "SELECT no FROM `订单` WHERE title LIKE '%%椅' AND no = %(no)s"
    assert rewritten("select `no` from 订单 where a = 'x''y'", "mysql", ALLOWED, max_rows=9) == (
        "SELECT `no` FROM `订单` WHERE `a` = 'x''y' LIMIT 9"
    )


@pytest.mark.parametrize(
    ("dialect", "sent"),
    [
        ("oracle", 'SELECT "NO" FROM "orders" FETCH FIRST 9 ROWS ONLY'),
        ("tsql", "SELECT TOP 9 [no] FROM [orders]"),
    ],
)
def test_the_other_dialects_limit_in_their_own_words(dialect: str, sent: str) -> None:
    allowed = Allowed({"orders": "", "ORDERS": ""}, frozenset())
    found = rewritten("select no from orders", dialect, allowed, max_rows=9)
    assert found.lower() == sent.lower()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("postgres://u:geheim@db:5433/shop?ssl=require", "postgresql://db:5433/shop"),
        ("mysql://u:geheim@db/shop", "mysql://db/shop"),
        ("sqlite:////var/lib/shop.db", "sqlite:////var/lib/shop.db"),
    ],
)
def test_an_address_is_shown_without_its_secrets(address: str, told: str) -> None:
    assert shown(parsed_url(address)[0]) == told
