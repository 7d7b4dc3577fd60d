"""Doubt: what a question asks that the best entry does not say, and questions that do not say what they are about.

Likeness says how much two wordings share. It does not see that the one word they do not share is the
matter: `退货地址` is nearly `怎么退货`, and its answer says nothing of an address.
"""

import math
from collections.abc import Sequence
from functools import cache, lru_cache

from ai_worker.knowledge import confidence, terms
from ai_worker.knowledge.candidate import Candidate
from ai_worker.knowledge.fit import Question
from ai_worker.knowledge.language.meaning import MARK, lexicon, read
from ai_worker.knowledge.likeness import RELATED
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.view import View
from ai_worker.knowledge.wording import Wording

RIVALS = 5
"""So many entries beside the first are looked at for whether the question fits them as wholly."""

BARE_CHARACTERS = 1
"""A question with so few characters that matter (`能退吗`, `几点`) does not say what it is about."""

WRITTEN_CHARACTERS = 600
"""Of a longer answer the beginning is read for what the wordings do not say."""

WORDINGS = 12
"""Of an entry that no wording found, so many are taken apart."""

THINGS, DEEDS = frozenset("njlsgx"), frozenset("va")
"""First letters of the parts of speech that carry matter: nouns and names; verbs and adjectives."""

DEED = 0.5
"""What a verb or an adjective counts that the lexicon does not know, beside a noun: people have more of
them for the same thing."""

HOW, WHERE = f"{MARK}怎么", f"{MARK}哪里"
"""Where to do something is how to do it."""

Sure = tuple[float, Candidate]


def doubted(found: Sequence[Sure], question: Question, view: View, *, known: Sequence[Sure] = ()) -> list[Sure]:
    """Return what was found, less sure where the first, if an entry, leaves open what the question asks.

    What was worth an answer stays worth asking back.

    Args:
        found: The candidates, the best first.
        question: What is asked.
        view: Where they were found.
        known: What was found by wording, where `found` was not: what is known of an entry need not be read again.
    """
    if not found or found[0][0] <= confidence.TIED:
        return list(found)
    sure, first = found[0]
    if first.titles or (first.passage is not None and first.passage.kind != "entry"):
        honest = min(sure, confidence.TIED) if is_generic(question) else sure
    else:
        first = next((one for _, one in known if one.key == first.key), first)
        honest = _honest(sure, _Entry(first, view), [one for _, one in found], question)
    return [(other * honest / sure, candidate) for other, candidate in found]


def is_generic(question: Question) -> bool:
    """Return whether a question names no thing: what is to be applied for, or changed, is left open."""
    essence = question.wording.essence
    if essence.isascii():
        return False
    if sum(character not in terms.FUNCTION_WORDS for character in essence) <= BARE_CHARACTERS:
        return True
    return question.wording.meanings <= _without_thing()


def _honest(sure: float, entry: "_Entry", candidates: Sequence[Candidate], question: Question) -> float:
    """Return how sure an entry is, given what it says: `TIED` at least."""
    if any(_same(question, one) for one in entry.heard):
        return sure
    if is_generic(question) or _fits_several(question, entry.heard, candidates):
        return confidence.TIED
    if entry.is_of_another(question):
        return confidence.TIED
    unmet = entry.unmet(question) - confidence.UNMET_EVERYWHERE
    if unmet <= 0:
        return sure
    return max(confidence.TIED, confidence.probability(confidence.logit(sure) - confidence.UNMET_MATTER * unmet))


@cache
def _immaterial() -> frozenset[str]:
    known = lexicon()
    return known.asking | known.aside | frozenset(MARK + word for word in terms.FUNCTION_WORDS)


@cache
def _without_thing() -> frozenset[str]:
    return _immaterial() | lexicon().acts


def _same(question: Question, wording: Wording) -> bool:
    """Return whether a wording says the same, but for words that ask and words aside."""
    own = question.wording
    if own.essence == wording.essence:
        return True
    return own.meanings <= wording.meanings and wording.meanings - own.meanings <= _immaterial()


def _fits_several(question: Question, heard: Sequence[Wording], candidates: Sequence[Candidate]) -> bool:
    """Return whether several entries say all that is asked, and more, so that nothing tells which is meant."""
    own, first = question.wording.meanings, candidates[0]
    if not any(own <= one.meanings for one in heard):
        return False
    rivals = (one for one in candidates[1 : 1 + RIVALS] if first.group != one.group and first.answer != one.answer)
    return any(own <= one.meanings for rival in rivals for one in rival.heard)


@lru_cache(maxsize=4_096)
def _is_thing(unit: str) -> bool:
    """Return whether a meaning is a Chinese noun of two characters or more."""
    word = unit.removeprefix(MARK)
    return len(word) > 1 and terms.is_han(word[-1]) and terms.tagged(word)[-1][1][0] == "n"


class _Entry:
    """What an entry says, taken apart as far as a question needs it."""

    def __init__(self, found: Candidate, view: View) -> None:
        self._found = found
        self._view = view
        self.heard = found.heard or tuple(map(Wording.of, self._ways()[:WORDINGS]))
        self._said = frozenset[str]().union(*(one.meanings for one in self.heard))

    def unmet(self, question: Question) -> float:
        """Return the share of what a question means, by rarity, that the entry does not say."""
        known, weights = lexicon(), self._view.weights("asked")
        matter = question.wording.meanings - (_immaterial() - known.attributes)
        left = matter - self._said - (frozenset((WHERE,)) if HOW in self._said else frozenset())
        if not left:
            return 0.0
        tags = {} if left <= known.heads else dict(terms.tagged(question.plain))
        missing = {
            unit: self._missing(unit, tags.get(unit.removeprefix(MARK), "n")[0])
            * (1.0 if unit in known.attributes else weights[unit])
            for unit in left
        }
        whole = math.fsum(1.0 if unit in known.attributes & left else weights[unit] for unit in matter)
        if math.fsum(missing.values()) > confidence.UNMET_EVERYWHERE * whole:
            answered = self._written(left)
            missing = {unit: part for unit, part in missing.items() if unit not in answered}
        return math.fsum(missing.values()) / whole

    def is_of_another(self, question: Question) -> bool:
        """Return whether an entry is about one of a kind, and the question about another: 病假 and 产假.

        What all its wordings mean, and the question does not, is as long and ends in the same character as
        something that the question means and none of them does. What the lexicon takes for the same is no other.
        """
        own = question.wording.meanings
        asked = own - self._said
        if not asked:
            return False
        about = frozenset.intersection(*(one.meanings for one in self.heard)) - own
        related = lexicon().related
        return any(
            unit[-1] == other[-1]
            and len(unit) == len(other)
            and other not in related.get(unit, ())
            and _is_thing(unit)
            and _is_thing(other)
            for unit in asked
            for other in about
        )

    def _missing(self, unit: str, tag: str) -> float:
        """Return how much a word is missed that no wording has."""
        known = lexicon()
        if not known.related.get(unit, frozenset()).isdisjoint(self._said):
            return 1 - RELATED
        word = unit.removeprefix(MARK)
        kind = 1.0 if unit in known.heads or tag in THINGS else DEED if tag in DEEDS else 0.0
        if word.isascii():
            return kind
        characters = frozenset("".join(one.bare for one in self.heard))
        return kind * sum(character not in characters for character in word) / len(word)

    def _written(self, wanted: frozenset[str]) -> frozenset[str]:
        """Return what the answer, or a wording that was not found, has of what is wanted."""
        passage = self._passage()
        text = terms.plain(" ".join((*passage.aliases, passage.text[:WRITTEN_CHARACTERS])))
        plainly = frozenset(unit for unit in wanted if unit.removeprefix(MARK) in text)
        if not lexicon().heads.isdisjoint(wanted - plainly):
            return plainly | (wanted & frozenset(read(terms.cut(text)).meanings))
        return plainly

    def _ways(self) -> tuple[str, ...]:
        passage = self._passage()
        return (passage.title, *passage.aliases)

    def _passage(self) -> Passage:
        key = self._found.key
        return self._found.passage or self._view.passages([key])[key]
