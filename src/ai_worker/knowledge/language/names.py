"""Names of widely known companies, products and services."""

from functools import cache
from importlib.resources import files

LIST = "names.zh.txt"


@cache
def _names() -> tuple[dict[str, int], frozenset[str]]:
    """Return the longest length of a name by its first character, and the names."""
    lines = files(__package__).joinpath(LIST).read_text("utf-8").splitlines()
    names = frozenset(name for line in lines if not line.startswith("#") for name in line.split())
    longest: dict[str, int] = {}
    for name in names:
        longest[name[0]] = max(longest.get(name[0], 0), len(name))
    return longest, names


def named(bare: str) -> list[str]:
    """Return the names in a text that has no spaces, the longest at each place."""
    longest, names = _names()
    found: list[str] = []
    at = 0
    while at < len(bare):
        ends = range(min(at + longest.get(bare[at], 0), len(bare)), at + 1, -1)
        name = next((bare[at:end] for end in ends if bare[at:end] in names and _whole(bare, at, end)), "")
        if name:
            found.append(name)
        at += len(name) or 1
    return found


def _whole(bare: str, start: int, end: int) -> bool:
    """Return whether a name in Latin letters is no part of a longer word."""
    before, after = bare[start - 1 : start], bare[end : end + 1]
    letter = bare[start].isascii() and bare[start].isalpha()
    return not letter or not any(one.isascii() and one.isalpha() for one in (before, after))
