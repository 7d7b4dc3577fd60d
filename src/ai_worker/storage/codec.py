"""What is kept as JSON: messages, results, replies. Fields added later must have defaults."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from ai_worker.conversation.evaluation import EvalRun
from ai_worker.conversation.message import InboundMessage, Reply, Utterance
from ai_worker.conversation.progress import Progress
from ai_worker.conversation.turn import PendingQuestion, TurnResult
from ai_worker.skills.approval import Approval


def _plain(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise NotImplementedError(f"{type(value).__name__} cannot be stored as JSON")


_encoder = msgspec.json.Encoder(enc_hook=_plain)
_message = msgspec.json.Decoder(InboundMessage)
_result = msgspec.json.Decoder(TurnResult)
_reply = msgspec.json.Decoder(Reply)
_pending = msgspec.json.Decoder(PendingQuestion | None)
_progress = msgspec.json.Decoder(Progress)
_eval_run = msgspec.json.Decoder(EvalRun)
_approval = msgspec.json.Decoder(Approval)
_address = msgspec.json.Decoder(dict[str, str])
_strings = msgspec.json.Decoder(tuple[str, ...])


class _ReplyOnly(msgspec.Struct):
    """A stored result, of which only the reply is wanted; the rest is skipped unread."""

    reply: Reply | None = None


class _SaidOnly(msgspec.Struct):
    """A stored result, of which only the reply is wanted, and whether it may repeat what gives nobody orders."""

    reply: Reply | None = None
    tainted: bool = True
    """Software that did not ask itself has not written it: then nobody knows."""


class _QuestionOnly(msgspec.Struct):
    """A stored result, of which only the completed question is wanted."""

    question: str = ""


_reply_of = msgspec.json.Decoder(_ReplyOnly)
_said_of = msgspec.json.Decoder(_SaidOnly)
_question_of = msgspec.json.Decoder(_QuestionOnly)


def encode(value: Any) -> str:
    """Return `value` as JSON text; any kind of mapping will do."""
    return _encoder.encode(value).decode()


def message(text: str) -> InboundMessage:
    """Return the message that was stored."""
    return _message.decode(text)


def approval(text: str) -> Approval:
    """Return the approval that was stored."""
    return _approval.decode(text)


def result(text: str) -> TurnResult:
    """Return the result that was stored."""
    return _result.decode(text)


def reply(text: str) -> Reply:
    """Return the reply that was stored."""
    return _reply.decode(text)


def reply_of(text: str) -> Reply | None:
    """Return the reply of a stored result, without decoding the rest."""
    return _reply_of.decode(text).reply


def said_of(text: str) -> Utterance | None:
    """Return what a stored result said, as later turns are told it; `None` if it said nothing."""
    said = _said_of.decode(text)
    return None if said.reply is None else Utterance("assistant", said.reply.text, tainted=said.tainted)


def question_of(text: str) -> str:
    """Return what a stored result answers where its message alone does not say; empty where it does."""
    return _question_of.decode(text).question


def pending(text: str | None) -> PendingQuestion | None:
    """Return the pending question that was stored, if there is one."""
    return None if text is None else _pending.decode(text)


def eval_run(number: int, text: str) -> EvalRun:
    """Return the run that was stored under this number."""
    return replace(_eval_run.decode(text), number=number)


def progress(text: str | None) -> Progress | None:
    """Return how far a turn had come, if that was stored."""
    return None if text is None else _progress.decode(text)


def address(text: str) -> dict[str, str]:
    """Return the address that was stored."""
    return _address.decode(text)


def strings(text: str) -> tuple[str, ...]:
    """Return the list of words that was stored."""
    return _strings.decode(text)
