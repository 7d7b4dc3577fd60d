"""What the conversations page shows of handing over: who is on duty, and the summary for whoever takes over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ai_worker.console.words import Words
from ai_worker.conversation.conversation import Conversation, State
from ai_worker.conversation.duty import Duty
from ai_worker.conversation.handoff_summary import Answered, summarise, topic
from ai_worker.conversation.store import ThreadItem


@dataclass(frozen=True, slots=True)
class OnDuty:
    """Who sees to contacts now."""

    there: bool
    """Whether anybody does."""

    text: str
    """Who and until when; or when somebody does again."""


@dataclass(frozen=True, slots=True)
class Card:
    """The summary of a conversation that waits for a person, or is a person's."""

    waited: str
    """For how long; empty once somebody has taken over."""

    first: bool
    answered: tuple[Answered, ...]
    open: tuple[str, ...]
    left_out: int
    called: str
    """Who has been told of it; empty while nobody has."""


def on_duty(t: Words, duty: Duty, now: datetime) -> OnDuty:
    """Return the line above the list."""
    there = duty.there(now)
    if there:
        ends = [person.hours.closes_at(now) or duty.hours.closes_at(now) for person in there]
        names = [person.colleague.person for person in there]
        if len(set(ends)) == 1:
            until = t("duty.until", time=t.moment(ends[0], now)) if ends[0] else ""
            return OnDuty(True, t("duty.there", names=t("duty.between").join(names)) + until)
        told = [
            name + (t("duty.until", time=t.moment(end, now)) if end else "")
            for name, end in zip(names, ends, strict=True)
        ]
        return OnDuty(True, t("duty.there", names=t("duty.between").join(told)))
    opens = duty.hours.next_opening(now)
    if opens is None or opens > now:
        when = t("duty.opens", time=t.moment(opens, now)) if opens else ""
        return OnDuty(False, t("duty.closed") + when)
    if duty.people:
        return OnDuty(False, t("duty.nobody"))
    closes = duty.hours.closes_at(now)
    return OnDuty(True, t("duty.console") + (t("duty.until", time=t.moment(closes, now)) if closes else ""))


def card(t: Words, duty: Duty, conversation: Conversation, items: Sequence[ThreadItem], now: datetime) -> Card | None:
    """Return the summary; `None` where the worker answers, or nothing has been asked."""
    if conversation.state not in (State.WAITING, State.HUMAN):
        return None
    summary, since = summarise(items), conversation.waiting_since
    called = dict.fromkeys(
        call.person.colleague.person for call in duty.calls(conversation, topic(conversation, summary), now)
    )
    return Card(
        waited=t.duration(now - since) if since else "",
        first=conversation.first_in_queue,
        answered=summary.answered,
        open=summary.open,
        left_out=summary.left_out,
        called=t("duty.between").join(called),
    )
