"""One thing that somebody did towards the worker in the demo, and what came of it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from ai_worker.conversation.turn import TurnResult
from ai_worker.demo.company import Question
from ai_worker.demo.phones import Bubble

Act = Literal["asked", "pressed", "rated", "overheard", "forged"]
"""`asked`: a message for the worker. `pressed`: one of the choices that it offered. `rated`: 有帮助 after an
answer. `overheard`: said in a group, but not to the worker. `forged`: a message that no platform has sent."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What somebody said or pressed, and what came back through the channel."""

    name: str
    """The step of the round: `knowledge`, `feishu.group` …; `sample` outside it."""

    question: Question
    asked_at: datetime
    seconds: float
    """From the first delivery of the question to the reply being shown to the contact."""

    reply: str = ""
    result: TurnResult | None = None
    replies: int = 0
    duplicates_ignored: int = 0
    problem: str = ""
    """What was not as it should be; empty when all was well."""

    act: Act = "asked"
    by_button: bool = False
    """Whether it was pressed, and not typed."""

    group: bool = False
    turn_id: str = ""
    """The turn that answered; empty when none did."""

    bubble: Bubble = field(default_factory=lambda: Bubble(""))
    """The reply with its buttons."""

    stored: bool = False
    """`rated`: whether the rating is in the store."""

    status: int = 0
    """`forged`: the HTTP status that it was answered with."""

    @property
    def ok(self) -> bool:
        """Whether all was well."""
        return not self.problem

    @property
    def expects_reply(self) -> bool:
        """Whether it is a message that the worker has to answer."""
        return self.act in ("asked", "pressed")

    @property
    def platform(self) -> str:
        """The channel's name."""
        return self.question.person.platform

    @property
    def tools(self) -> list[str]:
        """The tools that the turn called, by name."""
        return [use.name for use in self.result.tools] if self.result else []

    def public(self) -> dict[str, Any]:
        """Return the exchange as `--json` prints it."""
        result = self.result
        return {
            "name": self.name,
            "ok": self.ok,
            "channel": self.platform,
            "act": self.act,
            "by_button": self.by_button,
            "group": self.group,
            "contact": self.question.person.name,
            "question": self.question.text,
            "reply": self.reply,
            "decision": result.decision if result else None,
            "answer_id": result.answer_id if result else None,
            "citations": [
                {"document": cited.document, "title": cited.title, "quote": cited.quote}
                for cited in (result.citations if result else ())
            ],
            "tools": self.tools,
            "choices": [choice.label for choice in result.reply.choices] if result and result.reply else [],
            "replies": self.replies,
            "duplicates_ignored": self.duplicates_ignored,
            "seconds": round(self.seconds, 3),
            "problem": self.problem,
        }
