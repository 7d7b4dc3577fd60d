"""Spelling: what was typed wrongly, read as words of the knowledge that sound or look the same.

People pick the wrong homophone, type pinyin or its initials, swap two characters, or lose one. Only
what no wording contains is read anew, and only as a pair of characters that some wording contains.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from ai_worker.knowledge import english, terms
from ai_worker.knowledge.language.meaning import MARK, lexicon
from ai_worker.knowledge.language.sound import initials, sounds, spelled

SOUND, INITIALS, GAP = "#", "^", "-"
"""What the entries of the index begin with that lead from sounds, from initials, and from two characters
between which one is missing, to what is written."""

INITIALS_AT_MOST = 4

ENDING = frozenset("吗吧呢呀嘛呗")
"""Particles that end a clause. Where more than filler follows, one was hardly meant."""

_RUN = re.compile(r" ?[a-z]+ ?|[\u3400-\u9fff]+")
_HAN = re.compile(r"[\u3400-\u9fff]")


class Known(Protocol):
    """What is written in the wordings of a knowledge base."""

    def has(self, term: str) -> bool:
        """Return whether any wording has the term."""
        ...

    def written(self, key: str) -> list[tuple[str, int]]:
        """Return what is written for a sound or for initials, and in how many wordings."""
        ...


def spellings(plain: str) -> set[str]:
    """Return the entries that lead from sounds and initials to what stands in a wording."""
    found = {f"{SOUND}{_sound(pair)}:{pair}" for pair in terms.bigrams(plain)}
    found |= {f"{GAP}{three[0]}{three[2]}:{three[1]}" for three in terms.trigrams(plain)}
    for word in terms.words(plain):
        if 2 <= len(word) <= INITIALS_AT_MOST and not word.isascii():
            found.add(f"{INITIALS}{initials(word)}:{word}")
    return found


def corrected(plain: str, known: Known) -> str:
    """Return a question with what was misspelt as it is spelt in the wordings.

    English words in a Chinese sentence, which no wording has, become Chinese.
    """
    mixed = bool(_HAN.search(plain))

    def one(run: re.Match[str]) -> str:
        if run[0].isascii():
            return _latin(run[0], (plain[: run.start()][-1:], plain[run.end() :][:1]), known, mixed=mixed)
        return _han(run[0], known)

    return _RUN.sub(one, plain)


def _sound(pair: str) -> str:
    return ".".join(sounds(pair))


def _latin(spaced: str, around: tuple[str, str], known: Known, *, mixed: bool) -> str:
    run = spaced.strip()
    stem = english.stem(run)
    if known.has(stem):
        return spaced
    if ways := lexicon().said.get(stem):
        return max(ways, key=lambda way: _fits(way, around, known)) if mixed else spaced
    if meanings := lexicon().meanings.get(stem):
        return "".join(meanings).replace(MARK, "") if mixed else spaced
    syllables = spelled(run)
    if not syllables:
        found = known.written(f"{INITIALS}{run}:") if 2 <= len(run) <= INITIALS_AT_MOST else []
        return max(found, key=lambda one: (one[1], one[0]))[0] if found else spaced
    written = ""
    for at in range(0, len(syllables), 2):
        start = min(at, len(syllables) - 2)
        pairs = known.written(f"{SOUND}{syllables[start]}.{syllables[start + 1]}:")
        if not pairs:
            return spaced
        pair = max(pairs, key=lambda one: (one[1], one[0]))[0]
        written += pair[at - start :]
    return written


def _fits(way: str, around: tuple[str, str], known: Known) -> tuple[int, bool]:
    """Return how well a Chinese word stands between its neighbours, as the wordings have it."""
    before, after = around
    return known.has(before + way[0]) + known.has(way[-1] + after), known.has(way)


def _han(run: str, known: Known) -> str:
    characters, words = list(run), _words_of(run)
    for at in range(len(run) - 1):
        pair = "".join(characters[at : at + 2])
        first, second = words[at : at + 2]
        if first == second or _usual(pair, known):
            continue
        if len(first[1]) == len(second[1]) == 1:
            written = _better(pair, known, held=_held(characters, at, known), ends=_ends(run[at + 2 :]))
        else:
            written = _longer(pair, first[1], second[1], known)
        if written:
            characters[at : at + 2] = written
            words[at] = words[at + 1] = (at, written)
    return _filled("".join(characters), known)


def _usual(pair: str, known: Known) -> bool:
    """Return whether two characters stand beside each other in some wording, or are a word of the lexicon."""
    return known.has(pair) or pair in lexicon().meanings


def _words_of(run: str) -> list[tuple[int, str]]:
    """Return of each character where the word begins that it is part of, and the word."""
    found: list[tuple[int, str]] = []
    for word in terms.cut(run, new=False):
        found += [(len(found), word)] * len(word)
    return found


def _longer(pair: str, first: str, second: str, known: Known) -> str:
    """Return a pair that makes a word longer by the character beside it, written otherwise; empty if none does."""
    after = len(second) == 1
    slip = pair[1] if after else pair[0]
    if slip in terms.FUNCTION_WORDS or (len(first) > 1 and not after):
        return ""
    for written, _ in sorted(known.written(f"{SOUND}{_sound(pair)}:"), key=lambda one: (-one[1], one[0])):
        kept = written[0] == pair[0] if after else written[1] == pair[1]
        if kept and _is_word(first + written[1] if after else written[0] + second):
            return written
    return ""


def _filled(run: str, known: Known) -> str:
    """Return a run with the characters that were lost between two that no wording has beside each other."""
    words = _words_of(run)
    written = run[:1]
    for at in range(len(run) - 1):
        pair = run[at : at + 2]
        alone = len(words[at][1]) == 1, len(words[at + 1][1]) == 1
        if any(alone) and not _usual(pair, known) and terms.FUNCTION_WORDS.isdisjoint(pair):
            found = known.written(f"{GAP}{pair}:")
            written += max(((often, lost) for lost, often in found if _restored(pair, lost, alone)), default=(0, ""))[1]
        written += pair[1]
    return written


def _restored(pair: str, lost: str, alone: tuple[bool, bool]) -> bool:
    """Return whether a character between two makes a word of what was none. One that carries grammar changes more."""
    if lost in terms.FUNCTION_WORDS:
        return False
    first, second = alone
    return (first and _is_word(pair[0] + lost)) or (second and _is_word(lost + pair[1]))


def _held(characters: Sequence[str], at: int, known: Known) -> bool:
    """Return whether one of the pair at a place stands beside its other neighbour as the wordings have it."""
    before, after = characters[max(0, at - 1) : at + 1], characters[at + 1 : at + 3]
    return any(len(two) == 2 and known.has("".join(two)) for two in (before, after))


def _ends(rest: str) -> bool:
    """Return whether nothing but filler follows."""
    return not rest or lexicon().meanings.get(rest) == ()


def _better(pair: str, known: Known, *, held: bool, ends: bool) -> str:
    """Return the word that was probably meant by two characters that form none; empty if none comes near.

    Args:
        pair: What was typed.
        known: What the wordings have.
        held: Whether one of the two stands as it should beside its other neighbour: both were hardly slips.
        ends: Whether the clause ends with the pair.
    """
    if known.has(pair[::-1]) and _is_word(pair[::-1]):
        return pair[::-1]
    found = known.written(f"{SOUND}{_sound(pair)}:")
    kept = [(sum(map(str.__eq__, pair, written)), often, written) for written, often in found]
    likely = (written for same, _, written in sorted(kept, reverse=True) if same or not held)
    return next((written for written in likely if _plausible(pair, written, known, ends=ends)), "")


def _plausible(pair: str, written: str, known: Known, *, ends: bool) -> bool:
    """Return whether `written` is a word, or the only character changed is one that no wording has.

    A character that carries grammar was hardly a slip.
    """
    changed = {old for old, new in zip(pair, written, strict=True) if old != new}
    if not ends:
        changed -= ENDING
    if not changed.isdisjoint(terms.FUNCTION_WORDS):
        return False
    return _is_word(written) or (len(changed) == 1 and not known.has(*changed))


def _is_word(pair: str) -> bool:
    return len(terms.cut(pair, new=False)) == 1
