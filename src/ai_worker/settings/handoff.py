"""Section `[handoff]`: when people are there, who they are, and what goes to them in any case."""

from datetime import date, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from ai_worker.conversation.duty import Duty, Person
from ai_worker.conversation.handoff_rules import Rules
from ai_worker.conversation.handoff_store import Colleague
from ai_worker.conversation.office_hours import BadHours, OfficeHours, parse_week


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) and value.strip() else ([] if value == "" else value)


def _hours(lines: tuple[str, ...]) -> tuple[str, ...]:
    try:
        parse_week(lines)
    except BadHours as wrong:
        raise PydanticCustomError("hours", "hours", {"why": str(wrong)}) from None
    return lines


def _spoken(words: tuple[str, ...]) -> tuple[str, ...]:
    if not all(word.strip() for word in words):  # an empty word is in every message
        raise PydanticCustomError("empty", "empty")
    return words


Hours = Annotated[tuple[str, ...], BeforeValidator(_one_or_many), AfterValidator(_hours)]
Spoken = Annotated[tuple[str, ...], AfterValidator(_spoken)]
Named = Annotated[str, Field(min_length=1, max_length=64)]


class PersonSettings(BaseModel):
    """One colleague on the duty roster."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Named
    """What the colleague is called, in the console and to colleagues."""

    channel: str
    """The channel in which the colleague is reached: one in which people can be written to first."""

    contact: Named
    """Who they are in that channel: the platform's own id of them, as the console shows it."""

    departments: tuple[str, ...] = ()
    """Departments whose contacts go to this colleague first, as the platform's directory calls them."""

    topics: Spoken = ()
    """Words; contacts who ask for one of them go to this colleague first."""

    hours: Hours = ()
    """When this colleague is there; empty: as long as the others."""


class HandoffSettings(BaseModel):
    """When people see to contacts, and who."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: Hours = ()
    """When people are there, in `time_zone`: `"Mon-Fri 09:00-12:00 13:30-18:00"`, several lines as a list.
    Empty: always."""

    holidays: tuple[date, ...] = ()
    """Days off: `[2026-10-01, 2026-10-02]`."""

    workdays: tuple[date, ...] = ()
    """Days that are worked although the week or `holidays` says otherwise: make-up workdays. The hours are that
    weekday's or, where it has none, those of the first weekday that has some."""

    sensitive: Spoken = ()
    """Words and phrases; a message that holds one goes to a person, whatever the worker knows."""

    vip: Spoken = ()
    """Contacts who talk to people and come first in the queue: `CHANNEL/CONTACT` or, on every channel, the
    contact's id alone."""

    remind_after_min: int = Field(default=10, ge=0, le=1440)
    """Minutes, in open hours, after which a colleague who was called is reminded; after as many more the
    next one is called. 0: only the first is called, once."""

    people: tuple[PersonSettings, ...] = ()
    """The duty roster, in order: whoever stands further down is the substitute. One `[[handoff.people]]` each.
    Empty: people answer in the console alone."""

    def office_hours(self, zone: str, own: tuple[str, ...] = ()) -> OfficeHours:
        """Return when people are there, or one of them who has hours of their own."""
        return OfficeHours(
            parse_week(own or self.hours), ZoneInfo(zone), frozenset(self.holidays), frozenset(self.workdays)
        )

    def rules(self) -> Rules:
        """Return what goes to a person in any case."""
        return Rules(self.sensitive, frozenset(self.vip))

    def duty(self, zone: str) -> Duty:
        """Return the duty roster."""
        people = [
            Person(
                Colleague(one.name, one.channel, one.contact),
                self.office_hours(zone, one.hours),
                one.departments,
                one.topics,
            )
            for one in self.people
        ]
        return Duty(people, hours=self.office_hours(zone), remind_after=timedelta(minutes=self.remind_after_min))
