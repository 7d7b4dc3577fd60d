"""Wordings: ways to ask something, taken apart so that they can be compared in many ways."""

import msgspec

from ai_worker.knowledge import english, terms
from ai_worker.knowledge.language.meaning import read
from ai_worker.knowledge.language.sound import sounds


class Wording(msgspec.Struct, frozen=True, array_like=True):
    """A wording, taken apart. The index keeps it like this: taking apart takes longer than reading."""

    text: str
    bare: str
    """Without greetings, filler, spaces and punctuation."""

    essence: str
    """Without particles either."""

    asked: frozenset[str]
    """Its characters, pairs of characters and words."""

    meanings: frozenset[str]
    """What its words mean, each with its mark."""

    sounds: tuple[str, ...]
    """Its syllables, in order."""

    @classmethod
    def of(cls, text: str) -> "Wording":
        """Take `text` apart."""
        return cls.of_plain(terms.plain(text), text)

    @classmethod
    def of_plain(cls, plain: str, text: str) -> "Wording":
        """Take `plain` apart, which is what was made of `text`."""
        reading = read(terms.cut(english.spelled_out(plain)))
        bare = terms.bare(reading.essence)
        return cls(
            text,
            bare,
            terms.essence(bare),
            frozenset(terms.asked_terms(reading.essence)),
            frozenset(reading.meanings),
            tuple(sounds(reading.essence)),
        )

    @property
    def pairs(self) -> frozenset[str]:
        """Its pairs of neighbouring characters, of whatever script."""
        return frozenset(map("".join, zip(self.bare, self.bare[1:], strict=False))) or frozenset((self.bare,))
