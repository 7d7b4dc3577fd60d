"""Web chat: the page, the script that puts it into other pages, and the socket behind it."""

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from urllib.parse import quote

import structlog
from jinja2 import Environment, PackageLoader
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from ai_worker.api.auth import Caller
from ai_worker.api.chat_files import ChatFiles
from ai_worker.api.chat_socket import ChatSocket
from ai_worker.api.chat_words import WORDS, language_of
from ai_worker.api.endpoint import Endpoint
from ai_worker.api.problems import NoSuchRoute, problem
from ai_worker.api.visitors import Visitors
from ai_worker.api.waiting import Waiting
from ai_worker.channels.contract import Channel
from ai_worker.channels.web.adapter import WebChannel
from ai_worker.conversation.persona import Staff
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.errors import Denied
from ai_worker.pipeline.board import Board

log = structlog.get_logger(__name__)

ASSETS = {
    "chat.css": "text/css; charset=utf-8",
    "chat.js": "text/javascript; charset=utf-8",
    "files.js": "text/javascript; charset=utf-8",
    "prose.js": "text/javascript; charset=utf-8",
    "chat.svg": "image/svg+xml",
}
FOREVER = "public, max-age=31536000, immutable"
SOON = "public, max-age=300"


class ForeignPage(Denied):
    """A page of another site, or a name that is not ours, wanted to use the chat."""

    code = "web_chat.foreign_page"
    hint = "Add the site's origin to allowed_origins of this channel."


class WebChat:
    """All web chats of this installation."""

    def __init__(
        self,
        channels: Mapping[str, Channel],
        *,
        staff: Staff,
        visitors: Visitors,
        brought: ChatFiles,
        conversations: ConversationStore,
        board: Board,
        waiting: Waiting,
    ) -> None:
        self._channels = channels
        self._staff = staff
        self._visitors, self._brought = visitors, brought
        self._conversations = conversations
        self._board = board
        self._waiting = waiting
        static = files("ai_worker.api") / "static"
        self._assets = {name: (static / name).read_bytes() for name in (*ASSETS, "widget.js")}
        self._versions = {name: hashlib.sha256(raw).hexdigest()[:12] for name, raw in self._assets.items()}
        loader = PackageLoader("ai_worker.api", "templates")
        self._page = Environment(loader=loader, autoescape=True, trim_blocks=True).get_template("chat.html")

    def endpoints(self) -> list[Endpoint]:
        """Return the pages and files. They are open to everybody, as a shop's door is."""
        pages = (
            ("/chat/widget.js", self._widget, "The script that shows the chat inside another page", "text/javascript"),
            ("/chat/{name}", self._show, "The web chat page; it speaks over a WebSocket at `ws` below it", "text/html"),
            ("/static/chat/{file}", self._file, "What the web chat page is made of", "*/*"),
        )
        return [
            Endpoint(
                method="GET",
                path=path,
                scope="public",
                handle=handle,
                summary=summary,
                details={"responses": {"200": {"description": summary, "content": {kind: {}}}}},
            )
            for path, handle, summary, kind in pages
        ]

    def socket(self) -> WebSocketRoute:
        """Return the socket's route. Who a visitor is stands in the signed token that the page sends."""
        return WebSocketRoute("/chat/{name}/ws", self._serve)

    async def _serve(self, socket: WebSocket) -> None:
        try:
            channel = self._welcoming(socket)
        except (NoSuchRoute, ForeignPage) as refused:
            await socket.send_denial_response(problem(refused))
            return
        await socket.accept()
        await ChatSocket(
            socket,
            channel,
            visitors=self._visitors,
            files=self._brought,
            conversations=self._conversations,
            board=self._board,
            waiting=self._waiting,
        ).serve()

    async def _show(self, request: Request, caller: Caller) -> Response:
        channel = self._channel(request)
        host = _host(request)
        known = channel.origins.knows(host)
        language = request.query_params.get("lang", "")
        language = language if language in WORDS else language_of(request.headers.get("accept-language", ""))
        name = self._staff.of_channel(channel.name).display_name
        page = self._page.render(
            channel=channel.name,
            path=quote(channel.name),
            language=language,
            words={key: text.format(name=name) for key, text in WORDS[language].items()},
            name=name,
            version=self._versions,
            embedded="embed" in request.query_params,
            known=known,
        )
        return HTMLResponse(page, 200 if known else 403, _page_headers(channel, host if known else ""))

    async def _widget(self, request: Request, caller: Caller) -> Response:
        return _asset(request, self._assets["widget.js"], "text/javascript; charset=utf-8", SOON)

    async def _file(self, request: Request, caller: Caller) -> Response:
        name = request.path_params["file"]
        if name not in ASSETS:
            raise NoSuchRoute("There is nothing at this address")
        cache = FOREVER if request.query_params.get("v") == self._versions[name] else SOON
        return _asset(request, self._assets[name], ASSETS[name], cache)

    def _channel(self, connection: HTTPConnection) -> WebChannel:
        channel = self._channels.get(connection.path_params["name"])
        if not isinstance(channel, WebChannel):
            raise NoSuchRoute("There is nothing at this address")
        return channel

    def _welcoming(self, socket: WebSocket) -> WebChannel:
        channel = self._channel(socket)
        if not channel.origins.welcomes(socket.headers.get("origin"), _host(socket)):
            log.warning("web_chat.origin_refused", channel=channel.name)
            raise ForeignPage("This page may not use the chat")
        return channel


def _host(connection: HTTPConnection) -> str:
    return connection.headers.get("host", "")


def _page_headers(channel: WebChannel, host: str) -> dict[str, str]:
    sockets = f" ws://{host} wss://{host}" if host else ""  # older Safari does not count them as 'self'
    policy = {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self'",
        "connect-src": f"'self'{sockets}",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": " ".join(["'self'", *channel.origins.allowed]),
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
        "vary": "accept-language",
    }


def _asset(request: Request, raw: bytes, media_type: str, cache: str) -> Response:
    etag = f'"{hashlib.sha256(raw).hexdigest()[:24]}"'
    headers = {"cache-control": cache, "etag": etag, "cross-origin-resource-policy": "cross-origin"}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(raw, headers=headers, media_type=media_type)
