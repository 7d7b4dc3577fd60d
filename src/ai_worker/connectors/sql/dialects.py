"""What differs between databases: the driver, how SQL is written, and how a transaction is kept from writing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

CONNECT_S = 5


@dataclass(frozen=True, slots=True)
class Dialect:
    """One family of databases."""

    name: str
    """As SQLAlchemy calls it."""

    sql: str
    """As sqlglot calls the way that it writes SQL."""

    driver: str
    """Used where the address names none; all are installed by the extra of the same name, or brought along."""

    awaits: bool = False
    """Whether the driver is asynchronous; the others work in threads."""

    begins: Callable[[int], tuple[str, ...]] = lambda _milliseconds: ()
    """The statements that stand before every query: no writing, and so many milliseconds at most."""

    arguments: Callable[[float], Mapping[str, Any]] = lambda _seconds: {}
    """What the driver needs to know to give up after so many seconds."""

    limit_attribute: str = ""
    """The attribute of a driver's connection that holds its time limit."""

    limit_unit: int = 1
    """How many of it a second has."""

    explains: bool = True
    """Whether `EXPLAIN` before a query plans it and does no more."""

    bounds: str = "{sql}"
    """What stands around a free query, so that no row of more than `{bytes}` leaves a database that has no
    bound of its own: joined texts double with each select, up to a gigabyte."""

    read_only: bool = True
    """Whether it has transactions that cannot write; otherwise the role alone stands behind the parser."""


def _mysql(milliseconds: int) -> tuple[str, ...]:
    return (
        "SET SESSION TRANSACTION READ ONLY",
        f"SET SESSION MAX_EXECUTION_TIME = {milliseconds}",
        f"SET SESSION innodb_lock_wait_timeout = {max(milliseconds // 1000, 1)}",
        "START TRANSACTION READ ONLY",
    )


def _mariadb(milliseconds: int) -> tuple[str, ...]:
    return (
        "SET SESSION TRANSACTION READ ONLY",
        f"SET SESSION max_statement_time = {milliseconds / 1000:g}",
        "START TRANSACTION READ ONLY",
    )


def _pymysql(seconds: float) -> Mapping[str, Any]:
    whole = int(seconds) + 1
    return {"connect_timeout": CONNECT_S, "read_timeout": whole, "write_timeout": whole, "local_infile": False}


DIALECTS: Mapping[str, Dialect] = {
    one.name: one
    for one in (
        Dialect(
            "postgresql",
            "postgres",
            "asyncpg",
            awaits=True,
            bounds="SELECT * FROM ({sql}) AS bounded WHERE octet_length(CAST(bounded AS text)) <= {bytes}",
        ),
        Dialect("sqlite", "sqlite", "pysqlite"),
        Dialect("mysql", "mysql", "pymysql", begins=_mysql, arguments=_pymysql),
        Dialect("mariadb", "mysql", "pymysql", begins=_mariadb, arguments=_pymysql),
        Dialect(
            "oracle",
            "oracle",
            "oracledb",
            begins=lambda _: ("SET TRANSACTION READ ONLY",),
            arguments=lambda _: {"tcp_connect_timeout": CONNECT_S},
            limit_attribute="call_timeout",
            limit_unit=1000,
            explains=False,
        ),
        Dialect(
            "mssql",
            "tsql",
            "pyodbc",
            begins=lambda milliseconds: (f"SET LOCK_TIMEOUT {milliseconds}",),
            arguments=lambda _: {"timeout": CONNECT_S},
            limit_attribute="timeout",
            explains=False,
            read_only=False,
        ),
    )
}
"""PostgreSQL, SQLite and MariaDB are proven on the real thing; of the others only what is sent is."""


def parsed_url(address: str) -> tuple[URL, Dialect]:
    """Return a database's address, with its driver, and its dialect.

    Raises:
        ValueError: The address names no database that we know; its words hold nothing of the address but the kind.
    """
    try:
        url = make_url(address)
        name, _, driver = url.drivername.partition("+")
    except ArgumentError:
        raise ValueError("options.url: not an address such as postgresql://reader:…@db.example.com/sales") from None
    name = {"postgres": "postgresql"}.get(name, name)
    dialect = DIALECTS.get(name)
    if dialect is None:
        raise ValueError(f"options.url: {name!r} is none of {', '.join(DIALECTS)}")
    if driver and driver != dialect.driver:
        raise ValueError(f"options.url: of {name} only the driver {dialect.driver!r} is used, not {driver!r}")
    return url.set(drivername=f"{name}+{dialect.driver}"), dialect


def shown(url: URL) -> str:
    """Return an address for people: without user, password and further settings."""
    place = f"{url.host or ''}{f':{url.port}' if url.port else ''}"
    return f"{url.get_backend_name()}://{place}/{url.database or ''}"
