"""The API door as one ASGI application."""

from collections.abc import Awaitable, Callable, Mapping

from starlette.routing import BaseRoute, Router
from starlette.types import Receive, Scope, Send

from ai_worker.api import ask, callbacks, health, metrics, openapi
from ai_worker.api.auth import Guard
from ai_worker.api.chat_completions import ChatCompletions
from ai_worker.api.chat_files import ChatFiles
from ai_worker.api.endpoint import Endpoint
from ai_worker.api.feedback import Feedback
from ai_worker.api.gate import Gate
from ai_worker.api.idempotency import FirstAnswers
from ai_worker.api.knowledge import Knowledge
from ai_worker.api.limits import Limits
from ai_worker.api.mcp import McpDoor
from ai_worker.api.messages import Messages
from ai_worker.api.questions import PATIENCE_S, Questions
from ai_worker.api.settings import ApiSettings
from ai_worker.api.visitors import Visitors
from ai_worker.api.waiting import Waiting
from ai_worker.api.web_chat import WebChat
from ai_worker.channels.contract import Channel
from ai_worker.conversation.persona import Staff
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.clock import Clock
from ai_worker.keys.keyring import Keyring
from ai_worker.keys.network import Networks
from ai_worker.knowledge.desk import KnowledgeDesk, Remover
from ai_worker.knowledge.gaps import GapStore
from ai_worker.knowledge.retrieve import Retriever
from ai_worker.learning.feedback import FeedbackStore
from ai_worker.ops.health import Readiness
from ai_worker.pipeline.answers import FirstAnswerStore
from ai_worker.pipeline.board import Board
from ai_worker.pipeline.files import FileStore
from ai_worker.pipeline.inbox import Intake
from ai_worker.skills.tool import Toolbox


class Api:
    """The door: an ASGI application that can be told to send waiting callers away."""

    def __init__(
        self,
        gate: Gate,
        *,
        endpoints: tuple[Endpoint, ...],
        routes: list[BaseRoute],
        waiting: Waiting,
        mcp: McpDoor | None = None,
    ) -> None:
        self.endpoints = endpoints
        """Everything there is over HTTP; the OpenAPI document is made of it."""

        self.routes = routes
        """The same with the sockets, as the router knows it."""

        self._gate = gate
        self._waiting = waiting
        self._mcp = mcp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        await self._gate(scope, receive, send)

    def close(self) -> None:
        """End every wait: the process is ending. Nothing is lost by it; what was accepted is on disk."""
        self._waiting.close()
        if self._mcp is not None:
            self._mcp.close()


def create_watch(
    *,
    keyring: Keyring,
    readiness: Callable[[], Awaitable[Readiness]],
    metrics_text: Callable[[], bytes],
    settings: ApiSettings,
    metrics_allow: Networks,
) -> Api:
    """Return the door of a process that serves no API: its health and its figures, and nothing else.

    Args:
        keyring: Who may read the figures from elsewhere.
        readiness: Looks whether the process can work.
        metrics_text: Writes the figures for Prometheus.
        settings: What the administrator said about the API's door; the same holds for this one.
        metrics_allow: Addresses that may read the figures without a key.
    """
    endpoints = (*health.endpoints(readiness), *metrics.endpoints(metrics_text, allow=metrics_allow))
    guard = Guard(keyring)
    routes: list[BaseRoute] = [each.route(guard) for each in endpoints]
    gate = Gate(
        Router(routes, redirect_slashes=False), limits=Limits(), trusted=Networks.parse(settings.trusted_proxies)
    )
    return Api(gate, endpoints=endpoints, routes=routes, waiting=Waiting())


def create_api(
    *,
    inbox: Intake,
    board: Board,
    conversations: ConversationStore,
    library: KnowledgeDesk,
    remover: Remover,
    gaps: GapStore,
    answers: FirstAnswerStore,
    feedback: FeedbackStore,
    files: FileStore,
    keyring: Keyring,
    staff: Staff,
    channels: Mapping[str, Channel],
    readiness: Callable[[], Awaitable[Readiness]],
    metrics_text: Callable[[], bytes],
    settings: ApiSettings,
    metrics_allow: Networks,
    clock: Clock,
    limits: Limits | None = None,
    patience_s: float = PATIENCE_S,
    retriever: Retriever | None = None,
    toolbox: Toolbox | None = None,
    version: str = "",
) -> Api:
    """Return the API door.

    Args:
        inbox: Where everything that comes in is made durable.
        board: What happens in this process right now.
        conversations: What was said, and how turns stand.
        library: Takes documents and entries.
        remover: Takes them out again.
        gaps: Where unanswered questions are listed.
        answers: Keeps what was answered to requests that may come again.
        files: Pictures and files of web chats.
        feedback: Keeps what people think of answers.
        keyring: Who may come in.
        staff: The workers, which are the models of the OpenAI-compatible API.
        channels: All configured channels by name.
        readiness: Looks whether messages can be accepted.
        metrics_text: Writes the figures for Prometheus.
        settings: What the administrator said about this door.
        metrics_allow: Addresses that may read the figures without a key.
        clock: Tells the time.
        limits: How large bodies may be; `None` means the defaults.
        patience_s: How long a caller is kept waiting for an answer.
        retriever: Searches the knowledge for other agents; `None`: they only ask.
        toolbox: The business systems that other agents may use; `None`: none.
        version: Ours.
    """
    waiting = Waiting()
    firsts = FirstAnswers(answers, clock=clock)
    questions = Questions(inbox=inbox, board=board, conversations=conversations, waiting=waiting, patience_s=patience_s)
    messages = Messages(
        inbox=inbox,
        board=board,
        conversations=conversations,
        firsts=firsts,
        waiting=waiting,
        callback_hosts=settings.callback_hosts,
        clock=clock,
    )
    visitors = Visitors(keyring)
    chat_files = ChatFiles(channels, files, visitors=visitors, clock=clock)
    web_chat = WebChat(
        channels,
        staff=staff,
        visitors=visitors,
        brought=chat_files,
        conversations=conversations,
        board=board,
        waiting=waiting,
    )
    mcp = McpDoor(
        questions=questions,
        retriever=retriever,
        staff=staff,
        toolbox=toolbox,
        offered=settings.mcp_tools,
        version=version,
        clock=clock,
    )
    told = [
        *callbacks.endpoints(channels),
        *messages.endpoints(),
        *ask.endpoints(questions, firsts=firsts, clock=clock),
        *ChatCompletions(questions, firsts=firsts, staff=staff, clock=clock).endpoints(),
        *Knowledge(library, gaps, remover=remover, firsts=firsts).endpoints(),
        *Feedback(feedback, conversations, firsts=firsts, clock=clock).endpoints(),
        *health.endpoints(readiness),
        *metrics.endpoints(metrics_text, allow=metrics_allow),
        *web_chat.endpoints(),
        *chat_files.endpoints(),
        *mcp.endpoints(),
    ]
    endpoints = (*told, openapi.endpoint(told))
    guard = Guard(keyring)
    routes: list[BaseRoute] = [*(each.route(guard) for each in endpoints), web_chat.socket()]
    router = Router(routes, redirect_slashes=False)
    gate = Gate(router, limits=limits or Limits(), trusted=Networks.parse(settings.trusted_proxies))
    return Api(gate, endpoints=endpoints, routes=routes, waiting=waiting, mcp=mcp)
