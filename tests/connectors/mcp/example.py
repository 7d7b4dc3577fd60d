"""An MCP server made with the official SDK: a shop with one order. Run with `stdio`, or with a port for HTTP."""

import asyncio
import sys
from typing import Any

import uvicorn
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler, ToolsListChanged
from mcp.types import CallToolResult, ListToolsResult, TextContent, Tool, ToolAnnotations

ORDER = {"type": "object", "properties": {"order_id": {"type": "string"}}, "required": ["order_id"]}
TOOLS = [
    Tool(
        name="get_order",
        title="查订单",
        description="Look an order up",
        input_schema=ORDER,
        annotations=ToolAnnotations(read_only_hint=True),
    ),
    Tool(name="cancel_order", description="Cancel an order", input_schema=ORDER),
    Tool(name="rename", input_schema=ORDER, annotations=ToolAnnotations(destructive_hint=False, idempotent_hint=True)),
    Tool(name="hang", input_schema=ORDER, annotations=ToolAnnotations(read_only_hint=True)),
    Tool(name="die", input_schema=ORDER),
]


async def list_tools(_context: Any, _params: Any) -> ListToolsResult:
    return ListToolsResult(tools=TOOLS)


async def call_tool(_context: Any, params: Any) -> CallToolResult:
    order = (params.arguments or {}).get("order_id")
    if params.name == "hang":
        await asyncio.sleep(60)
    if params.name == "die":
        sys.stdout.close()
        sys.exit(1)
    if order != "ORD12345":
        return CallToolResult(content=[TextContent(type="text", text="没有这个订单")], is_error=True)
    if params.name == "rename":
        await changes.publish(ToolsListChanged())
    told = '{"id": "ORD12345", "status": "已发货", "phone": "13800000000"}'
    return CallToolResult(content=[TextContent(type="text", text=told)])


changes = InMemorySubscriptionBus()
server: Server[Any] = Server(
    "shop",
    version="1.0",
    on_list_tools=list_tools,
    on_call_tool=call_tool,
    on_subscriptions_listen=ListenHandler(changes),
)


async def over_stdio() -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


def main() -> None:
    if sys.argv[1] == "stdio":
        asyncio.run(over_stdio())
    else:
        uvicorn.run(
            server.streamable_http_app(),
            host="127.0.0.1",
            port=int(sys.argv[1]),
            log_level="error",
            timeout_graceful_shutdown=1,
        )


if __name__ == "__main__":
    main()
