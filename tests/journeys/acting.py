"""`ai-worker run` with one more business system: an order desk on loopback whose orders a turn may cancel.

    python -m tests.journeys.acting run --config FILE

A process of its own, so that it can be killed. Where the desk is stands in `ORDER_DESK`; whether it
honours idempotency keys in `HONOURS_KEYS`.
"""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from ai_worker.app import serve
from ai_worker.cli.logging import set_up_logging
from ai_worker.connectors.contract import Preview
from ai_worker.settings import load
from ai_worker.skills.tool import Asker, Tool, ToolFailed, ToolResult, ToolUnsure


class OrderDesk:
    """Cancels orders over HTTP, with the idempotency key in the header that most systems use."""

    id = "desk"

    def __init__(self, url: str, *, honours_keys: bool) -> None:
        self._url, self._honours_keys = url, honours_keys
        self._session: aiohttp.ClientSession

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(self._url, timeout=aiohttp.ClientTimeout(total=10))

    async def close(self) -> None:
        await self._session.close()

    def tools(self) -> Sequence[Tool]:
        schema = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
        name, honours = "desk.cancel_order", self._honours_keys
        return [
            Tool(name, self.id, "取消订单", schema, "write-irreversible", idempotent=honours, unattended=True),
        ]

    def allows(self, tool: Tool, asker: Asker) -> bool:
        return True

    def minds_departments(self) -> bool:
        return False

    def for_asker(self, tool: Tool, asker: Asker) -> Tool:
        return tool

    def preview(self, name: str, arguments: Mapping[str, Any]) -> Preview:
        return Preview("POST", f"{self._url}/orders/{arguments['order_id']}/cancel")

    def fits(self, name: str, arguments: Mapping[str, Any], *, asker: Asker | None = None) -> None:
        """Take any arguments."""

    async def check(self) -> str:
        return "never asked"

    async def call(
        self, name: str, arguments: Mapping[str, Any], *, idempotency_key: str, asker: Asker | None = None
    ) -> ToolResult:
        path, headers = f"/orders/{arguments['order_id']}/cancel", {"Idempotency-Key": idempotency_key}
        try:
            async with self._session.post(path, headers=headers) as answer:
                if answer.status != 200:
                    raise ToolFailed(f"{name}: the desk refused ({answer.status})")
                return ToolResult(await answer.json(), f"DESK POST {path}")
        except (aiohttp.ClientError, TimeoutError) as error:
            raise ToolUnsure(f"{name}: no answer ({type(error).__name__})") from None


def main() -> None:
    settings = load(Path(sys.argv[sys.argv.index("--config") + 1]), environ=os.environ)
    set_up_logging(settings.log_level, as_json=True)
    desk = OrderDesk(os.environ["ORDER_DESK"], honours_keys=os.environ["HONOURS_KEYS"] == "yes")
    asyncio.run(serve(settings, connectors=[desk]))


if __name__ == "__main__":
    main()
