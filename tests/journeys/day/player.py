"""Plays a day: contacts and colleagues write through the simulated WeCom, and what each is shown is checked in order.

A day is made of hours, an hour of scenes that go on at the same time, a scene of lines. A line is one
turn: who says what, and what everybody is shown because of it. Nothing may be left out of a line: a
message that none expects is found by the next one, or at the end.
"""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ai_worker.demo.wecom import SimulatedWecom
from ai_worker.drills.site import Site
from ai_worker.llm.scripted import ScriptedModel
from tests.journeys.day.clerk import Filled, fill

PATIENCE_S = 60.0
"""So long one message is waited for; a quiet machine takes half a second."""

LABEL = re.compile(r"c-\d+")

Words = str | Callable[[str], str]
"""Words that a message holds or, if they begin with `!`, does not; or which, by what the same was shown before it."""

Told = Mapping[str, Sequence[Sequence[Words]]]
"""Who is shown which messages."""


@dataclass(frozen=True)
class Line:
    """One turn."""

    who: str
    said: tuple[str, ...]
    """Several are a burst. `{label}` stands for the conversation that the speaker was told of last."""

    told: Told = field(default_factory=dict)
    when_down: Told | None = None
    """What is shown instead where a model is configured and fails."""

    def shown(self, *words: Words) -> "Line":
        """The speaker is shown one more message, with these words."""
        return self.to(self.who, *words)

    def to(self, who: str, *words: Words) -> "Line":
        """Somebody is shown one more message, with these words."""
        return replace(self, told={**self.told, who: [*self.told.get(who, ()), words]})

    def down(self, *words: Words) -> "Line":
        """What the speaker is shown instead while the model fails."""
        return replace(self, when_down={self.who: [words]})


def says(who: str, *said: str) -> Line:
    """Begin a line."""
    return Line(who, said)


Scene = Sequence[Line | Filled]
Hour = Sequence[Scene]


class Player:
    """Plays one day on a running installation."""

    def __init__(self, site: Site, platform: SimulatedWecom, model: ScriptedModel | None = None) -> None:
        self._site, self._platform, self._model = site, platform, model
        self.turns = 0
        self.read: Counter[str] = Counter()
        """Messages that each has been shown and that a line expected."""

    async def hour(self, scenes: Hour) -> None:
        """Play the scenes of an hour at the same time."""
        async with asyncio.TaskGroup() as group:
            for scene in scenes:
                group.create_task(self._scene(scene))

    async def later(self, told: Told) -> None:
        """Wait for what is due without anybody saying anything."""
        for who, messages in told.items():
            await self._check(who, messages, "later")

    async def _scene(self, scene: Scene) -> None:
        for line in scene:
            if isinstance(line, Filled):
                await fill(self._site, line)
            else:
                await self._line(line)

    async def _line(self, line: Line) -> None:
        self.turns += 1
        for text in line.said:
            said = await self._platform.say(line.who, text.replace("{label}", self._label(line.who)))
            assert said.acknowledged, text
        fails = self._model is not None and self._model.misbehave is not None
        told = line.when_down if fails and line.when_down is not None else line.told
        for who, messages in told.items():
            await self._check(who, messages, f"{line.who}: {' | '.join(line.said)}")

    async def _check(self, who: str, messages: Sequence[Sequence[Words]], line: str) -> None:
        begins = self.read[who]
        self.read[who] += len(messages)
        shown = await self._shown(who, self.read[who], line)
        for at, words in enumerate(messages, begins):
            text = shown[at]
            for word in words:
                wanted = word if isinstance(word, str) else word(shown[at - 1])
                found = wanted.removeprefix("!") in text
                assert found is not wanted.startswith("!"), f"{line}\n  {who} is shown: {text}\n  wanted: {wanted}"

    async def _shown(self, who: str, count: int, line: str) -> list[str]:
        with contextlib.suppress(TimeoutError):
            await self._platform.replies_to(who, count, timeout=PATIENCE_S)
        texts = [one.text for one in self._platform.shown_to(who)]
        assert len(texts) >= count, f"{line}\n  {who} is shown nothing more after: {texts[-2:]}"
        return texts[:count]

    def _label(self, who: str) -> str:
        labels = [label for one in self._platform.shown_to(who) for label in LABEL.findall(one.text)]
        return labels[-1] if labels else ""
