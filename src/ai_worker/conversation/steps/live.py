"""Streaming: a model's answer, passed on sentence by sentence once it is certain to stay."""

import re

from ai_worker.conversation.model import OnDelta
from ai_worker.conversation.steps.guard import declines, polished
from ai_worker.conversation.trace import Trace

_BOUNDARY = re.compile(r"[。！？\n]|[.!?](?=\s)")


class LiveText:
    """Hears a model and passes on whole sentences as they may be shown.

    Used only where the guard withdraws nothing: grounding `open`, and no tools on offer (text before
    a tool call is no answer). A strict answer can be refused at its very end, for resting on nothing,
    so it is not streamed at all; nor is anything streamed that is ready at once.

    What is passed on is always a beginning of the guarded whole, so nothing shown has to be taken
    back unless the model fails in the middle. Then the result says something else, and whoever
    listens starts anew.
    """

    def __init__(self, on_delta: OnDelta, *, material: list[str], trace: Trace) -> None:
        self._on_delta = on_delta
        self._material = material
        self._trace = trace
        self._heard = ""
        self._shown = ""
        self._stopped = False
        self.first_words_ms: float | None = None
        """Milliseconds from the turn's start to the first words passed on; `None` if there were none."""

    def __call__(self, piece: str) -> None:
        """Hear the next piece of the answer."""
        self._heard += piece
        if _BOUNDARY.search(piece) or _BOUNDARY.search(self._heard, max(0, len(self._heard) - len(piece) - 1)):
            ends = [found.end() for found in _BOUNDARY.finditer(self._heard)]
            self._show(self._heard[: ends[-1]])

    def finish(self, text: str) -> None:
        """Pass on what is missing of the whole reply."""
        if not self._stopped and text.startswith(self._shown):
            self._pass_on(text)

    def _show(self, text: str) -> None:
        if self._stopped or declines(text):
            self._stopped = True
            return
        ready = polished(text, material=self._material)
        if ready.startswith(self._shown):
            self._pass_on(ready)
        else:
            self._stopped = True

    def _pass_on(self, text: str) -> None:
        if new := text[len(self._shown) :]:
            if self.first_words_ms is None:
                self.first_words_ms = self._trace.elapsed_ms()
            self._shown = text
            self._on_delta(new)
