"""The line to the worker tells what came of everything: replies, silence, ratings, what must not get in."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from ai_worker.conversation.message import Reply
from ai_worker.conversation.turn import TurnResult
from ai_worker.demo.company import GAO, LIN, Person, Question
from ai_worker.demo.line import Line
from ai_worker.demo.phones import HELPFUL, Bubble, Spoken
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.events import EventBus
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.facts import DuplicateReceived, MessageReceived, TurnCompleted

NOW = datetime(2026, 11, 22, 6, 24, tzinfo=UTC)
ASKED = Question(GAO, "怎么开发票？")
THANKS = "谢谢！"


class Scripted:
    """A phone on which the worker does as it is told."""

    def __init__(self, events: EventBus) -> None:
        self.has_buttons = True
        self.acknowledges = True
        self.buttons: tuple[str, ...] = (HELPFUL, "没帮助")
        self.takes: Callable[[bool], bool] = lambda mention: mention
        """Whether the worker receives a message that mentions it or not."""

        self.takes_forged = False
        self.thanked = False
        self._events, self._replies, self._known = events, 0, set[str]()

    async def say(
        self, person: Person, text: str, *, group: bool = False, mention: bool = True, again: Spoken | None = None
    ) -> Spoken:
        """Deliver, and have it answered at once."""
        message_id = again.message_id if again else f"m{len(self._known)}"
        if message_id in self._known:
            self._events.publish(DuplicateReceived(person.platform, "turn_1"))
        elif self.takes(mention):
            self._received(person)
            self._replies += 1
        self._known.add(message_id)
        return Spoken(message_id, person.id, self.acknowledges, None)

    def _received(self, person: Person) -> None:
        self._events.publish(MessageReceived(person.platform, 1, "turn_1", NOW))
        result = TurnResult("answer", Reply("点「开发票」。", rateable=True))
        self._events.publish(TurnCompleted(person.platform, 1, "turn_1", result, 5.0, NOW))

    async def reply(self, person: Person, spoken: Spoken) -> Bubble:
        """Show the answer."""
        return Bubble("点「开发票」。", self.buttons)

    def replies(self, spoken: Spoken) -> int:
        """Count them."""
        return self._replies

    async def press(self, person: Person, bubble: Bubble, label: str) -> Spoken:
        """Change the card."""
        self.thanked, self._replies = True, 0
        return Spoken("", person.id, True, None)

    def now(self, person: Person, bubble: Bubble) -> Bubble:
        """Show the card."""
        return Bubble(f"{bubble.text}\n{THANKS}") if self.thanked else bubble

    async def forge(self, person: Person, text: str) -> int:
        """Refuse, or let it in."""
        if self.takes_forged:
            self._received(person)
            return 200
        return 403

    def violations(self) -> Sequence[str]:
        """Break nothing."""
        return ()


class Office:
    """A line with a scripted phone at each end."""

    def __init__(self) -> None:
        self.events = EventBus()
        self.phone = Scripted(self.events)
        self.stored: list[Rating] = []
        phones = dict.fromkeys(("wecom", "feishu", "dingtalk"), self.phone)
        self.line = Line(phones, ratings=self.ratings, events=self.events, clock=SystemClock())

    async def ratings(self, turn_id: str) -> list[Rating]:
        """Return what is stored about a turn."""
        return [rating for rating in self.stored if rating.turn_id == turn_id]


@pytest.fixture
def office() -> Office:
    return Office()


async def test_a_question_gives_its_reply_its_turn_and_its_buttons(office: Office) -> None:
    asked = await office.line.ask(ASKED, deliveries=2)

    assert asked.problem == ""
    assert (asked.reply, asked.turn_id, asked.bubble.buttons) == ("点「开发票」。", "turn_1", (HELPFUL, "没帮助"))
    assert (asked.replies, asked.duplicates_ignored) == (1, 1)
    assert asked.result is not None
    assert asked.result.decision == "answer"


async def test_a_message_that_is_not_acknowledged_is_a_problem(office: Office) -> None:
    office.phone.acknowledges = False

    assert (await office.line.ask(ASKED)).problem == "the message was not acknowledged"
    assert (await office.line.overhear(ASKED, name="overheard")).problem == "the message was not acknowledged"


@pytest.mark.parametrize(
    ("contact", "stored"),
    [(GAO.id, True), (LIN.id, False)],
)
async def test_a_rating_counts_as_stored_if_it_is_this_persons(office: Office, contact: str, stored: bool) -> None:
    office.stored.append(Rating("turn_1", "up", NOW, GAO.platform, contact))
    rated = await office.line.rate(await office.line.ask(ASKED), name="helpful")

    assert (rated.problem, rated.reply, rated.by_button) == ("", THANKS, True)
    assert rated.stored is stored


async def test_without_a_button_nothing_can_be_rated_or_chosen(office: Office) -> None:
    office.phone.buttons = ()
    asked = await office.line.ask(ASKED)

    assert (await office.line.rate(asked, name="helpful")).problem == "there was no button to say so"
    assert (await office.line.press(asked, 1, name="choice")).problem == "nothing was offered to press"


async def test_what_is_not_for_the_worker_must_not_be_received(office: Office) -> None:
    assert (await office.line.overhear(ASKED, name="overheard")).problem == ""

    office.phone.takes = lambda _: True
    assert (await office.line.overhear(ASKED, name="overheard")).problem == "the message was received"


async def test_a_forged_message_must_not_be_received(office: Office) -> None:
    refused = await office.line.forge(ASKED, name="forged")
    assert (refused.problem, refused.status) == ("", 403)

    office.phone.takes_forged = True
    assert (await office.line.forge(ASKED, name="forged")).problem == "the message was received"
