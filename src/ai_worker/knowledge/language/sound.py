"""How Chinese is pronounced: without tones, and blind to what many speakers and typists confuse."""

import re
from functools import cache, lru_cache
from importlib.resources import files

TABLE = "sounds.txt"

_CONFUSED = (
    (re.compile(r"^([zcs])h"), r"\1"),
    (re.compile(r"^n(?=[aeiouv])"), "l"),
    (re.compile(r"^r"), "l"),
    (re.compile(r"^fu$"), "hu"),
    (re.compile(r"^f"), "hu"),
    (re.compile(r"([aei]n)g$"), r"\1"),
)
"""zh z, ch c, sh s; n l r; f hu; ang an, eng en, ing in."""

_LONGEST = 6
_RUN = re.compile(r"[a-z]+|[0-9]+|[\u3400-\u9fff\uf900-\ufaff]")


@cache
def _tables() -> tuple[dict[str, str], frozenset[str], dict[str, str]]:
    """Return the sound of each character, the syllables as they are typed, and each character's initial."""
    sound_of, typed, initial_of = {}, set(), {}
    for line in files(__package__).joinpath(TABLE).read_text("utf-8").splitlines():
        if not line.startswith("#"):
            syllable, characters = line.split(" ")
            typed.add(syllable)
            sound_of.update(dict.fromkeys(characters, _blurred(syllable)))
            initial_of.update(dict.fromkeys(characters, syllable[0]))
    return sound_of, frozenset(typed), initial_of


def _blurred(syllable: str) -> str:
    for pattern, one in _CONFUSED:
        syllable = pattern.sub(one, syllable)
    return syllable


def sounds(folded: str) -> list[str]:
    """Return the syllables of a text in simplified script, in order.

    A character that is not in the table stands for itself, and so does a word in Latin letters unless
    it is pinyin as people type it (`tuikuan`).
    """
    sound_of, _, _ = _tables()
    found: list[str] = []
    for run in _RUN.findall(folded):
        if run.isascii():
            found += spelled(run) or (run,)
        else:
            found.append(sound_of.get(run, run))
    return found


def initials(word: str) -> str:
    """Return the first letters of a Chinese word's syllables, as they are typed for short."""
    _, _, initial_of = _tables()
    return "".join(initial_of.get(character, character) for character in word)


@lru_cache(maxsize=4_096)
def spelled(run: str) -> tuple[str, ...]:
    """Return the syllables of two or more that a run of letters spells; empty if it is no pinyin."""
    _, typed, _ = _tables()
    best: list[tuple[str, ...] | None] = [()] + [None] * len(run)
    for end in range(1, len(run) + 1):
        for start in range(max(0, end - _LONGEST), end):
            before = best[start]
            if before is not None and run[start:end] in typed:
                longer = (*before, run[start:end])
                current = best[end]
                if current is None or len(longer) < len(current):
                    best[end] = longer
    whole = best[-1] or ()
    return tuple(map(_blurred, whole)) if len(whole) > 1 else ()
