"""What is seen of a turn while it is at work: its words as they are written, and that it takes a while."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Self

from ai_worker.conversation.turn import TurnResult
from ai_worker.pipeline.board import Board, Delta, Note, Restart
from ai_worker.pipeline.store import Claim


class LiveAnswer:
    """Posts an answer on the board while it is being written; a turn that fails leaves nothing of it standing."""

    def __init__(self, board: Board, claim: Claim) -> None:
        self._board, self._claim = board, claim
        self._posted = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        if failed is not None and self._posted:
            self._post(Restart(self._claim.turn_id))

    def __call__(self, text: str) -> None:
        """Post the next piece."""
        self._posted += text
        self._post(Delta(self._claim.turn_id, text))

    def end(self, result: TurnResult) -> None:
        """Declare void what was posted if the answer reads otherwise (a model failed half-way)."""
        final = result.reply.text if result.reply else ""
        if not final.startswith(self._posted):
            self._post(Restart(self._claim.turn_id))

    def _post(self, note: Note) -> None:
        self._board.post(note, conversation_id=self._claim.conversation_id)


class LateNotice:
    """Something that is done once if the turn takes too long. It costs a timer, and no task unless it does."""

    def __init__(self, after_s: float, give: Callable[[], Coroutine[None, None, None]]) -> None:
        self._after_s, self._give = after_s, give
        self._timer: asyncio.TimerHandle | None = None
        self._giving: asyncio.Task[None] | None = None

    def arm(self) -> None:
        """Begin to wait."""
        self._timer = asyncio.get_running_loop().call_later(self._after_s, self._begin)

    def disarm(self) -> None:
        """It is not needed any more; one that has begun goes on."""
        if self._timer is not None:
            self._timer.cancel()

    async def given(self) -> bool:
        """Return whether it was given, once that has come to its end."""
        if self._giving is None:
            return False
        await self._giving
        return True

    def _begin(self) -> None:
        self._giving = asyncio.get_running_loop().create_task(self._give())
