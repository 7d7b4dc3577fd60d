"""The bot's cards: the choices of a clarifying question as buttons, and what a press means."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec

from ai_worker.conversation.message import Reply
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.text import shorten
from ai_worker.pipeline.channel_store import ChannelStore
from ai_worker.pipeline.store import OutboundMessage

MAX_BUTTONS, BUTTON_CHARACTERS = 6, 20
TITLE_CHARACTERS, TEXT_CHARACTERS = 64, 160
"""The platform recommends less, and cuts off what is far longer: then the words with their numbers go out."""

KEPT = timedelta(days=3)
"""For so long a card's buttons mean something; the platform's own handle is as old at most."""


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button that stands for a choice."""

    choice: str
    label: str


class _Card(msgspec.Struct):
    turn: str
    labels: dict[str, str]


_decode = msgspec.json.Decoder(_Card).decode


def fits(reply: Reply) -> bool:
    """Return whether a clarifying question can be shown as a card without losing words."""
    title, text = _split(reply.text)
    return (
        0 < len(reply.choices) <= MAX_BUTTONS
        and len({choice.id for choice in reply.choices}) == len(reply.choices)
        and len(title) <= TITLE_CHARACTERS
        and len(text) <= TEXT_CHARACTERS
    )


def choices_card(message: OutboundMessage) -> dict[str, Any]:
    """Return the card of a question that `fits`."""
    title, text = _split(message.reply.text)
    return {
        "card_type": "button_interaction",
        "main_title": {"title": title},
        **({"sub_title_text": text} if text else {}),
        "button_list": [
            {"text": shorten(choice.label, BUTTON_CHARACTERS), "style": 2, "key": choice.id}
            for choice in message.reply.choices
        ],
        "task_id": message.id,
    }


def chosen_card(task_id: str, words: str) -> dict[str, Any]:
    """Return what a card says once a button of it was pressed."""
    return {"card_type": "text_notice", "main_title": {"title": shorten(words, TITLE_CHARACTERS)}, "task_id": task_id}


async def remember(store: ChannelStore, clock: Clock, message: OutboundMessage) -> None:
    """Keep what the buttons of a card mean, before it is sent. May raise `Busy`."""
    labels = {choice.id: choice.label for choice in message.reply.choices}
    kept = msgspec.json.encode(_Card(message.turn_id, labels)).decode()
    await store.remember(message.channel, _key(message.id), kept, until=clock.now() + KEPT)


async def recall(store: ChannelStore, channel: str, told: Mapping[str, Any]) -> Pressed | None:
    """Return which choice a `template_card_event` took; `None` if it is not of a card that we know.

    May raise `Busy`.
    """
    task_id, pressed = told.get("task_id"), told.get("event_key")
    if not isinstance(task_id, str) or not isinstance(pressed, str) or not 0 < len(task_id) <= 128:
        return None
    kept = await store.recall(channel, _key(task_id))
    label = _decode(kept).labels.get(pressed) if kept is not None else None
    return None if label is None else Pressed(pressed, label)


def _split(text: str) -> tuple[str, str]:
    title, _, rest = text.strip().partition("\n")
    return title.strip(), rest.strip()


def _key(task_id: str) -> str:
    return f"card:{task_id}"
