"""Remembering what was found out about a text: within one talk the same few sentences are looked at again and again."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

Found = TypeVar("Found")


def remembered(*, texts: int, characters: int) -> Callable[[Callable[[str], Found]], Callable[[str], Found]]:
    """Return a decorator for a function that depends on one text alone and returns what nobody changes.

    Args:
        texts: How many results are kept; the one that was not asked for longest goes first.
        characters: Longer texts are looked at anew each time, so that what is kept stays small: as much as
            `texts` times this, and the results.
    """

    def around(look: Callable[[str], Found]) -> Callable[[str], Found]:
        known = lru_cache(maxsize=texts)(look)

        @wraps(look)
        def through(text: str) -> Found:
            return known(text) if len(text) <= characters else look(text)

        return through

    return around
