"""The variables and buttons of the card template: what the guide tells the administrator to lay out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ai_worker.channels.dingtalk.fields import Fields, NotJson, fields, object_of, text_of
from ai_worker.channels.dingtalk.words import card_text
from ai_worker.conversation.message import Choice
from ai_worker.foundation.text import clean
from ai_worker.learning.feedback import Mark

PROCESSING, TYPING, FINISHED = "1", "2", "3"
"""Values of `flowStatus`, by which AI card templates know how far the answer is."""

CHOICES = 5
"""Buttons `choice_1` … of the template; the text lists all choices with numbers anyway."""

THANKS: Mapping[Mark, str] = {"up": "感谢您的反馈！", "down": "感谢反馈，我们会改进。"}

MAX_ID = 256

_ACTION = "choice_"
_MARKS: Mapping[str, Mark] = {"up": "up", "down": "down"}


@dataclass(frozen=True, slots=True)
class Press:
    """One button that somebody pressed."""

    card: str
    """The card's `outTrackId`: the id of the reply that it shows."""

    contact: str
    """Staff id of who pressed it."""

    mark: Mark | None = None
    choice: int | None = None
    """Which choice, 0 for the first."""


def variables(text: str, *, flow_status: str, choices: Sequence[Choice] = (), rateable: bool = False) -> dict[str, str]:
    """Return the card's variables, every one a string; an empty label hides its button."""
    labels = [choice.label for choice in choices[:CHOICES]]
    labels += [""] * (CHOICES - len(labels))
    return {
        "content": card_text(text),
        "flowStatus": flow_status,
        "rateable": "true" if rateable else "false",
        "thanks": "",
        **{f"{_ACTION}{number}": label for number, label in enumerate(labels, start=1)},
    }


def pressed(found: Fields) -> Press | None:
    """Return which button a card callback is about; `None` if it is none of ours."""
    card, contact = clean(text_of(found, "outTrackId")), clean(text_of(found, "userId"))
    try:
        private = object_of(fields(text_of(found, "content")), "cardPrivateData")
    except NotJson:
        return None
    listed = private.get("actionIds")
    first = listed[0] if isinstance(listed, list) and listed else ""
    action = text_of(object_of(private, "params"), "action") or (first if isinstance(first, str) else "")
    if not 0 < len(card) <= MAX_ID or not 0 < len(contact) <= MAX_ID:
        return None
    if mark := _MARKS.get(action):
        return Press(card, contact, mark=mark)
    number = action.removeprefix(_ACTION)
    if action.startswith(_ACTION) and number in [str(one) for one in range(1, CHOICES + 1)]:
        return Press(card, contact, choice=int(number) - 1)
    return None


def after_choice() -> dict[str, str]:
    """Return how a card changes once something was chosen: its buttons go."""
    return {f"{_ACTION}{number}": "" for number in range(1, CHOICES + 1)}


def after_rating(mark: Mark) -> dict[str, str]:
    """Return how a card changes once it was rated: it says thanks where the buttons were."""
    return {"rateable": "false", "thanks": THANKS[mark]}


def change(shown: dict[str, str], *, to_all: bool) -> Fields:
    """Return the answer to a card callback that changes some variables, for everybody or for who pressed."""
    options = {"updateCardDataByKey": True, "updatePrivateDataByKey": True}
    where = "cardData" if to_all else "userPrivateData"
    return {"cardUpdateOptions": options, where: {"cardParamMap": shown}}
