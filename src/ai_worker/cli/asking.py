"""Asking the turn engine in this process: for a question at the command line, and for a chat there."""

from ai_worker.conversation.engine import TurnEngine
from ai_worker.conversation.message import Contact, InboundMessage, Utterance
from ai_worker.conversation.model import OnDelta
from ai_worker.conversation.turn import PendingQuestion, TurnInput, TurnResult
from ai_worker.foundation.clock import SystemClock
from ai_worker.foundation.ids import new_id

CHANNEL = "terminal"
REMEMBERED = 20
"""Utterances of a chat that a turn is told."""


class Questioner:
    """One person at the terminal, and what was said so far. Nothing of it is stored."""

    def __init__(self, engine: TurnEngine, worker: str) -> None:
        self._engine, self._worker = engine, worker
        self._history: list[Utterance] = []
        self._pending: PendingQuestion | None = None

    async def ask(self, text: str, *, on_delta: OnDelta | None = None) -> tuple[str, TurnResult]:
        """Return the id and the result of one turn.

        Args:
            text: What the person says.
            on_delta: Hears the answer as a model writes it.
        """
        turn_id = new_id("turn")
        message = InboundMessage(
            channel=CHANNEL,
            message_id=turn_id,
            conversation_key=CHANNEL,
            contact=Contact(CHANNEL),
            text=text,
            received_at=SystemClock().now(),
            standalone=not self._history,
        )
        given = TurnInput(turn_id, message, tuple(self._history), self._worker, pending=self._pending)
        result = await self._engine.run(given, on_delta=on_delta)
        self._pending = result.pending
        self._history.append(Utterance("user", text))
        if result.reply:
            self._history.append(Utterance("assistant", result.reply.text, tainted=result.tainted))
        del self._history[:-REMEMBERED]
        return turn_id, result
