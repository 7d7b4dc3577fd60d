"""`/mcp`: the worker as a tool of other agents, over the Model Context Protocol (streamable HTTP).

The protocol is the official SDK's; it is imported when somebody first calls, for it takes half a second.
Every request brings its API key: nothing is kept between requests, so any process may answer any of them.
What is asked goes through the inbox like every other question, durable before it is answered.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from fnmatch import fnmatchcase
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Send
from starlette.types import Scope as Connection

from ai_worker.api.auth import Caller
from ai_worker.api.bodies import plain
from ai_worker.api.endpoint import Endpoint
from ai_worker.api.problems import Invalid
from ai_worker.api.questions import Questions
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.conversation.persona import Staff
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import AiWorkerError, NotFound
from ai_worker.foundation.ids import new_id
from ai_worker.foundation.text import clean
from ai_worker.keys.keyring import Scope
from ai_worker.knowledge.retrieve import ANYBODY, Retriever
from ai_worker.skills.tool import Asker, Tool, Toolbox, ToolFailed

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

CHANNEL = "api"
QUESTION, CONVERSATION = 4_000, 128
FOUND, QUOTED = 5, 1_000
"""Passages that a search gives back, and characters of each."""

RESULT = 100_000
"""Characters of a business system's result."""

_CALLER = "ai_worker.caller"


class McpMissing(NotFound):
    """Somebody speaks the Model Context Protocol to us, and what understands it is not installed."""

    code = "mcp.not_installed"
    hint = "pip install 'ai-worker[mcp]', then restart."


class McpDoor:
    """Serves `/mcp`."""

    def __init__(
        self,
        *,
        questions: Questions,
        retriever: Retriever | None,
        staff: Staff,
        toolbox: Toolbox | None,
        offered: Sequence[str],
        version: str,
        clock: Clock,
    ) -> None:
        """Prepare the door; nothing is imported yet.

        Args:
            questions: Where questions are put.
            retriever: Searches the knowledge; `None`: there is none in this process.
            staff: Who answers; the first one does.
            toolbox: The business systems; `None` where there are none in this process.
            offered: Names of tools that other agents may call, `*` standing for any characters; only
                those that read are.
            version: Ours, told to who calls.
            clock: Tells the time.
        """
        self._questions = questions
        self._retriever = retriever
        self._staff = staff
        self._toolbox = toolbox
        self._offered = tuple(offered)
        self._version = version
        self._clock = clock
        self._manager: StreamableHTTPSessionManager | None = None
        self._holding: asyncio.Task[None] | None = None
        self._starting = asyncio.Lock()

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints of this room."""
        says = "The worker for other agents, over the Model Context Protocol (streamable HTTP)"
        return [
            Endpoint(method=method, path="/mcp", scope="chat", also=("tools",), handle=self._serve, summary=says)
            for method in ("GET", "POST", "DELETE")
        ]

    def close(self) -> None:
        """End what is in progress: the process is ending."""
        if self._holding is not None:
            self._holding.cancel()

    async def _serve(self, request: Request, caller: Caller) -> Response:
        if find_spec("mcp") is None:
            raise McpMissing("The Model Context Protocol is not installed here")
        manager = await self._running()
        request.scope[_CALLER] = caller
        return _Handed(manager.handle_request)

    async def _running(self) -> "StreamableHTTPSessionManager":
        async with self._starting:
            if self._manager is None:
                manager = await asyncio.to_thread(self._make)
                started = asyncio.Event()
                self._holding = asyncio.create_task(_hold(manager, started))
                await started.wait()
                self._manager = manager
        return self._manager

    def _make(self) -> "StreamableHTTPSessionManager":
        from mcp.server.lowlevel import Server
        from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
        from mcp.types import CallToolResult, ListToolsResult, TextContent
        from mcp.types import Tool as Offered

        async def list_tools(context: Any, _params: Any) -> ListToolsResult:
            caller = _caller(context)
            return ListToolsResult(
                tools=[
                    Offered(name=name, description=description, input_schema=dict(schema))
                    for name, description, schema in self._list(caller)
                ]
            )

        async def call_tool(context: Any, params: Any) -> CallToolResult:
            text, failed = await self._call(_caller(context), params.name, params.arguments or {})
            return CallToolResult(content=[TextContent(type="text", text=text)], is_error=failed)

        worker = self._staff.default
        server: Server[Any] = Server(
            "ai-worker",
            version=self._version,
            instructions=f"{worker.display_name}: answers from the company's knowledge and business systems.",
            on_list_tools=list_tools,
            on_call_tool=call_tool,
        )
        return StreamableHTTPSessionManager(server, json_response=True, stateless=True)

    def _list(self, caller: Caller) -> list[tuple[str, str, Mapping[str, Any]]]:
        """Return name, description and schema of what a caller may use."""
        return self._of_knowledge(caller) + [
            (tool.name, tool.description, tool.parameters) for tool in self._tools(caller)
        ]

    def _of_knowledge(self, caller: Caller) -> list[tuple[str, str, Mapping[str, Any]]]:
        """Return what a caller may ask the worker itself."""
        if not _may(caller, "chat"):
            return []
        question = {"type": "string", "minLength": 1, "maxLength": QUESTION}
        ask = {
            "type": "object",
            "properties": {"question": question, "conversation_id": {"type": "string", "maxLength": CONVERSATION}},
            "required": ["question"],
            "additionalProperties": False,
        }
        search = {
            "type": "object",
            "properties": {"query": question},
            "required": ["query"],
            "additionalProperties": False,
        }
        found: list[tuple[str, str, Mapping[str, Any]]] = [
            ("ask", "Ask the digital employee; it answers from approved knowledge and business systems, "
             "asks back, or hands over to a person. The same conversation_id goes on where it was.", ask),
        ]  # fmt: skip
        if self._retriever is not None:
            found.append(("search_knowledge", "Search the company's knowledge for passages.", search))
        return found

    def _tools(self, caller: Caller) -> list[Tool]:
        """Return the business tools that a caller may use: those that are offered, read, and are not anybody's own."""
        if self._toolbox is None or not _may(caller, "tools"):
            return []
        names = self._staff.default.connectors
        return [
            tool
            for tool in self._toolbox.tools(names, asker=_asker(caller))
            if not tool.acts and any(fnmatchcase(tool.name, pattern) for pattern in self._offered)
        ]

    async def _call(self, caller: Caller, name: str, arguments: Mapping[str, Any]) -> tuple[str, bool]:
        """Return what a call gives back, and whether it failed."""
        try:
            if name in (own for own, _, _ in self._of_knowledge(caller)):
                if name == "ask" or self._retriever is None:
                    return await self._ask(caller, arguments), False
                return self._search(self._retriever, arguments), False
            tool = next((tool for tool in self._tools(caller) if tool.name == name), None)
            if tool is None or self._toolbox is None:
                return f"There is no tool called {name!r} for this key", True
            result = await self._toolbox.call(name, arguments, idempotency_key=new_id("mcp"), asker=_asker(caller))
            return json.dumps(result.data, ensure_ascii=False, default=str)[:RESULT], False
        except ToolFailed as failed:
            return f"{failed.code}: {failed}", True
        except AiWorkerError as error:
            return f"{error.code}: {error} {error.hint}".strip(), True

    async def _ask(self, caller: Caller, arguments: Mapping[str, Any]) -> str:
        question = clean(str(arguments.get("question", "")))[:QUESTION]
        own = str(arguments.get("conversation_id") or "")
        if own and len(plain(own, "conversation_id")) > CONVERSATION:
            raise Invalid(f"`conversation_id` must be at most {CONVERSATION} characters")
        message_id = caller.derived(new_id("q"))
        message = InboundMessage(
            channel=CHANNEL,
            message_id=message_id,
            conversation_key=caller.owned(own) if own else message_id,
            contact=Contact(caller.owned(caller.name), caller.name),
            text=question,
            received_at=self._clock.now(),
            standalone=not own,
            by_machine=True,
        )
        with await self._questions.put(message) as watch:
            result = await watch.result()
        said = result.reply.text if result.reply else ""
        return json.dumps(
            {"answer": said, "decision": "handoff" if result.decision == "silent" else result.decision},
            ensure_ascii=False,
        )

    def _search(self, retriever: Retriever, arguments: Mapping[str, Any]) -> str:
        query = clean(str(arguments.get("query", "")))[:QUESTION]
        found = retriever.search(query, bases=self._staff.default.knowledge, limit=FOUND, reader=ANYBODY)
        passages = [
            {"title": one.passage.called, "text": one.passage.text[:QUOTED], "score": round(one.score, 3)}
            for one in found
        ]
        return json.dumps(passages, ensure_ascii=False)


class _Handed(Response):
    """A response that another application writes."""

    def __init__(self, app: Callable[[Connection, Receive, Send], Awaitable[None]]) -> None:
        self._app = app
        self.background = None

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Let it write."""
        await self._app(scope, receive, send)


async def _hold(manager: "StreamableHTTPSessionManager", started: asyncio.Event) -> None:
    """Keep the manager open for as long as the process lives: it is to be entered and left by one task."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(manager.run())
        started.set()
        await asyncio.Event().wait()


def _caller(context: Any) -> Caller:
    caller = context.request.scope[_CALLER]
    assert isinstance(caller, Caller)
    return caller


def _may(caller: Caller, scope: Scope) -> bool:
    return caller.admin or scope in caller.scopes


def _asker(caller: Caller) -> Asker:
    return Asker(CHANNEL, caller.owned(caller.name), caller.name)
