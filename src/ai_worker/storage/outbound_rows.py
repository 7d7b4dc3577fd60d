"""What is stored of a message that goes out, and what it is made from again: the same in every database."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from ai_worker.conversation.message import Reply
from ai_worker.foundation.clock import to_micros
from ai_worker.foundation.ids import derived_id, new_id
from ai_worker.pipeline.store import FinalState, OutboundMessage, ProactiveMessage
from ai_worker.storage import codec

LIFETIME = timedelta(hours=24)
"""How long a person's words are worth delivering."""

BETWEEN = "\n\n"
"""Between two messages that go out as one."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a send ended."""

    state: FinalState
    at: datetime
    error: str = ""
    platform_id: str = ""


def rateable(turns: Sequence[Any]) -> str | None:
    """Return the first of these turns (id, result as stored) whose reply may be rated."""
    for turn_id, result in turns:
        reply = codec.reply_of(result)
        if reply is not None and reply.rateable:
            return str(turn_id)
    return None


def outbound(messages: Sequence[OutboundMessage]) -> list[dict[str, Any]]:
    """Return rows for messages that are to be sent at once; `owner` is added when it is known."""
    return [
        {
            "id": message.id,
            "turn_id": message.turn_id,
            "conversation_id": message.conversation_id,
            "channel": message.channel,
            "address": codec.encode(message.address),
            "kind": message.kind,
            "person": "",
            "state": "sending",
            "attempts": 1,
            "created_at": to_micros(message.created_at),
            "expires_at": to_micros(message.expires_at),
            "body": codec.encode(message.reply),
        }
        for message in messages
    ]


def said(
    conversation_id: int, lane: Sequence[Any], person: str, reply: Reply, at: datetime, *, id: str = ""
) -> dict[str, Any]:
    """Return the row for a person's words; `lane` is the conversation's channel and stored address."""
    return {
        "id": id or new_id("h"),
        "turn_id": None,
        "conversation_id": conversation_id,
        "channel": lane[0],
        "address": lane[1],
        "kind": "human",
        "person": person,
        "created_at": to_micros(at),
        "expires_at": to_micros(at + LIFETIME),
        "body": codec.encode(reply),
    }


def pushed(message: ProactiveMessage) -> dict[str, Any]:
    """Return the row for a proactive message; `conversation_id` is added when it is known."""
    return {
        "id": message.id,
        "turn_id": None,
        "channel": message.channel,
        "address": codec.encode(message.address),
        "kind": "proactive",
        "person": "",
        "created_at": to_micros(message.at),
        "expires_at": to_micros(message.at + LIFETIME),
        "body": codec.encode(message.reply),
    }


def push_lane(message: ProactiveMessage) -> dict[str, Any]:
    """Return the row for the conversation in which a target's proactive messages go out: a list shows none of it."""
    return {
        "channel": message.channel,
        "key": f"push:{message.to}",
        "contact_id": message.to,
        "address": codec.encode(message.address),
        "at": to_micros(message.at),
    }


def merged(first: Reply, waiting: Sequence[Any], most_bytes: int) -> tuple[Reply, list[int]]:
    """Return a message's words with those that wait behind it, and the numbers of the rows that fitted.

    Args:
        first: What goes out in any case.
        waiting: Number, body and attempts of each row in its order. One that was tried before ends the
            row: it may be repeated only with its own words.
        most_bytes: UTF-8.
    """
    texts, taken = [first.text], list[int]()
    room = most_bytes - len(first.text.encode())
    for number, body, attempts in waiting:
        text = codec.reply(body).text
        room -= len(text.encode()) + len(BETWEEN)
        if attempts or room < 0:
            break
        texts.append(text)
        taken.append(number)
    return replace(first, text=BETWEEN.join(texts)), taken


def said_by_turn(turn_id: str) -> str:
    """Return the id of the words that a colleague said by a message of their own."""
    return derived_id("h", turn_id)
