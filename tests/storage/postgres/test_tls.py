"""A database that is spoken to in private, and not at all where it cannot prove who it is."""

from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from ai_worker.foundation.clock import SystemClock
from ai_worker.storage.opening import open_stores
from ai_worker.storage.postgres.connect import DatabaseUntrusted
from tests.certificate import certify
from tests.postgres import Server, own_server
from tests.storage.postgres.scene import message

ENCRYPTED = (
    "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'ai-worker'"
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = own_server(encrypted=True)
    yield running
    running.remove()


async def test_every_connection_is_encrypted_and_the_server_has_proved_itself(server: Server, tmp_path: Path) -> None:
    url = f"{server.url()}&sslmode=verify-full&sslrootcert={server.certificate}"
    async with open_stores(url, data_dir=tmp_path, clock=SystemClock()) as stores:
        assert not (await stores.pipeline.accept(message(0))).duplicate
        looking = await asyncpg.connect(server.url().partition("?")[0])
        assert await looking.fetchval(ENCRYPTED) is True
        await looking.close()


async def test_a_server_with_a_strange_certificate_is_not_spoken_to(server: Server, tmp_path: Path) -> None:
    certify(tmp_path)
    url = f"{server.url()}&sslmode=verify-full&sslrootcert={tmp_path / 'cert.pem'}"
    with pytest.raises(DatabaseUntrusted, match="certificate"):
        async with open_stores(url, data_dir=tmp_path, clock=SystemClock()):
            pass
