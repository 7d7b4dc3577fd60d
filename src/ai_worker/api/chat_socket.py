"""One open web chat: a visitor's page, talking and listening at once."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import msgspec
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from ai_worker.api import chat_wire as wire
from ai_worker.api.chat_files import ChatFiles
from ai_worker.api.visitors import Visitors
from ai_worker.api.waiting import Waiting
from ai_worker.channels.web.adapter import WebChannel
from ai_worker.conversation.message import Attachment
from ai_worker.conversation.store import ConversationStore
from ai_worker.foundation.errors import AiWorkerError, Busy
from ai_worker.foundation.text import clean
from ai_worker.learning.feedback import Mark
from ai_worker.pipeline.board import Board, Finished, GivenUp, Listener, Note, PersonSaid

log = structlog.get_logger(__name__)

HELLO_S = 10.0
LISTEN_S = 5.0
"""The store is looked into this often for answers that another process gave."""

HISTORY = 100
LONGEST_TEXT = 4_000
BURST = 10
PER_SECOND = 1.0
"""Messages that a page may send at once, and then each second."""

MOST_OPEN = 200
"""Turns of this page that are remembered as being waited for, and as told."""

GOING_AWAY = 1001
DEFECT = 1011
TRY_LATER = 1013
POLICY = 1008


class ChatSocket:
    """Serves one accepted socket until either side leaves."""

    def __init__(
        self,
        socket: WebSocket,
        channel: WebChannel,
        *,
        visitors: Visitors,
        files: ChatFiles,
        conversations: ConversationStore,
        board: Board,
        waiting: Waiting,
    ) -> None:
        self._socket = socket
        self._channel = channel
        self._visitors, self._files = visitors, files
        self._conversations = conversations
        self._board = board
        self._waiting = waiting
        self._visitor = ""
        self._open: OrderedDict[str, None] = OrderedDict()
        self._told: OrderedDict[str, None] = OrderedDict()
        self._listener = Listener()
        self._listens = ExitStack()
        self._conversation_known = False
        self._listening: asyncio.Task[None] | None = None
        self._bucket = _Bucket()

    async def serve(self) -> None:
        """Greet the page, then take and tell until the end."""
        try:
            if await self._greet():
                await self._take_all()
        except WebSocketDisconnect:
            return
        except Busy:
            await self._socket.close(TRY_LATER)
        finally:
            if self._listening is not None:
                self._listening.cancel()
            self._listens.close()

    async def _greet(self) -> bool:
        try:
            async with asyncio.timeout(HELLO_S):
                hello = wire.read(await self._receive())
        except TimeoutError:
            hello = None
        if not isinstance(hello, wire.Hello):
            await self._socket.close(POLICY)
            return False
        self._visitor, token = self._visitors.welcome(self._channel.name, hello.token)
        conversation = await self._conversations.find(self._channel.name, self._visitor)
        if conversation is None:
            await self._send(wire.welcome(token, [], files={}, told=self._described))
            return True
        ready = asyncio.Event()
        self._listen(conversation.id, ready)  # before the thread is read, so that nothing falls between
        thread = await self._conversations.thread(conversation.id, limit=HISTORY)
        files = await self._files.of({line.turn_id for line in thread if line.author == "contact"})
        await self._send(wire.welcome(token, thread, files=files, told=self._described))
        ready.set()
        return True

    async def _take_all(self) -> None:
        while True:
            match wire.read(await self._receive()):
                case wire.Say(id=message_id, text=text, files=files):
                    await self._take(message_id, text, files)
                case wire.Rate(turn=turn_id, rating=mark):
                    await self._take_opinion(turn_id, mark)
                case None:
                    await self._socket.close(POLICY)
                    return
                case _:  # a second hello says nothing new
                    continue

    async def _take(self, message_id: str, text: str, ids: list[str]) -> None:
        text = clean(text)
        files = await self._files.brought(self._channel.name, self._visitor, ids)
        if not (text or files) or len(text) > LONGEST_TEXT:
            await self._send(wire.refused(message_id, "chat.too_long" if text else "chat.empty"))
            return
        if (wait := self._bucket.wait()) > 0:
            await self._send(wire.refused(message_id, "chat.too_fast", wait))
            return
        try:
            accepted = await self._channel.take(self._visitor, message_id, text, files)
        except Busy as busy:
            await self._send(wire.refused(message_id, busy.code, busy.retry_after))
            return
        except AiWorkerError as error:
            await self._send(wire.refused(message_id, error.code))
            return
        in_queue = accepted.conversation_id == 0
        if in_queue:
            self._listen_to_turn(accepted.turn_id)
        else:
            self._listen(accepted.conversation_id)
        _remember(self._open, accepted.turn_id)
        await self._send(wire.kept(message_id, accepted.turn_id))
        if accepted.duplicate or in_queue:
            await self._catch_up(accepted.turn_id)

    async def _take_opinion(self, turn_id: str, mark: Mark) -> None:
        """Keep what the visitor thinks of an answer, if it is one of theirs."""
        try:
            kept = self._bucket.wait() == 0 and await self._is_theirs(turn_id)
            kept = kept and await self._channel.rate(self._visitor, turn_id, mark)
        except Busy:
            kept = False
        await self._send(wire.rated(turn_id, mark) if kept else wire.not_rated(turn_id))

    async def _is_theirs(self, turn_id: str) -> bool:
        record = await self._conversations.turn(turn_id)
        return record is not None and (record.channel, record.conversation_key) == (self._channel.name, self._visitor)

    def _listen(self, conversation_id: int, ready: asyncio.Event | None = None) -> None:
        """Begin to tell the page what happens in its conversation, from this moment on."""
        if not self._conversation_known:
            self._conversation_known = True
            self._listens.enter_context(self._board.conversation(conversation_id, self._listener))
        self._begin(ready)

    def _listen_to_turn(self, turn_id: str) -> None:
        """Tell what becomes of a message that only a queue has; its end tells which conversation it is."""
        if not self._conversation_known:
            self._listens.enter_context(self._board.turn(turn_id, self._listener))
        self._begin()

    def _begin(self, ready: asyncio.Event | None = None) -> None:
        if self._listening is None:
            self._listening = asyncio.create_task(self._tell_all(ready))
            self._listening.add_done_callback(lambda _: self._listens.close())

    async def _tell_all(self, ready: asyncio.Event | None) -> None:
        try:
            if ready is not None:
                await ready.wait()
            while not self._waiting.closed:
                if note := await self._waiting.hear(self._listener, LISTEN_S):
                    await self._tell(note)
                else:
                    await self._catch_up_all()
            await self._socket.close(GOING_AWAY)
        except (WebSocketDisconnect, RuntimeError):  # the page has left; the reader sees it too
            return
        except Exception:  # a task boundary: the page comes back by itself and is told everything then
            log.exception("web_chat.defect", channel=self._channel.name)
            await self._socket.close(DEFECT)

    async def _catch_up_all(self) -> None:
        try:
            for turn_id in list(self._open):
                await self._catch_up(turn_id)
        except Busy:
            log.warning("web_chat.store_busy", channel=self._channel.name)

    async def _catch_up(self, turn_id: str) -> None:
        """Tell of a turn that ended while nobody listened."""
        record = await self._conversations.turn(turn_id)
        if record is None or turn_id not in self._open:
            return
        if record.state == "dead":
            await self._tell(GivenUp(turn_id, record.conversation_id))
        elif record.state == "done" and record.result is not None:
            await self._tell(Finished(turn_id, record.conversation_id, record.result))

    async def _tell(self, note: Note) -> None:
        if isinstance(note, Finished | GivenUp):
            self._listen(note.conversation_id)
        if isinstance(note, Finished) and not note.result.hold:
            if note.turn_id in self._told:  # heard, and found in the store as well
                return
            _remember(self._told, note.turn_id)
        if not isinstance(note, PersonSaid) and note.turn_id not in self._open:
            await self._tell_question(note.turn_id)
        await self._send(wire.tell(note, self._described))
        if isinstance(note, GivenUp) or (isinstance(note, Finished) and not note.result.hold):
            self._open.pop(note.turn_id, None)

    def _described(self, attachment: Attachment) -> dict[str, Any]:
        return self._files.told(self._channel.name, attachment)

    async def _tell_question(self, turn_id: str) -> None:
        """Show what was asked in another window of the same visitor, before its answer."""
        record = await self._conversations.turn(turn_id)
        if record is not None:
            self._open[turn_id] = None
            await self._send(wire.said(turn_id, record.question))

    async def _receive(self) -> str | bytes:
        message: Mapping[str, Any] = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", GOING_AWAY))
        text: str | None = message.get("text")
        return text if text is not None else bytes(message["bytes"])

    async def _send(self, body: dict[str, Any]) -> None:
        await self._socket.send_text(msgspec.json.encode(body).decode())


def _remember(turns: OrderedDict[str, None], turn_id: str) -> None:
    turns[turn_id] = None
    if len(turns) > MOST_OPEN:
        turns.popitem(last=False)


class _Bucket:
    """Lets a burst through, then so many a second."""

    def __init__(self) -> None:
        self._tokens = float(BURST)
        self._at = asyncio.get_running_loop().time()

    def wait(self) -> float:
        """Take one message; return 0 if it may pass, else seconds until one may."""
        now = asyncio.get_running_loop().time()
        self._tokens = min(BURST, self._tokens + (now - self._at) * PER_SECOND)
        self._at = now
        if self._tokens < 1:
            return (1 - self._tokens) / PER_SECOND
        self._tokens -= 1
        return 0.0
