"""Streaming: a model's answer, passed on sentence by sentence while it is being written.

Two kinds of listener: one that can only be told more (`LiveText`), and one that shows the whole anew
each time, so that what was shown can be taken back (`LiveDraft`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

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


OnDraft = Callable[[str], None]
"""Hears the answer as far as it is written, all of it each time, in place of what it heard before."""


class LiveDraft:
    """Hears a model and passes on what its answer is so far, in whole sentences.

    What is passed on would pass the guard if the model stopped there: nobody is shown, even for a
    moment, what the guard is there to keep back. The reply itself replaces the draft.
    """

    def __init__(
        self,
        on_draft: OnDraft,
        *,
        material: Callable[[], Sequence[str]],
        stands: Callable[[str], bool],
        trace: Trace,
    ) -> None:
        """Listen to one model.

        Args:
            on_draft: Hears the draft.
            material: Returns what the model has been shown up to now.
            stands: Returns whether a beginning of the answer rests on something.
            trace: Times the first words.
        """
        self._on_draft = on_draft
        self._material = material
        self._stands = stands
        self._trace = trace
        self._heard = ""
        self._looked = 0
        """Where the last whole sentence ended that was looked at."""

        self.first_words_ms: float | None = None
        """Milliseconds from the turn's start to the first words passed on; `None` if there were none."""

    def __call__(self, piece: str) -> None:
        """Hear the next piece of the answer."""
        self._heard += piece
        ends = [found.end() for found in _BOUNDARY.finditer(self._heard, self._looked)]
        if not ends:
            return
        self._looked = ends[-1]
        beginning = self._heard[: self._looked]
        if declines(beginning) or not self._stands(beginning):
            return
        if ready := polished(beginning, material=self._material()):
            if self.first_words_ms is None:
                self.first_words_ms = self._trace.elapsed_ms()
            self._on_draft(ready)

    def again(self) -> None:
        """Begin anew: what was heard so far was not the answer."""
        self._heard, self._looked = "", 0


@dataclass(frozen=True, slots=True)
class Heard:
    """Those who listen to one consultation, as the one listener that a model knows."""

    live: LiveText | None
    draft: LiveDraft | None

    @classmethod
    def by(cls, live: LiveText | None, draft: LiveDraft | None) -> "Heard | None":
        """Return the listeners together; `None` if there are none, and the model need not stream."""
        return cls(live, draft) if live or draft else None

    def __call__(self, piece: str) -> None:
        """Pass on the next piece of the answer."""
        for listener in (self.live, self.draft):
            if listener is not None:
                listener(piece)

    def again(self) -> None:
        """Say that what was heard so far was not the answer. Whoever cannot take it back is not offered tools."""
        if self.draft is not None:
            self.draft.again()
