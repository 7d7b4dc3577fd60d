"""What can be heard in a message without looking anything up: greetings, wishes, numbers.

All languages are heard at once, because people mix them.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Literal, get_args

from ai_worker.conversation.phrases import LANGUAGES, catalogue
from ai_worker.foundation.remembered import remembered
from ai_worker.foundation.text import fold
from ai_worker.learning.feedback import Mark

SmallTalk = Literal[
    "greeting", "thanks", "goodbye", "acknowledged", "identity", "praise", "laughter", "sorry", "chat", "date"
]
SMALL_TALK: tuple[SmallTalk, ...] = get_args(SmallTalk)

_CLAUSE_END = re.compile(r"[^\w\s']+|(?<=[\u3400-\u9fff])\s+|\s+(?=[\u3400-\u9fff])")
_ACKNOWLEDGED = "(?:(?:好的?|好吧|行|嗯{1,3}|哦|可以|那就?|那么|ok|okay|alright|all right|well) ?){0,2}"
REMARK, REMARKS = 40, 6
"""Characters of a remark, and clauses of a message, with which somebody says goodbye."""

_NOT_WORDS = re.compile(r"[\W_]+")
_NUMBERING = re.compile(r"^\s*[1-9]\s*[.、)）．]\s*(?=\S)")


def squash(text: str) -> str:
    """Return `text` folded and without anything but letters and digits: what remains to compare."""
    return _NOT_WORDS.sub("", fold(text))


class Hearing:
    """The `[hear]` sections of all catalogues, compiled."""

    def __init__(self) -> None:
        hear = [catalogue(language)["hear"] for language in LANGUAGES]
        self._small_talk: dict[str, SmallTalk] = {
            words: kind for kind in SMALL_TALK for part in hear for words in part[kind]
        }
        self._yes = frozenset(words for part in hear for words in part["yes"])
        self._helpful = frozenset(words for part in hear for words in part["helpful"])
        self._unhelpful = frozenset(words for part in hear for words in part["unhelpful"])
        self._none = frozenset(words for part in hear for words in part["none"])
        self._particles = re.compile(_any(part["particles"] for part in hear) + "$")
        self._asks = re.compile(_any(part["asks"] for part in hear))
        self._begs = re.compile(_any(part["begs"] for part in hear))
        self._corrects = re.compile("^" + _any(part["corrects"] for part in hear))
        self._wrong = frozenset(words for part in hear for words in part["wrong"])
        self._frame = re.compile(_any(part["frame"] for part in hear))
        self._how = re.compile(_any(part["how"] for part in hear))
        farewell = _any(part["farewell"] for part in hear)
        remark = _any(pattern for part in hear for pattern in part["remark"])
        self._farewell = re.compile(rf"^{farewell}(?![a-z])|(?<![a-z]){farewell}$")
        self._leaving = re.compile(rf"{_ACKNOWLEDGED}(?:{farewell} ?)?(?:{remark})?(?: ?{farewell})?")
        self._points_back = re.compile(_any(part["points_back"] for part in hear))
        self._ordinals = [(re.compile(part["ordinal"]), part["numbers"]) for part in hear]

    def small_talk(self, text: str) -> SmallTalk | None:
        """Return which small talk the whole message is; `None` if there is more to it.

        Of several (`好的，谢谢`) the last counts. Who says goodbye may say besides that they are off, have
        understood or will come again: `我下班了，再见`.
        """
        said = clauses(text)
        kinds = [self._kind(clause) for clause in said]
        if None not in kinds:
            return kinds[-1] if kinds else None
        return "goodbye" if self._says_goodbye(said, kinds) else None

    def _says_goodbye(self, said: Sequence[str], kinds: list[SmallTalk | None]) -> bool:
        """Return whether clauses say goodbye, and besides nothing that wants an answer."""
        if len(said) > REMARKS or not any(self._farewell.search(clause) for clause in said):
            return False
        return all(
            kind is not None or (len(clause) <= REMARK and self._leaving.fullmatch(clause))
            for clause, kind in zip(said, kinds, strict=True)
        )

    def yes(self, text: str) -> bool:
        """Return whether the whole message agrees."""
        return " ".join(clauses(text)) in self._yes

    def mark(self, text: str) -> Mark | None:
        """Return what the whole message thinks of the answer before it; `None` if it says something else."""
        words = self._particles.sub("", squash(text))
        return "up" if words in self._helpful else "down" if words in self._unhelpful else None

    def none_of_these(self, text: str) -> bool:
        """Return whether the whole message turns every choice down."""
        return " ".join(clauses(text)) in self._none

    def number(self, text: str) -> int | None:
        """Return which choice the message names, 1 for the first and -1 for the last; `None` if it names none."""
        words = " ".join(clauses(text))
        for ordinal, numbers in self._ordinals:
            if found := ordinal.fullmatch(words):
                return int(numbers.get(found[1]) or found[1])
        return None

    def asks(self, text: str) -> bool:
        """Return whether it is a question, by its mark or its words."""
        return bool(self._asks.search(fold(text)))

    def only_begs(self, clause: str) -> bool:
        """Return whether a folded clause asks for nothing but to be answered: `能告诉我一下吗`."""
        return self._begs.fullmatch(clause) is not None

    def corrected(self, text: str) -> str | None:
        """Return what a message puts in place of what was understood: `不对，我说的是运费` → `运费`.

        `None` if it corrects nothing; empty if it only says that it was wrong.
        """
        if " ".join(clauses(text)) in self._wrong:
            return ""
        folded = fold(text)
        found = self._corrects.match(folded)
        whole = text if len(text) == len(folded) else folded  # as it was written, where the places are the same
        return whole[found.end() :].strip(" ，,。.") if found else None

    def plain(self, text: str) -> str:
        """Return the words of a short answer without what only frames them: `换货的那个` → `换货`."""
        return self._frame.sub("", fold(text))

    def asks_how(self, text: str) -> bool:
        """Return whether it asks how something is done, and not how a matter stands."""
        return bool(self._how.search(fold(text)))

    def points_back(self, text: str) -> bool:
        """Return whether it leans on what was said before, as `那它什么时候到` does."""
        return bool(self._points_back.search(fold(text)))

    def _kind(self, clause: str) -> SmallTalk | None:
        return self._small_talk.get(clause) or self._small_talk.get(self._particles.sub("", clause))


@cache
def hearing() -> Hearing:
    """Return the one `Hearing`, compiled at the first message."""
    return Hearing()


@remembered(texts=2_048, characters=400)
def clauses(text: str) -> tuple[str, ...]:
    """Return the folded clauses of `text` without punctuation and emoji."""
    return tuple(clause.strip() for clause in _CLAUSE_END.split(fold(text)) if clause.strip())


def unnumbered(text: str) -> str:
    """Return `text` without the number in front: `2. 怎么换货` is the label of a choice."""
    return _NUMBERING.sub("", text)


def _any(patterns: Iterable[str]) -> str:
    return "(?:" + "|".join(f"(?:{pattern})" for pattern in patterns) + ")"
