"""Make a text that a regular expression takes: of the simple kinds that contracts use, and without a promise."""

import re
import string

_LETTERS = "a1A-_. /:@!+0#bB29zZ" + string.printable[:95]
"""Tried one after another for one character."""

_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?[:=!]|\(\?<[=!]|\(\?P?<\w+>|.", re.DOTALL)
_TIMES = re.compile(r"(?:([*+?])|\{(\d+)(,\d*)?\})\??")
_AROUND = ("(?=", "(?!", "(?<=", "(?<!")
MOST = 64
"""Repetitions; more are cut."""

LONGEST = 1_000
"""Characters; what nested repetitions would make of it is cut."""


def matching(pattern: str, more: int = 0) -> str:
    """Return a text that should match the whole of a pattern.

    Args:
        pattern: As ECMA-262 and Python both write it; what is beyond that gives a text that does not match.
        more: Repetitions beyond the fewest, wherever there may be more.
    """
    return _Maker(pattern, more).alternatives()


class _Maker:
    def __init__(self, pattern: str, more: int) -> None:
        self._pattern = pattern
        self._at = 0
        self._more = more

    def alternatives(self) -> str:
        """Return the text of the first alternative, and go to the end of the group."""
        first = self._sequence()
        while self._pattern[self._at : self._at + 1] == "|":
            self._at += 1
            self._sequence()
        return first

    def _sequence(self) -> str:
        made = ""
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            one = self._one()
            made = (made + one * self._times())[:LONGEST]
        return made

    def _one(self) -> str:
        token = _TOKEN.match(self._pattern, self._at)
        assert token is not None  # the last branch takes every character
        self._at = token.end()
        word = token[0]
        if word.startswith("("):
            inside = self.alternatives()
            self._at += 1
            return "" if word in _AROUND else inside
        if word in ("^", "$", "\\b", "\\B"):
            return ""
        return _character(word)

    def _times(self) -> int:
        found = _TIMES.match(self._pattern, self._at)
        if found is None:
            return 1
        self._at = found.end()
        sign, least, rest = found.groups()
        fewest = int(least) if least else int(sign == "+")
        last = rest[1:] if rest else least
        most = 1 if sign == "?" else int(last) if last else MOST
        return min(fewest + self._more, most, MOST)


def _character(word: str) -> str:
    if len(word) == 1 and word != ".":
        return word
    try:
        one = re.compile(word)
    except re.error:
        return ""
    return next((letter for letter in _LETTERS if one.fullmatch(letter)), "")
