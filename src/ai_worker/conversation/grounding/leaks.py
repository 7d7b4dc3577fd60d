"""Leaks: whether a sentence repeats the worker's own instructions."""

import re
from functools import lru_cache

from ai_worker.foundation.text import fold

CHINESE = 12
"""Characters in a row, spaces and punctuation apart, that are no coincidence any more;"""

ENGLISH = 40
"""and in a language with longer words."""

_BETWEEN = re.compile(r"[\W_]+")
_HAN = re.compile(r"[\u3400-\u9fff]")


def leaks(sentence: str, instructions: str) -> bool:
    """Return whether a sentence has a long stretch of the instructions in it."""
    said = _BETWEEN.sub("", fold(sentence))
    length = CHINESE if _HAN.search(said) else ENGLISH
    if len(said) < length:
        return False
    stretches = _stretches(instructions, length)
    return any(said[at : at + length] in stretches for at in range(len(said) - length + 1))


@lru_cache(maxsize=32)
def _stretches(instructions: str, length: int) -> frozenset[str]:
    told = _BETWEEN.sub("", fold(instructions))
    return frozenset(told[at : at + length] for at in range(len(told) - length + 1))
