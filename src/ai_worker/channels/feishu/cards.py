"""Cards, in the platform's JSON 2.0: an answer with its buttons, and what becomes of it when one is pressed."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ai_worker.conversation.message import Choice, Reply
from ai_worker.foundation.text import shorten
from ai_worker.learning.feedback import Mark

ANSWER = "answer"
"""element_id of the words."""

MAX_CHOICES = 20
LABEL_CHARACTERS = 60

THANKS: Mapping[Mark, str] = {"up": "已收到：有帮助，谢谢！", "down": "已收到：没帮助，我们会改进，谢谢！"}
HELPED: Mapping[Mark, str] = {"up": "有帮助", "down": "没帮助"}
WRITING = "正在回答…"
"""What the list of chats shows while an answer grows."""

Card = dict[str, Any]


class Face(msgspec.Struct, frozen=True):
    """What a card shows, as it is remembered until nobody presses its buttons any more."""

    turn_id: str
    text: str
    mention: str = ""
    choices: tuple[Choice, ...] = ()
    rateable: bool = False
    chosen: str = ""
    """Label of the choice that was pressed."""

    mark: Mark | None = None
    """The latest opinion."""

    address: dict[str, str] = {}
    reply_id: str = ""
    """The reply that it is; known where the card is an entity that can be drawn anew."""

    @classmethod
    def of(cls, turn_id: str, text: str, reply: Reply, *, mention: str, address: Mapping[str, str]) -> "Face":
        """Return what a reply's last piece looks like, with the buttons of all of it."""
        return cls(
            turn_id,
            text,
            mention,
            choices=reply.choices[:MAX_CHOICES],
            rateable=reply.rateable,
            address=dict(address),
        )

    @property
    def has_buttons(self) -> bool:
        """Whether it needs a card at all."""
        return bool(self.choices) or self.rateable


def growing(text: str, *, mention: str) -> Card:
    """Return the card of an answer that is being written."""
    streaming = {"update_multi": True, "streaming_mode": True, "summary": {"content": WRITING}}
    return _card(streaming, [_words(text, mention)])


def finished(face: Face) -> Card:
    """Return the card of a whole answer."""
    elements = [_words(face.text, face.mention)]
    if face.chosen:
        elements.append(_note(f"已选择：{face.chosen}"))
    else:
        elements += [_choice(face.turn_id, number, choice) for number, choice in enumerate(face.choices, start=1)]
    if face.mark is not None:
        elements.append(_note(THANKS[face.mark]))
    elif face.rateable:
        elements.append(_ratings(face.turn_id))
    summary = {"content": shorten(face.text, 60)}
    return _card({"update_multi": True, "streaming_mode": False, "summary": summary}, elements)


def _card(config: Card, elements: list[Card]) -> Card:
    return {"schema": "2.0", "config": config, "body": {"elements": elements}}


def words(text: str, mention: str) -> str:
    """Return the Markdown of a card's words."""
    return f"<at id={mention}></at> {text}" if mention else text


def _words(text: str, mention: str) -> Card:
    return {"tag": "markdown", "element_id": ANSWER, "content": words(text, mention)}


def _note(text: str) -> Card:
    return {"tag": "markdown", "content": text, "text_size": "notation"}


def _button(label: str, value: Mapping[str, str], *, name: str, kind: str = "default") -> Card:
    return {
        "tag": "button",
        "element_id": name,
        "text": {"tag": "plain_text", "content": shorten(label, LABEL_CHARACTERS)},
        "type": kind,
        "behaviors": [{"type": "callback", "value": dict(value)}],
    }


def _choice(turn_id: str, number: int, choice: Choice) -> Card:
    value = {"turn": turn_id, "choice": choice.id}
    return _button(choice.label, value, name=f"choice_{number}", kind="primary") | {"width": "fill"}


def _ratings(turn_id: str) -> Card:
    columns = [
        {"tag": "column", "width": "auto", "elements": [_button(label, {"turn": turn_id, "rate": mark}, name=mark)]}
        for mark, label in HELPED.items()
    ]
    return {"tag": "column_set", "columns": columns}
