"""The line to the worker: what people do on their phones, and the facts that the service tells of it."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from ai_worker.demo.company import Person, Question
from ai_worker.demo.exchange import Exchange
from ai_worker.demo.phones import HELPFUL, PATIENCE_S, Bubble, Phone, Spoken
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.events import EventBus
from ai_worker.learning.feedback import Rating
from ai_worker.pipeline.facts import DuplicateReceived, MessageReceived, TurnCompleted

SETTLE_S = 0.3
"""How long a reply that must not come is waited for before we believe that it does not."""

LOOK_S = 0.05

Ratings = Callable[[str], Awaitable[list[Rating]]]
"""Returns what is stored about the answer of a turn."""


class Line:
    """Speaks through the simulated platforms, and hears the service's facts.

    Questions go one after another, so the last finished turn of a channel is the one that was just answered.
    """

    def __init__(self, phones: Mapping[str, Phone], *, ratings: Ratings, events: EventBus, clock: Clock) -> None:
        self._phones, self._ratings, self._clock = phones, ratings, clock
        self._last: dict[str, TurnCompleted] = {}
        self._silence = asyncio.Event()
        self._received, self._duplicates = Counter[str](), Counter[str]()
        events.subscribe(MessageReceived, self._came_in)
        events.subscribe(TurnCompleted, self._completed)
        events.subscribe(DuplicateReceived, self._repeated)

    def _came_in(self, fact: MessageReceived) -> None:
        self._received[fact.channel] += 1

    def _completed(self, fact: TurnCompleted) -> None:
        self._last[fact.channel] = fact
        if fact.result.decision == "silent":
            self._silence.set()

    def _repeated(self, fact: DuplicateReceived) -> None:
        self._duplicates[fact.channel] += 1

    async def ask(
        self, question: Question, *, name: str = "sample", deliveries: int = 1, group: bool = False
    ) -> Exchange:
        """Ask and wait for the reply; the message is delivered `deliveries` times, each signed anew.

        A turn that is silent on purpose (a person has taken over in the console) ends the wait too.
        """
        person, phone = question.person, self._phones[question.person.platform]

        async def say() -> Spoken:
            return await phone.say(person, question.text, group=group)

        async def repeat(spoken: Spoken) -> bool:
            times = range(deliveries - 1)
            again = [await phone.say(person, question.text, group=group, again=spoken) for _ in times]
            if again:
                await asyncio.sleep(SETTLE_S)
            return all(repeated.acknowledged for repeated in again)

        asked = Exchange(name, question, self._clock.now(), seconds=0.0, group=group)
        return await self._answered(asked, phone, say, repeat)

    async def press(self, offered: Exchange, number: int, *, name: str) -> Exchange:
        """Press the button of a choice, 1 for the first, and wait for the reply."""
        person, phone = offered.question.person, self._phones[offered.platform]
        label = offered.bubble.buttons[number - 1] if number <= len(offered.bubble.buttons) else ""
        asked = Exchange(name, Question(person, label), self._clock.now(), seconds=0.0, act="pressed", by_button=True)
        if not label:
            return replace(asked, problem="nothing was offered to press")

        async def press() -> Spoken:
            return await phone.press(person, offered.bubble, label)

        return await self._answered(asked, phone, press, _not_again)

    async def rate(self, answered: Exchange, *, name: str) -> Exchange:
        """Say that an answer helped: by its button, or in words where there is none; look whether it is stored."""
        person, phone = answered.question.person, self._phones[answered.platform]
        rated = Exchange(
            name,
            Question(person, HELPFUL),
            self._clock.now(),
            seconds=0.0,
            act="rated",
            by_button=phone.has_buttons,
        )
        if phone.has_buttons and HELPFUL not in answered.bubble.buttons:
            return replace(rated, problem="there was no button to say so")
        began = self._clock.monotonic()
        spoken = await phone.press(person, answered.bubble, HELPFUL)
        try:
            async with asyncio.timeout(PATIENCE_S):
                thanks = await self._thanks(person, phone, answered.bubble, spoken)
        except TimeoutError:
            return replace(rated, problem="nobody said thanks")
        stored = await self._ratings(answered.turn_id)
        return replace(
            rated,
            seconds=self._clock.monotonic() - began,
            reply=thanks,
            replies=phone.replies(spoken),
            stored=any((one.mark, one.channel, one.contact) == ("up", person.platform, person.id) for one in stored),
        )

    async def overhear(self, question: Question, *, name: str) -> Exchange:
        """Say something in a group without mentioning the worker, and see that nothing comes."""
        person, phone = question.person, self._phones[question.person.platform]
        before = self._received[person.platform]
        heard = Exchange(name, question, self._clock.now(), seconds=0.0, act="overheard", group=True)
        spoken = await phone.say(person, question.text, group=True, mention=False)
        await asyncio.sleep(SETTLE_S)
        if not spoken.acknowledged:
            return replace(heard, problem="the message was not acknowledged")
        received, replies = self._received[person.platform] - before, phone.replies(spoken)
        return replace(heard, replies=replies, problem="the message was received" if received else "")

    async def forge(self, question: Question, *, name: str) -> Exchange:
        """Send a message that no platform has signed, and see what it is answered with."""
        person, phone = question.person, self._phones[question.person.platform]
        before = self._received[person.platform]
        forged = Exchange(name, question, self._clock.now(), seconds=0.0, act="forged")
        status = await phone.forge(person, question.text)
        received = self._received[person.platform] - before
        return replace(forged, status=status, problem="the message was received" if received else "")

    async def _answered(
        self,
        asked: Exchange,
        phone: Phone,
        say: Callable[[], Awaitable[Spoken]],
        repeat: Callable[[Spoken], Awaitable[bool]],
    ) -> Exchange:
        """Do what is asked and wait for the reply to it."""
        platform, person = asked.platform, asked.question.person
        before = self._duplicates[platform]
        self._last.pop(platform, None)
        self._silence.clear()
        began = self._clock.monotonic()
        spoken = await say()
        try:
            (bubble, seconds), repeated = await asyncio.gather(
                self._reply(person, phone, spoken, began), repeat(spoken)
            )
        except TimeoutError:
            return replace(asked, problem=f"no reply within {PATIENCE_S:g} s")
        if not (spoken.acknowledged and repeated):
            return replace(asked, problem="the message was not acknowledged")
        turn = self._last.get(platform)
        return replace(
            asked,
            seconds=seconds,
            reply=bubble.text,
            result=turn.result if turn else None,
            turn_id=turn.turn_id if turn else "",
            replies=phone.replies(spoken),
            duplicates_ignored=self._duplicates[platform] - before,
            bubble=bubble,
        )

    async def _reply(self, person: Person, phone: Phone, spoken: Spoken, began: float) -> tuple[Bubble, float]:
        """Return the first reply, and how many seconds after `began` it came; an empty one for a silent turn.

        Raises:
            TimeoutError: Neither came.
        """
        reply = asyncio.create_task(phone.reply(person, spoken))
        silence = asyncio.create_task(self._silence.wait())
        try:
            await asyncio.wait({reply, silence}, return_when=asyncio.FIRST_COMPLETED)
            bubble = await reply if reply.done() else Bubble("")
            return bubble, self._clock.monotonic() - began
        finally:
            reply.cancel()
            silence.cancel()

    async def _thanks(self, person: Person, phone: Phone, bubble: Bubble, spoken: Spoken) -> str:
        """Return the words of thanks: what the card says now that it did not say before, or a message."""
        if not phone.has_buttons:
            return (await phone.reply(person, spoken)).text
        while (changed := phone.now(person, bubble)).text == bubble.text:  # noqa: ASYNC110  (a card tells nobody)
            await asyncio.sleep(LOOK_S)
        return changed.text.removeprefix(bubble.text).strip()


async def _not_again(_: Spoken) -> bool:
    return True
