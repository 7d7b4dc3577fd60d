"""Drills leave a site's own data alone, whichever database that is in."""

import asyncio
import json
import sys
from pathlib import Path

import asyncpg
import pytest

from ai_worker.storage.scratch import scratch
from tests.postgres import shared_server


async def _schemas(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    try:
        return {row["nspname"] for row in await connection.fetch("SELECT nspname FROM pg_namespace")}
    finally:
        await connection.close()


async def test_sqlite_needs_no_scratch_place() -> None:
    async with scratch("sqlite:///ai-worker.db") as place:
        assert place == ""


@pytest.mark.slow
async def test_the_kill_drill_counts_zeros_on_two_nodes_and_leaves_nothing_behind(tmp_path: Path) -> None:
    url = shared_server().url("public")
    plain = url.partition("?")[0]
    before = await _schemas(plain)
    settings = tmp_path / "ai-worker.toml"
    settings.write_text(f'data_dir = "{tmp_path}/data"\n[storage]\nurl = "{url}"\n', encoding="utf-8")

    drill = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "ai_worker",
            "drill",
            "kill",
            "--kills",
            "3",
            "--messages",
            "200",
            "--nodes",
            "2",
            "--json",
        ),
        *("--config", str(settings)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(drill.communicate(), 100)

    assert drill.returncode == 0, out + err
    found = json.loads(out)
    assert (found["lost"], found["duplicated"], found["out_of_order"]) == (0, 0, 0)
    assert found["accepted"] == found["replied"] == 200
    assert await _schemas(plain) == before
