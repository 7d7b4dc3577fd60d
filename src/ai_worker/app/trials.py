"""Where the console tries skills out: beside the turns of contacts, with the same model and knowledge."""

from ai_worker.app.systems import Systems
from ai_worker.conversation.engine import TurnEngine
from ai_worker.conversation.model import ChatModel
from ai_worker.conversation.persona import Staff
from ai_worker.conversation.skill_trial import SkillTrials
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.library import Library
from ai_worker.skills.skill import Skills
from ai_worker.skills.tool import Toolbox


def make_trials(
    systems: Systems, *, staff: Staff, library: Library, model: ChatModel | None, thresholds: Thresholds, clock: Clock
) -> SkillTrials:
    """Return what tries skills out. Whoever asks there sees what everybody may."""

    def engine(tools: Toolbox, skills: Skills) -> TurnEngine:
        return TurnEngine(
            staff=staff,
            retriever=library,
            records=library,
            toolbox=tools,
            model=model,
            feedback=None,
            clock=clock,
            thresholds=thresholds,
            skills=skills,
        )

    return SkillTrials(engine, toolbox=systems.hub, preview=systems.hub.shown, clock=clock)
