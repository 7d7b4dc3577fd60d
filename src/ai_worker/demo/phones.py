"""What a person of the sample company holds: the app of one platform, in which they talk to the worker.

Each phone speaks through one simulated platform; the round uses them all in the same way.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ai_worker.demo.company import Person
from ai_worker.demo.dingtalk import Said as DingtalkSaid
from ai_worker.demo.dingtalk import SimulatedDingtalk
from ai_worker.demo.dingtalk_chats import Shown as DingtalkShown
from ai_worker.demo.feishu import BOT, SimulatedFeishu
from ai_worker.demo.feishu_state import Shown as FeishuShown
from ai_worker.demo.forged import forge_dingtalk, forge_feishu, forge_wecom
from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.foundation.clock import Clock

PATIENCE_S = 10.0
"""So long a reply is waited for."""

HELPFUL = "有帮助"
FEISHU_GROUP, DINGTALK_GROUP = "oc_huaxing_service", "cidhuaxingservice=="

_FEISHU_MENTION = re.compile(r"<at (?:id|user_id)=\"?[\w-]+\"?></at> ?")
_RATINGS = {"up": HELPFUL, "down": "没帮助"}


@dataclass(frozen=True, slots=True)
class Spoken:
    """Something that a person said or pressed."""

    message_id: str
    chat: str
    """Where the reply will be: the person's private chat, or a group."""

    acknowledged: bool
    """Whether the worker's channel took it."""

    said: Any
    """What the platform knows of it."""


@dataclass(frozen=True, slots=True)
class Bubble:
    """One reply as the person sees it."""

    text: str
    buttons: tuple[str, ...] = ()
    """Labels of the buttons below it."""

    shown: Any = None
    """What the platform knows of it."""


class Phone(Protocol):
    """A platform's app."""

    has_buttons: bool
    """Whether replies come with buttons; else a person types what they would say."""

    async def say(
        self, person: Person, text: str, *, group: bool = False, mention: bool = True, again: Spoken | None = None
    ) -> Spoken:
        """Say something.

        Args:
            person: Who says it.
            text: The words.
            group: In the company's group instead of in private.
            mention: Mention the worker there.
            again: Deliver this message a second time.
        """
        ...

    async def reply(self, person: Person, spoken: Spoken) -> Bubble:
        """Return the first reply to something, waiting for it if need be."""
        ...

    def replies(self, spoken: Spoken) -> int:
        """Return how many replies came since something was said."""
        ...

    async def press(self, person: Person, bubble: Bubble, label: str) -> Spoken:
        """Press a button; where there are none, type its label."""
        ...

    def now(self, person: Person, bubble: Bubble) -> Bubble:
        """Return how a reply looks by now."""
        ...

    async def forge(self, person: Person, text: str) -> int:
        """Send the worker's callback address a message that the platform never signed; return the HTTP status."""
        ...

    def violations(self) -> Sequence[str]:
        """Return the platform's rules that the worker has broken, in words."""
        ...


class WecomPhone:
    """WeCom: a self-built application, called back over HTTP; plain text, no groups."""

    has_buttons = False

    def __init__(self, platform: SimulatedWecom, *, corp_id: str, clock: Clock) -> None:
        self._platform, self._corp_id, self._clock = platform, corp_id, clock

    async def say(
        self, person: Person, text: str, *, group: bool = False, mention: bool = True, again: Spoken | None = None
    ) -> Spoken:
        """Say something; the application is in no group."""
        assert not group, "a self-built application is in no group"
        said = await self._platform.say(person.id, text, msg_id=again.message_id if again else None)
        return Spoken(said.msg_id, person.id, said.acknowledged, said)

    async def reply(self, person: Person, spoken: Spoken) -> Bubble:
        """Return the first reply."""
        shown = await self._platform.reply_to(spoken.chat, after=spoken.said, timeout=PATIENCE_S)
        return Bubble(shown.text, shown=shown)

    def replies(self, spoken: Spoken) -> int:
        """Count the replies."""
        return len(self._platform.shown_to(spoken.chat, after=spoken.said))

    async def press(self, person: Person, bubble: Bubble, label: str) -> Spoken:
        """Type the label."""
        return await self.say(person, label)

    def now(self, person: Person, bubble: Bubble) -> Bubble:
        """Return the reply: a text does not change."""
        return bubble

    async def forge(self, person: Person, text: str) -> int:
        """Send a message that is sealed with guessed keys."""
        url, now = self._platform.callback_url, self._clock.now()
        return await forge_wecom(url, person.id, text, corp_id=self._corp_id, now=now)

    def violations(self) -> Sequence[str]:
        """Return the rules that were broken."""
        return list(self._platform.counts.violations)


class FeishuPhone:
    """Feishu: an application on a long connection; cards with buttons; groups."""

    has_buttons = True

    def __init__(self, platform: SimulatedFeishu, *, callback_url: str, clock: Clock) -> None:
        self._platform, self._callback_url, self._clock = platform, callback_url, clock

    async def say(
        self, person: Person, text: str, *, group: bool = False, mention: bool = True, again: Spoken | None = None
    ) -> Spoken:
        """Say something."""
        place = FEISHU_GROUP if group else ""
        said = await self._platform.say(
            person.id,
            text,
            group=place,
            mentions=(BOT,) if group and mention else (),
            message_id=again.message_id if again else "",
        )
        return Spoken(said.message_id, place or person.id, said.acknowledged, said)

    async def reply(self, person: Person, spoken: Spoken) -> Bubble:
        """Return the first reply."""
        shown = await self._platform.reply_to(spoken.chat, after=spoken.said, timeout=PATIENCE_S)
        return self._bubble(person, shown)

    def replies(self, spoken: Spoken) -> int:
        """Count the replies."""
        return len(self._platform.shown_to(spoken.chat, after=spoken.said))

    async def press(self, person: Person, bubble: Bubble, label: str) -> Spoken:
        """Press a button."""
        said = await self._platform.press(bubble.shown, label, user=person.id)
        return Spoken(said.message_id, bubble.shown.to, said.acknowledged, said)

    def now(self, person: Person, bubble: Bubble) -> Bubble:
        """Return how the card looks by now."""
        return self._bubble(person, bubble.shown)

    async def forge(self, person: Person, text: str) -> int:
        """Send an event that is signed with a guessed key, to the address where nobody is expected."""
        content = {"text": text}
        event = self._platform.message(person.id, "text", content, group="", mentions=(), message_id="om_forged")
        return await forge_feishu(self._callback_url, event, now=self._clock.now())

    def violations(self) -> Sequence[str]:
        """Return the rules that were broken."""
        return list(self._platform.counts.violations)

    @staticmethod
    def _bubble(person: Person, shown: FeishuShown) -> Bubble:
        text = _FEISHU_MENTION.sub(f"@{person.name} ", shown.text, count=1)
        return Bubble(text, tuple(shown.buttons) if shown.kind == "interactive" else (), shown)


class DingtalkPhone:
    """DingTalk: a robot on a Stream connection; AI cards with buttons; groups."""

    has_buttons = True

    def __init__(self, platform: SimulatedDingtalk, *, callback_url: str, clock: Clock) -> None:
        self._platform, self._callback_url, self._clock = platform, callback_url, clock

    async def say(
        self, person: Person, text: str, *, group: bool = False, mention: bool = True, again: Spoken | None = None
    ) -> Spoken:
        """Say something."""
        place = DINGTALK_GROUP if group else ""
        changes = {} if mention else {"isInAtList": False, "atUsers": []}
        told = self._platform.message(
            person.id, text, group=place, msg_id=again.message_id if again else "", senderNick=person.name, **changes
        )
        said = await self._platform.post(told, chat=place or person.id)
        return Spoken(said.msg_id, said.chat, said.acknowledged, said)

    async def reply(self, person: Person, spoken: Spoken) -> Bubble:
        """Return the first reply, once its card has stopped growing."""
        shown = await self._platform.reply_to(spoken.chat, after=spoken.said, timeout=PATIENCE_S)
        return self._bubble(person, shown)

    def replies(self, spoken: Spoken) -> int:
        """Count the replies."""
        return len(self._platform.shown_in(spoken.chat, after=spoken.said))

    async def press(self, person: Person, bubble: Bubble, label: str) -> Spoken:
        """Press a button."""
        shown: DingtalkShown = bubble.shown
        mark = self._platform.counts.shown
        action = next(action for action, words in self._actions(person, shown.card).items() if words == label)
        taken = await self._platform.press(shown.card, action, staff=person.id)
        return Spoken("", shown.chat, taken, DingtalkSaid("", shown.chat, taken, False, mark))

    def now(self, person: Person, bubble: Bubble) -> Bubble:
        """Return how the card looks by now."""
        return self._bubble(person, bubble.shown)

    async def forge(self, person: Person, text: str) -> int:
        """Send a message that is signed with a guessed secret, to the address where nobody is expected."""
        told = self._platform.message(person.id, text)
        return await forge_dingtalk(self._callback_url, told, now=self._clock.now())

    def violations(self) -> Sequence[str]:
        """Return the rules that were broken."""
        return list(self._platform.counts.violations)

    def _bubble(self, person: Person, shown: DingtalkShown) -> Bubble:
        text, buttons = shown.text, tuple[str, ...]()
        if shown.card:
            seen = self._seen(person, shown.card)
            text = "\n".join(part for part in (seen.get("content", ""), seen.get("thanks", "")) if part)
            buttons = tuple(self._actions(person, shown.card).values())
        mention = f"@{person.name} " if person.id in shown.mentions else ""
        return Bubble(mention + text, buttons, shown)

    def _seen(self, person: Person, card: str) -> dict[str, str]:
        found = self._platform.card(card)
        return found.params | found.private.get(person.id, {})

    def _actions(self, person: Person, card: str) -> dict[str, str]:
        """Return the labels that a card shows, by what their buttons send."""
        seen = self._seen(person, card)
        choices = {name: label for name, label in seen.items() if name.startswith("choice_") and label}
        return choices | (_RATINGS if seen.get("rateable") == "true" else {})
