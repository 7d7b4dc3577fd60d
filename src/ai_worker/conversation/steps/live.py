"""Streaming: a model's answer, passed on sentence by sentence while it is being written.

Two kinds of listener: one that can only be told more (`LiveText`), and one that shows the whole anew
each time, so that what was shown can be taken back (`LiveDraft`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from ai_worker.conversation.grounding.answer import Grounded
from ai_worker.conversation.grounding.verdict import undecided
from ai_worker.conversation.model import OnDelta
from ai_worker.conversation.trace import Trace

_BOUNDARY = re.compile(r"[。！？\n]|[.!?](?=\s)")


Checks = Callable[[str], Grounded]
"""Returns what may be shown of an answer, or of its beginning."""


class LiveText:
    """Hears a model and passes on whole sentences as they may be shown.

    Used only where no tools are on offer: text before a tool call is no answer. The guard looks at a
    sentence for itself, so what is passed on is a beginning of the guarded whole; nothing of it is
    taken back unless the model fails in the middle. Then the result says something else, and whoever
    listens starts anew. What is ready at once is not streamed.
    """

    def __init__(self, on_delta: OnDelta, *, checks: Checks, trace: Trace) -> None:
        self._on_delta = on_delta
        self._checks = checks
        self._trace = trace
        self._heard = ""
        self._looked = 0
        self._stopped = False
        self.shown = ""
        """What was passed on."""

        self.first_words_ms: float | None = None
        """Milliseconds from the turn's start to the first words passed on; `None` if there were none."""

    def __call__(self, piece: str) -> None:
        """Hear the next piece of the answer."""
        self._heard += piece
        if self._stopped or (end := _whole(self._heard, self._looked)) is None:
            return
        self._looked = end
        beginning = self._heard[:end]
        if undecided(beginning):
            return
        ready = self._checks(beginning).text
        if ready.startswith(self.shown):
            self._pass_on(ready)
        else:
            self._stopped = True

    def finish(self, text: str) -> None:
        """Pass on what is missing of the whole reply."""
        if text.startswith(self.shown):
            self._pass_on(text)

    def _pass_on(self, text: str) -> None:
        if new := text[len(self.shown) :]:
            if self.first_words_ms is None:
                self.first_words_ms = self._trace.elapsed_ms()
            self.shown = text
            self._on_delta(new)


OnDraft = Callable[[str], None]
"""Hears the answer as far as it is written, all of it each time, in place of what it heard before."""


class LiveDraft:
    """Hears a model and passes on what its answer is so far, in whole sentences.

    What is passed on would pass the guard if the model stopped there: nobody is shown, even for a
    moment, what the guard is there to keep back. The reply itself replaces the draft.
    """

    def __init__(self, on_draft: OnDraft, *, checks: Checks, trace: Trace) -> None:
        """Listen to one model.

        Args:
            on_draft: Hears the draft.
            checks: Returns what may be shown of the beginning of an answer.
            trace: Times the first words.
        """
        self._on_draft = on_draft
        self._checks = checks
        self._trace = trace
        self._heard = ""
        self._looked = 0
        """Where the last whole sentence ended that was looked at."""

        self._shown = ""
        self.first_words_ms: float | None = None
        """Milliseconds from the turn's start to the first words passed on; `None` if there were none."""

    def __call__(self, piece: str) -> None:
        """Hear the next piece of the answer."""
        self._heard += piece
        if (end := _whole(self._heard, self._looked)) is None:
            return
        self._looked = end
        beginning = self._heard[:end]
        if undecided(beginning):
            return
        if (ready := self._checks(beginning).text) and ready != self._shown:
            if self.first_words_ms is None:
                self.first_words_ms = self._trace.elapsed_ms()
            self._shown = ready
            self._on_draft(ready)

    def again(self) -> None:
        """Begin anew: what was heard so far was not the answer."""
        self._heard, self._looked, self._shown = "", 0, ""


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


def _whole(heard: str, looked: int) -> int | None:
    """Return where the last whole sentence ends; `None` if none has ended since `looked`."""
    ends = [found.end() for found in _BOUNDARY.finditer(heard, max(0, looked - 1)) if found.end() > looked]
    return ends[-1] if ends else None
