"""What the page of skills shows: each skill with who has it, what is wrong with it, and how it scored."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ai_worker.conversation.persona import Staff
from ai_worker.conversation.skill_trial import SkillTrial, SkillTrials
from ai_worker.skills.lint import Finding, of_skill
from ai_worker.skills.scores import Score, Scores
from ai_worker.skills.shelf import SkillShelf
from ai_worker.skills.skill import Skill, chosen
from ai_worker.skills.tool import Tool

TREND = 8
"""Scores that are shown of a skill, the latest last."""


@dataclass(frozen=True, slots=True)
class SkillCard:
    """One skill, as people see it."""

    skill: Skill
    workers: tuple[str, ...]
    """Display names of those that have it; none: the settings give it to nobody, or it is switched off."""

    findings: tuple[Finding, ...]
    scores: tuple[Score, ...]
    """The oldest first."""

    @property
    def fell(self) -> bool:
        """Whether the latest score is worse than the one before."""
        return len(self.scores) > 1 and self.scores[-1].share < self.scores[-2].share


class SkillDesk:
    """Looks at the skills as the folder has them now."""

    def __init__(
        self,
        shelf: SkillShelf,
        *,
        scores: Scores,
        staff: Staff,
        tools: Callable[[], Sequence[Tool]] | None,
        trials: SkillTrials | None,
    ) -> None:
        """Prepare.

        Args:
            shelf: The skills.
            scores: What their evaluations gave.
            staff: Who has which.
            tools: Returns the connectors' tools; `None` where nobody in this process knows them.
            trials: Tries them out; `None` where no turns are taken in this process.
        """
        self._shelf = shelf
        self._scores = scores
        self._staff = staff
        self._tools = tools
        self._trials = trials

    @property
    def folder(self) -> str:
        """Where skills are put."""
        return str(self._shelf.folder)

    async def cards(self) -> list[SkillCard]:
        """Return all skills that can be used, read again if their files have changed."""
        await self._shelf.refresh()
        tools = self._tools() if self._tools is not None else None
        return [self._card(skill, tools) for skill in self._shelf.all]

    async def card(self, name: str) -> SkillCard:
        """Return one skill, read again if its files have changed.

        Raises:
            NoSuchSkill: There is none.
            SkillRefused: It cannot be used.
        """
        await self._shelf.refresh()
        return self._card(self._shelf.get(name), self._tools() if self._tools is not None else None)

    async def switch(self, name: str, *, on: bool) -> Skill:
        """Switch a skill on or off for all workers, and return it as it is now.

        Raises:
            NoSuchSkill: There is none.
            SkillRefused: It cannot be used.
            SkillNotSwitched: Its folder cannot be written.
        """
        await asyncio.to_thread(self._shelf.switch, name, on=on)
        return self._shelf.get(name)

    @property
    def may_try(self) -> bool:
        """Whether skills can be tried out here."""
        return self._trials is not None

    async def try_out(self, name: str, question: str, *, offline: bool) -> SkillTrial | None:
        """Return what a worker with this skill alone would do; `None` where nothing can be tried out.

        Raises:
            NoSuchSkill: There is none.
            SkillRefused: It cannot be used.
        """
        if self._trials is None:
            return None
        skill, worker = self._shelf.get(name), self._staff.default.name
        return await self._trials.run(skill, question, worker=worker, offline=offline)

    def refused(self) -> list[tuple[str, str]]:
        """Return the folders whose skill cannot be used, each with the reason."""
        return sorted(self._shelf.refused.items())

    def _card(self, skill: Skill, tools: Sequence[Tool] | None) -> SkillCard:
        return SkillCard(
            skill,
            tuple(
                worker.display_name
                for worker in self._staff.workers
                if skill.enabled and chosen([skill], worker.skills)
            ),
            tuple(of_skill(skill, tools)),
            tuple(self._scores.of(skill.name))[-TREND:],
        )
