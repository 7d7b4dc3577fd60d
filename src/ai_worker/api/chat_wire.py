"""What a web chat page and the server say to each other, as JSON texts over the socket.

The page begins with `hello`. Then it sends `say` with an id of its own making, and sends it again
after a reconnect until it has heard `kept` (on disk) or `refused` for that id.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec

from ai_worker.conversation.message import Attachment, Reply
from ai_worker.conversation.store import ThreadItem
from ai_worker.conversation.turn import TurnResult
from ai_worker.pipeline.board import Delta, Finished, GivenUp, Note, PersonSaid, Restart


class Hello(msgspec.Struct, tag="hello"):
    """The page is there; `token` is what it was given the first time."""

    token: str | None = None


class Say(msgspec.Struct, tag="say"):
    """The visitor says something."""

    id: Annotated[str, msgspec.Meta(pattern=r"^[0-9A-Za-z_-]{8,64}$")]
    text: str
    files: Annotated[list[str], msgspec.Meta(max_length=9)] = []
    """Ids of what the visitor has brought for it."""


class Rate(msgspec.Struct, tag="rate"):
    """The visitor says whether an answer helped. What they say later takes the place of it."""

    turn: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    rating: Literal["up", "down"]


Told = Callable[[Attachment], dict[str, Any]]
"""Returns what a page is told of a file."""

FromPage = Hello | Say | Rate
_decoder: msgspec.json.Decoder[FromPage] = msgspec.json.Decoder(FromPage)


def read(raw: str | bytes) -> FromPage | None:
    """Return what the page said; `None` if it is not of this language."""
    try:
        return _decoder.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def welcome(
    token: str, thread: Sequence[ThreadItem], *, files: Mapping[str, Sequence[Attachment]], told: Told
) -> dict[str, Any]:
    """Greet a page: its visitor's token, and what was said so far.

    Args:
        token: The visitor's.
        thread: What was said.
        files: What the visitor sent with it, by turn.
        told: What the page is told of a file.
    """
    lines = [_line(item) | {"files": [told(file) for file in _files(item, files)]} for item in thread]
    return {"type": "welcome", "token": token, "lines": lines}


def kept(message_id: str, turn_id: str) -> dict[str, Any]:
    """Tell that a message is on disk."""
    return {"type": "kept", "id": message_id, "turn": turn_id}


def refused(message_id: str, code: str, retry_after: float | None = None) -> dict[str, Any]:
    """Tell that a message was not taken; with `retry_after` the page tries again by itself."""
    return {"type": "refused", "id": message_id, "code": code, "retry_after": retry_after}


def rated(turn_id: str, rating: str) -> dict[str, Any]:
    """Tell that an opinion of an answer is on disk."""
    return {"type": "rated", "turn": turn_id, "rating": rating}


def not_rated(turn_id: str) -> dict[str, Any]:
    """Tell that it could not be kept; the visitor may say it again."""
    return {"type": "not_rated", "turn": turn_id}


def said(turn_id: str, text: str) -> dict[str, Any]:
    """Tell what the same visitor said in another window."""
    return {"type": "said", "turn": turn_id, "text": text}


def tell(note: Note, told: Told) -> dict[str, Any]:
    """Return what the page is told of a note, and of the files in it."""
    match note:
        case Delta(turn_id=turn, text=text):
            return {"type": "delta", "turn": turn, "text": text}
        case Restart(turn_id=turn):
            return {"type": "restart", "turn": turn}
        case GivenUp(turn_id=turn):
            return {"type": "failed", "turn": turn}
        case PersonSaid(reply=reply, person=person):
            files = [told(file) for file in reply.attachments]
            return {"type": "human", "name": person, **_reply(reply), "files": files}
        case Finished(turn_id=turn, result=result):
            kind = "reply" if result.reply else "silent"
            return {"type": kind, "turn": turn, "hold": result.hold, **_result(result)}


def _files(item: ThreadItem, files: Mapping[str, Sequence[Attachment]]) -> Sequence[Attachment]:
    return files.get(item.turn_id, ()) if item.author == "contact" else item.attachments


def _line(item: ThreadItem) -> dict[str, Any]:
    line: dict[str, Any] = {"author": item.author, "text": item.text, "name": item.name, "turn": item.turn_id}
    return line | _result(item.result) | {"text": item.text} if item.result else line


def _result(result: TurnResult) -> dict[str, Any]:
    citations = [{"title": each.title, "quote": each.quote} for each in result.citations]
    return _reply(result.reply) | {"citations": citations}


def _reply(reply: Reply | None) -> dict[str, Any]:
    if reply is None:
        return {"text": "", "choices": [], "rateable": False}
    choices = [{"id": each.id, "label": each.label} for each in reply.choices]
    return {"text": reply.text, "choices": choices, "rateable": reply.rateable}
