"""Doubt: what a question asks that the best entry does not say, and questions that do not say what they are about.

Likeness says how much two wordings share. It does not see that the one word they do not share is the
matter: `退货地址` is nearly `怎么退货`, and its answer says nothing of an address.
"""

import math
from collections.abc import Sequence

from ai_worker.knowledge import confidence, terms
from ai_worker.knowledge.candidate import Candidate
from ai_worker.knowledge.fit import Question
from ai_worker.knowledge.index import View, Weights
from ai_worker.knowledge.language.meaning import MARK, lexicon, read
from ai_worker.knowledge.likeness import RELATED
from ai_worker.knowledge.passage import Passage
from ai_worker.knowledge.wording import Wording

FUNCTION_MEANINGS = frozenset(MARK + word for word in terms.FUNCTION_WORDS)

RIVALS = 5
"""So many entries beside the first are looked at for whether the question fits them as wholly."""

BARE_CHARACTERS = 1
"""A question with so few characters that matter (`能退吗`, `几点`) does not say what it is about."""

ANSWER_CHARACTERS = 1_000
"""Of a longer answer the beginning is read for what the wordings do not say."""

MATTER = frozenset("nvaijlsgx")
"""First letters of the parts of speech that carry matter: nouns, verbs, adjectives, idioms, places, foreign words."""

WORDINGS = 12
"""Of an entry that no wording found, so many are taken apart."""

Sure = tuple[float, Candidate]


def doubted(found: Sequence[Sure], question: Question, view: View) -> list[Sure]:
    """Return what was found by wording, less sure where the first leaves open what the question asks.

    What was worth an answer stays worth asking back.
    """
    if not found or found[0][0] <= confidence.TIED:
        return list(found)
    sure, first = found[0]
    passage = first.passage or view.passages([first.key])[first.key]
    heard = first.heard or tuple(map(Wording.of, (passage.title, *passage.aliases)[:WORDINGS]))
    if any(_same(question, one) for one in heard):
        return list(found)
    if is_generic(question) or _fits_several(question, heard, [one for _, one in found]):
        honest = confidence.TIED
    else:
        unmet = _Entry(passage, heard).unmet(question, view.weights("asked"))
        weighed = confidence.probability(confidence.logit(sure) - confidence.UNMET_MATTER * unmet)
        honest = max(confidence.TIED, weighed) if unmet else sure
    return [(other * honest / sure, candidate) for other, candidate in found]


def is_generic(question: Question) -> bool:
    """Return whether a question names no thing: what is to be applied for, or changed, is left open."""
    known, essence = lexicon(), question.wording.essence
    if essence.isascii():
        return False
    if sum(character not in terms.FUNCTION_WORDS for character in essence) <= BARE_CHARACTERS:
        return True
    return question.wording.meanings <= known.asking | known.acts | known.aside | FUNCTION_MEANINGS


def _same(question: Question, wording: Wording) -> bool:
    own = question.wording
    return own.essence == wording.essence or own.meanings == wording.meanings


def _fits_several(question: Question, heard: Sequence[Wording], candidates: Sequence[Candidate]) -> bool:
    """Return whether several entries say all that is asked, and more, so that nothing tells which is meant."""
    own, first = question.wording.meanings, candidates[0]
    if not any(own <= one.meanings for one in heard):
        return False
    rivals = (one for one in candidates[1 : 1 + RIVALS] if first.group != one.group and first.answer != one.answer)
    return any(own <= one.meanings for rival in rivals for one in rival.heard)


class _Entry:
    """All that an entry says, taken apart as far as a question needs it."""

    def __init__(self, passage: Passage, heard: Sequence[Wording]) -> None:
        self._written = terms.plain(" ".join((*passage.aliases, passage.text[:ANSWER_CHARACTERS])))
        self._said = frozenset[str]().union(*(one.meanings for one in heard))
        self._characters = frozenset("".join(one.bare for one in heard))

    def unmet(self, question: Question, weights: Weights) -> float:
        """Return the share of what a question means, by rarity, that the entry does not say."""
        known = lexicon()
        matter = question.wording.meanings - known.asking - known.aside - FUNCTION_MEANINGS
        left = [unit for unit in matter - self._said if unit.removeprefix(MARK) not in self._written]
        if not left:
            return 0.0
        tags = dict(terms.tagged(question.plain))
        answered = frozenset(read(terms.cut(self._written)).meanings)
        parts = []
        for unit in left:
            word = unit.removeprefix(MARK)
            if unit not in answered and tags.get(word, "n")[0] in MATTER:
                parts.append((1 - self._near(unit, word)) * weights[unit])
        return math.fsum(parts) / weights.of(matter)

    def _near(self, unit: str, word: str) -> float:
        """Return how nearly the wordings say a word: by one that is related, or by its characters."""
        if not lexicon().related.get(unit, frozenset()).isdisjoint(self._said):
            return RELATED
        if word.isascii():
            return 0.0
        return sum(character in self._characters for character in word) / len(word)
