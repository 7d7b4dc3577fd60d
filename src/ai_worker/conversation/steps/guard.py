"""Guard: what of a model's words may be shown. The check itself is in `conversation.grounding`.

Nothing here makes a model trustworthy. It keeps out what must never be shown (pictures and links
that carry data away, thoughts, the instructions, endless text) and what nothing that was shown bears out.
"""

import re
from collections.abc import Callable, Sequence

from ai_worker.conversation.grounding.addresses import presentable
from ai_worker.conversation.grounding.answer import LONGEST, Check, Grounded, Shown
from ai_worker.conversation.grounding.marks import bare
from ai_worker.conversation.grounding.orders import plain
from ai_worker.conversation.message import Utterance
from ai_worker.conversation.persona import Worker
from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.steps.prompt import Material, instructions

CUT_AT = 2
"""Times the length that is comfortable in a channel: from there on an answer is cut, at the end of a sentence."""

_SENTENCE_END = re.compile(r"[。！？!?\n]|\.(?=\s|$)")
_ANOTHER_LANGUAGE = re.compile(
    r"翻译|译成|英文|英语|中文|汉语|日文|日语|translat|english|chinese|in \w+ese\b", re.IGNORECASE
)


def polished(text: str, *, material: Sequence[str]) -> str:
    """Return a model's text without marks, pictures and unknown addresses, and not endless; empty if nothing is left.

    Args:
        text: What the model wrote, or the beginning of it up to the end of a sentence.
        material: Everything it was shown. An address may stay if it stands there letter for letter.
    """
    text = bare(presentable(text, material=material))
    return text.strip() if len(text) <= LONGEST else whole_sentences(text[:LONGEST])


def whole_sentences(text: str) -> str:
    """Return `text` up to the end of its last whole sentence; empty if there is none."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]].strip() if ends else ""


class Guard:
    """Checks one turn's answer, also while it is being written."""

    def __init__(
        self,
        material: Material,
        *,
        worker: Worker,
        words: Phrases,
        text: str,
        history: Sequence[Utterance],
        moment: str,
        comfortable: int,
        results: Callable[[], Sequence[str]],
    ) -> None:
        """Prepare the check.

        Args:
            material: What the model was shown.
            worker: Who answers; its grounding decides what the model may say of itself.
            words: The language that it answers in.
            text: The question.
            history: What was said before.
            moment: The time of day, as the model was told it.
            comfortable: Characters that read well in this channel; 0 where any length does.
            results: Returns what the tools have given so far.
        """
        self._material = material
        self._open = worker.grounding == "open"
        self._asked = (text, moment, *(said.text for said in history if said.role == "user"))
        self._orders = "\n".join(_orders(said) for said in self._asked)
        self._instructions = instructions(worker, words)
        self._any_language = self._open or _ANOTHER_LANGUAGE.search(text) is not None
        self._language = "zh" if words.language.startswith("zh") else "en"
        self._longest = min(LONGEST, CUT_AT * comfortable) if comfortable else LONGEST
        self._results = results
        self._check: Check | None = None
        self._checked: tuple[str, ...] = ()

    def of(self, text: str) -> Grounded:
        """Return what may be shown of an answer, or of its beginning up to the end of a sentence."""
        return self._now().of(text)

    def may_ask(self, question: str) -> bool:
        """Return whether a question to the contact names nothing that was neither shown nor said."""
        return self._now().may_ask(question)

    def _now(self) -> Check:
        """Return the check against what was shown up to now."""
        results = tuple(self._results())
        if self._check is None or results != self._checked:
            shown = Shown(
                tuple(self._material.texts),
                tuple(self._material.titles),
                results,
                self._asked,
                orders=self._orders,
                instructions=self._instructions,
            )
            language = "" if self._any_language else self._language
            self._check = Check(shown, own=self._open, language=language, longest=self._longest)
            self._checked = results
        return self._check


def _orders(text: str) -> str:
    """Return what of a text is orders; empty if nothing is."""
    kept = plain(text)
    return "" if kept == text.strip() else text
