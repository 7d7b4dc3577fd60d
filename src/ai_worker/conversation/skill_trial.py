"""Trying skills out: the very turn that contacts get, in a sandbox, with one skill."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ai_worker.conversation.engine import TurnEngine
from ai_worker.conversation.message import Contact, InboundMessage
from ai_worker.conversation.turn import TurnInput, TurnResult
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.ids import new_id
from ai_worker.skills.skill import Skill, Skills
from ai_worker.skills.tool import Toolbox
from ai_worker.skills.trial import OnlyThis, Preview, Sandbox, Tried

CHANNEL = "trial"

MakeEngine = Callable[[Toolbox, Skills], TurnEngine]
"""Returns an engine over these tools and skills, and else as contacts are answered by; nobody is asked for
their word in it."""


@dataclass(frozen=True, slots=True)
class SkillTrial:
    """What became of one question."""

    result: TurnResult
    used: bool
    """Whether the model read the skill."""

    tried: tuple[Tried, ...]


class SkillTrials:
    """Tries skills out; nothing is kept, sent to a contact or changed in a business system."""

    def __init__(self, engine: MakeEngine, *, toolbox: Toolbox, preview: Preview, clock: Clock) -> None:
        """Prepare.

        Args:
            engine: Makes the engine of one trial.
            toolbox: The business systems' tools.
            preview: Shows the request of a call.
            clock: Tells the time.
        """
        self._engine = engine
        self._toolbox = toolbox
        self._preview = preview
        self._clock = clock

    async def run(
        self,
        skill: Skill,
        question: str,
        *,
        worker: str,
        offline: bool = False,
        results: Mapping[str, Any] | None = None,
    ) -> SkillTrial:
        """Ask one question of a worker that has this skill alone.

        Args:
            skill: Which.
            question: What somebody says.
            worker: Who answers.
            offline: Whether tools that read are not called either.
            results: By tool, what it gives without being called.
        """
        box = Sandbox(self._toolbox, preview=self._preview, offline=offline, results=results or {})
        turn_id = new_id("turn")
        message = InboundMessage(
            channel=CHANNEL,
            message_id=turn_id,
            conversation_key=CHANNEL,
            contact=Contact(CHANNEL),
            text=question,
            received_at=self._clock.now(),
            standalone=True,
        )
        result = await self._engine(box, OnlyThis(skill)).run(TurnInput(turn_id, message, (), worker))
        used = any(step.detail == f"skill {skill.name}" for step in result.steps)
        return SkillTrial(result, used, tuple(box.tried))
