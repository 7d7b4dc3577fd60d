"""OData 4.0 against a service that is not ours: what it says of itself is compiled, and its orders are worked on."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ai_worker.connectors.connection import Connection
from ai_worker.connectors.kind import Parts
from ai_worker.connectors.odata.kind import KIND
from ai_worker.connectors.registry import load_connector, read_settings
from ai_worker.foundation.clock import SystemClock
from ai_worker.skills.tool import ToolFailed
from tests.connectors.odata.test_calls import CONNECTOR, call

MODULES = os.environ.get("ODATA_PEER", "")
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(
    NODE is None or not (Path(MODULES) / "simple-odata-server").is_dir(),
    reason="not run: there is no OData service of others; ODATA_PEER is the node_modules of npm's simple-odata-server",
)


@asynccontextmanager
async def running() -> AsyncIterator[str]:
    """Start the service and yield its address."""
    assert NODE is not None
    process = await asyncio.create_subprocess_exec(
        NODE, str(Path(__file__).with_name("peer.js")),
        env={**os.environ, "NODE_PATH": MODULES}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield (await asyncio.wait_for(process.stdout.readline(), 30)).decode().strip()
    finally:
        process.terminate()
        await process.wait()


@asynccontextmanager
async def connected(folder: Path) -> AsyncIterator[Connection]:
    async with running() as base:
        file = folder / "shop.toml"
        file.write_text(CONNECTOR.format(base=base, more=""), "utf-8")
        parts = Parts(SystemClock())
        assert KIND.fetch is not None
        metadata = await KIND.fetch(read_settings(file, str), KIND.options(), parts)
        (folder / "metadata.xml").write_bytes(metadata)
        connection = load_connector(file, resolve=str, parts=parts)
        assert connection is not None
        await connection.start()
        try:
            yield connection
        finally:
            await connection.close()


async def found(connection: Connection, **arguments: Any) -> list[str]:
    listed = await call(connection, "Orders_list", arguments)
    return sorted(one["_id"] for one in listed["items"])


async def test_orders_of_a_service_that_is_not_ours_are_found_added_changed_and_removed(tmp_path: Path) -> None:
    async with connected(tmp_path) as connection:
        for number, customer, total in (("1", "华星", 12.5), ("2", "华星", 88.0), ("3", "O'Neil & 50%", 7.0)):
            await call(connection, "Orders_create", {"id": number, "Customer": customer, "Total": total, "Paid": False})

        assert await found(connection) == ["1", "2", "3"]
        assert await found(connection, Customer="华星", Total_from=50) == ["2"]
        assert await found(connection, Customer="O'Neil & 50%") == ["3"]
        assert len(await found(connection, top=1)) == 1

        await call(connection, "Orders_update", {"id": "2", "Paid": True})
        assert (await call(connection, "Orders_get", {"id": "2"}))["Paid"] is True
        assert await found(connection, Paid=True) == ["2"]

        await call(connection, "Orders_delete", {"id": "2"})
        assert await found(connection) == ["1", "3"]


async def test_a_second_order_of_the_same_number_is_not_taken_for_made(tmp_path: Path) -> None:
    async with connected(tmp_path) as connection:
        await call(connection, "Orders_create", {"id": "1", "Customer": "华星"})
        with pytest.raises(ToolFailed):
            await call(connection, "Orders_create", {"id": "1", "Customer": "海川"})
        assert (await call(connection, "Orders_get", {"id": "1"}))["Customer"] == "华星"
