"""What is refused at the start, in words without a password; schemas that are made whole or not at all."""

import asyncio
import socket
import sys
from pathlib import Path

import asyncpg
import pytest

from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.errors import AiWorkerError, Misconfigured
from ai_worker.pipeline.store import StoreBusy
from ai_worker.storage.opening import node_of, open_stores
from ai_worker.storage.postgres.address import AddressUnusable, parse
from ai_worker.storage.postgres.connect import DatabaseRefused, PoolerUnsuitable
from ai_worker.storage.schema import ForeignDatabase
from tests.postgres import shared_server
from tests.storage.postgres.scene import message, node

CLOCK = SystemClock()
SSL_REQUEST = (80877103).to_bytes(4, "big")
"""The code with which a client asks for TLS (PostgreSQL 15 documentation, §55.7)."""


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url.partition("?")[0])
    await connection.execute(statement)
    await connection.close()


async def test_what_was_kept_is_there_after_opening_again(tmp_path: Path) -> None:
    url = shared_server().url()
    async with open_stores(url, data_dir=tmp_path, clock=CLOCK) as stores:
        await stores.check()
        first = await stores.pipeline.accept(message(0))

    async with open_stores(url, data_dir=tmp_path, clock=CLOCK) as stores:
        again = await stores.pipeline.accept(message(0))

    assert (again.duplicate, again.turn_id) == (True, first.turn_id)


async def test_many_nodes_that_start_at_once_make_one_schema() -> None:
    url = shared_server().url()

    async def start(number: int) -> None:
        async with node(url, f"node-{number}") as at:
            await at.store.accept(message(number))

    await asyncio.gather(*(start(n) for n in range(6)))

    async with node(url) as at:
        assert await at.count("inbound") == 6


async def test_another_programs_schema_is_refused_and_left_alone() -> None:
    url = shared_server().url("foreign_one")
    await _execute(url, "CREATE SCHEMA foreign_one; CREATE TABLE foreign_one.customer (id int)")

    with pytest.raises(ForeignDatabase, match="foreign_one"):
        async with node(url):
            pass


MIGRATE = """
import asyncio, sys
from dataclasses import replace
from ai_worker.storage.postgres import migrations
from tests.storage.postgres.scene import node

def slow(package):
    first = files(package)[0]
    return [replace(first, script=first.script.replace("CREATE TABLE gap", "SELECT pg_sleep(30); CREATE TABLE gap"))]

files, migrations.migrations = migrations.migrations, slow

async def main():
    async with node(sys.argv[1]):
        pass

asyncio.run(main())
"""


async def test_a_migration_that_is_killed_in_the_middle_leaves_nothing_and_is_done_again() -> None:
    url = shared_server().url("halfway")
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATE, url, env={"PYTHONPATH": _path()})
    beside = await asyncpg.connect(url.partition("?")[0])
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ai-worker' AND wait_event = 'PgSleep'"
    async with asyncio.timeout(20):
        while not await beside.fetchval(sleeping):
            await asyncio.sleep(0.05)
    process.kill()
    await process.wait()
    assert not await beside.fetchval("SELECT to_regnamespace('halfway') IS NOT NULL")
    await beside.close()

    async with node(url) as at:
        assert not (await at.store.accept(message(0))).duplicate


def _path() -> str:
    return ":".join(sys.path)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("postgresql://u:geheim@127.0.0.1:1/db", StoreBusy),
        ("postgresql://u:geheim@127.0.0.1:99999/db", AddressUnusable),
        ("postgresql://u:geheim@127.0.0.1/db?schema=Robert;drop", AddressUnusable),
        ("mysql://u:geheim@127.0.0.1/db", AddressUnusable),
        ("postgresql://u:geheim@127.0.0.1/db?sslmode=geheim", DatabaseRefused),
    ],
)
async def test_an_address_that_leads_nowhere_is_told_without_its_password(url: str, kind: type[Exception]) -> None:
    with pytest.raises(kind) as refused:
        async with node(url):
            pass
    assert "geheim" not in f"{refused.value!r} {refused.value}"


@pytest.mark.parametrize("name", ["nobody-we-know", "postgres"])
async def test_a_server_that_refuses_us_is_an_administrators_affair(name: str) -> None:
    database = "no_such_database" if name == "postgres" else "postgres"
    url = f"postgresql://{name}:geheim@127.0.0.1:{shared_server().port}/{database}"

    with pytest.raises(Misconfigured) as refused:
        async with node(url):
            pass

    assert refused.value.code == "storage.refused"
    assert "geheim" not in str(refused.value)


def test_the_schema_is_taken_out_of_the_address_and_the_rest_stays() -> None:
    address = parse("postgresql://u:p@h:6432/db?schema=drill_1&sslmode=require")

    assert (address.schema, address.shown) == ("drill_1", "h:6432/db")
    assert address.dsn.reveal() == "postgresql://u:p@h:6432/db?sslmode=require"
    assert "p@" not in repr(address)


async def test_a_pooler_that_takes_no_settings_is_named(tmp_path: Path) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Say no to TLS, then end the start-up as PgBouncer 1.18 does."""
        while length := int.from_bytes(await reader.readexactly(4), "big"):
            asked = await reader.readexactly(length - 4)
            if asked[:4] != SSL_REQUEST:
                break
            writer.write(b"N")
        fields = b"SFATAL\0C08P01\0Munsupported startup parameter: statement_timeout\0\0"
        writer.write(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as pooler:
        port = pooler.sockets[0].getsockname()[1]
        with pytest.raises(PoolerUnsuitable, match="statement_timeout"):
            async with open_stores(f"postgresql://u@127.0.0.1:{port}/db", data_dir=tmp_path, clock=CLOCK):
                pass


async def test_of_several_servers_the_one_that_serves_is_taken(tmp_path: Path) -> None:
    url = shared_server().url()
    with socket.socket() as nobody:  # bound and not listening: every connection is refused
        nobody.bind(("127.0.0.1", 0))
        first = f"127.0.0.1:{nobody.getsockname()[1]}"
        several = url.replace("@", f"@{first},") + "&target_session_attrs=primary"
        assert parse(several).shown == f"{first},127.0.0.1:{shared_server().port}/postgres"
        async with open_stores(several, data_dir=tmp_path, clock=CLOCK) as stores:
            assert not (await stores.pipeline.accept(message(0))).duplicate


def test_a_node_keeps_its_name_and_another_folder_is_another_node(tmp_path: Path) -> None:
    first = node_of(tmp_path / "a")

    assert node_of(tmp_path / "a") == first
    assert node_of(tmp_path / "b") != first


async def test_another_kind_of_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AiWorkerError) as refused:
        async with open_stores("mysql://u:geheim@h/db", data_dir=tmp_path, clock=CLOCK):
            pass
    assert refused.value.code == "storage.unsupported"
