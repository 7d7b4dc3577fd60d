from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.console.world import World, world


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[World]:
    """A console after a day of work."""
    async with world(tmp_path) as made:
        yield made


@pytest.fixture
async def new_site(tmp_path: Path) -> AsyncIterator[World]:
    """A console of an installation that nobody has written to."""
    async with world(tmp_path, filled=False) as made:
        yield made


@pytest.fixture
async def reader(site: World) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is signed in after a day of work."""
    client = await site.signed_in()
    yield client
    await client.aclose()


@pytest.fixture
async def new_reader(new_site: World) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is signed in before the first message."""
    client = await new_site.signed_in()
    yield client
    await client.aclose()
