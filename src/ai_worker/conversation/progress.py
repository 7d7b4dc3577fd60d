"""How far a turn has come with tools that act: kept on disk, so that a repeat of it acts only once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ai_worker.conversation.model import ChatMessage


@dataclass(frozen=True, slots=True)
class ToolUse:
    """One tool that a turn called."""

    name: str
    arguments: Mapping[str, Any]
    ok: bool
    source: str
    """Where the result came from; the error's words when `ok` is false."""

    ms: float


@dataclass(frozen=True, slots=True)
class Act:
    """One call of a tool that changes something in a business system: the intent, then also the result."""

    number: int
    """Which of the turn's calls it is, from 1; calls that only read count too."""

    key: str
    """The idempotency key, derived from turn, number, tool and arguments."""

    tool: str
    arguments: Mapping[str, Any]
    told: str | None = None
    """What the model was told of its end; `None` as long as nobody knows how it ended."""

    ok: bool = False
    """The system has done it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """A turn as far as it is beyond taking back: from here on a repeat of it goes on."""

    talk: tuple[ChatMessage, ...] = ()
    """What the model said and was told by tools, after the prompt. Its last message may want calls
    that nobody has made yet."""

    uses: tuple[ToolUse, ...] = ()
    """The calls whose end is known."""

    acts: tuple[Act, ...] = ()

    @property
    def unsure(self) -> bool:
        """Whether a call was begun of which nobody knows how it ended."""
        return any(act.told is None for act in self.acts)

    @property
    def acted(self) -> bool:
        """Whether a business system has changed something for this turn."""
        return any(act.ok for act in self.acts)

    @property
    def all_uses(self) -> tuple[ToolUse, ...]:
        """The calls as they are shown to a person, those of unknown outcome last."""
        open_ones = [act for act in self.acts if act.told is None]
        return (*self.uses, *(ToolUse(act.tool, act.arguments, False, "outcome unknown", 0.0) for act in open_ones))

    def act(self, number: int) -> Act | None:
        """Return the act that is the turn's call of this number; `None` if that one has not begun."""
        return next((act for act in self.acts if act.number == number), None)

    def done_before(self, tool: str, arguments: Mapping[str, Any]) -> Act | None:
        """Return the act that has done just this already; `None` if none has."""
        return next((act for act in self.acts if act.ok and act.tool == tool and act.arguments == arguments), None)

    def begun(self, act: Act) -> "Progress":
        """Return the progress with one more act, of unknown outcome."""
        return replace(self, acts=(*self.acts, act))

    def ended(self, act: Act, *, told: str, ok: bool) -> "Progress":
        """Return the progress with the end of an act that had begun."""
        end = replace(act, told=told, ok=ok)
        return replace(self, acts=tuple(end if each.number == act.number else each for each in self.acts))


class Notebook(Protocol):
    """Where a turn keeps its progress. The pipeline hands it in, over its store."""

    async def keep(self, progress: Progress) -> None:
        """Replace what was kept of this turn; it is durable when this returns.

        Raises:
            LeaseLost: Another runner works on the conversation: this one must do nothing more.
        """
        ...
