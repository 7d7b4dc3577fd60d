"""A scratch place beside a site's own data, for drills: made for them, and gone after them."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit


@asynccontextmanager
async def scratch(url: str) -> AsyncIterator[str]:
    """Yield the address of an empty schema in the same PostgreSQL database; drop it at the end.

    Args:
        url: The site's `storage.url`. For SQLite nothing is made and an empty address is yielded:
            whoever asked takes a file in a folder of its own.

    Raises:
        StoreBusy: The server cannot be reached.
        Misconfigured: It refuses us, or its driver is not installed.
    """
    if not url.startswith(("postgresql://", "postgres://")):
        yield ""
        return
    from ai_worker.storage.opening import need_driver

    need_driver()
    from ai_worker.storage.postgres.address import parse
    from ai_worker.storage.postgres.connect import open_single

    schema = f"aiw_drill_{secrets.token_hex(6)}"
    parts = urlsplit(url)
    options = [(name, value) for name, value in parse_qsl(parts.query) if name != "schema"]
    place = urlunsplit(parts._replace(query=urlencode([*options, ("schema", schema)])))
    try:
        yield place
    finally:
        connection = await open_single(parse(place))
        try:
            await connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE')
        finally:
            await connection.close()
