"""Twins: knowledge that says the same twice, or says two different things about one matter.

Compared are wordings of entries, and the sentences of answers and passages. Two things that nobody is
ever shown together (other departments, other times) are no twins.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from ai_worker.foundation.text import fold, shorten
from ai_worker.knowledge import terms
from ai_worker.knowledge.keeping import Keeping
from ai_worker.knowledge.passage import Passage

Likeness = Literal["answers", "numbers", "copy", "near"]
"""`answers`: one question, different answers. `numbers`: one sentence, different numbers. `copy`: one
question with the same answer twice. `near`: questions that differ in little. In order of how bad it is."""

ORDER: tuple[Likeness, ...] = ("answers", "numbers", "copy", "near")

NEAR = 0.8
"""Dice coefficient of the pairs of neighbouring characters from which two questions are near."""

RAREST = 3
"""Pairs of characters of a question that another one must share one of, to be compared with it at all."""

CROWD = 60
"""Things that share something which so many share are not compared: that is how everybody writes."""

SENTENCE = 8
"""Characters without digits that a sentence has at least; shorter ones are alike by chance."""

FOUND = 500
"""Most twins that are told."""

_SENTENCES = re.compile(r"[。！？!?；;\n]+")
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*%?")


@dataclass(frozen=True, slots=True)
class Twins:
    """Two entries or passages that are alike in a way that somebody should look at."""

    likeness: Likeness
    one: Passage
    other: Passage
    in_one: str
    """The question or sentence that is alike, as it stands there."""

    in_other: str

    @property
    def keys(self) -> frozenset[tuple[str, str]]:
        """Both, by base and id."""
        return frozenset((_key(self.one), _key(self.other)))


def find_twins(passages: Sequence[Passage], *, among: Iterable[tuple[str, str]] | None = None) -> list[Twins]:
    """Return twins, the worst first, each two things once. CPU alone: a second for 10,000 entries.

    Args:
        passages: All that is compared.
        among: Only pairs with one of these, by base and id; `None`: all.
    """
    wanted = None if among is None else set(among)
    found: dict[frozenset[tuple[str, str]], Twins] = {}
    for twins in (*_same_questions(passages), *_other_numbers(passages), *_near_questions(passages)):
        pair = twins.keys
        if len(pair) == 2 and pair not in found and (wanted is None or pair & wanted) and _meet(twins):
            found[pair] = twins
    return sorted(found.values(), key=_badness)[:FOUND]


def _same_questions(passages: Sequence[Passage]) -> Iterator[Twins]:
    asked: dict[tuple[str, str], list[tuple[Passage, str]]] = defaultdict(list)
    for passage, wording in _wordings(passages):
        asked[passage.base, terms.essence(terms.bare(fold(wording)))].append((passage, wording))
    for alike in asked.values():
        for (one, in_one), (other, in_other) in pairwise(alike[:CROWD]):
            same = _answer(one) == _answer(other)
            yield Twins("copy" if same else "answers", one, other, in_one, in_other)


def _other_numbers(passages: Sequence[Passage]) -> Iterator[Twins]:
    """Yield what says a sentence with other numbers than something else does."""
    said: dict[tuple[str, str], dict[tuple[str, ...], tuple[Passage, str]]] = defaultdict(dict)
    for passage in passages:
        for sentence in _SENTENCES.split(passage.text):
            numbers = tuple(_NUMBER.findall(fold(sentence)))
            matter = terms.bare(_NUMBER.sub("", fold(sentence)))
            if numbers and len(matter) >= SENTENCE:
                said[passage.base, matter].setdefault(numbers, (passage, sentence.strip()))
    for alike in said.values():
        if 1 < len(alike) <= CROWD:
            for (one, in_one), (other, in_other) in pairwise(alike.values()):
                yield Twins("numbers", one, other, shorten(in_one, 200), shorten(in_other, 200))


def _near_questions(passages: Sequence[Passage]) -> Iterator[Twins]:
    asked = [(passage, wording, _pairs(wording)) for passage, wording in _wordings(passages)]
    often = Counter(pair for _, _, pairs in asked for pair in pairs)
    sharing: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, (passage, _, pairs) in enumerate(asked):
        seen = set[int]()
        for pair in sorted(pairs, key=lambda pair: (often[pair], pair))[:RAREST]:
            seen.update(sharing[passage.base, pair][-CROWD:])
            sharing[passage.base, pair].append(at)
        for other_at in sorted(seen):
            other, in_other, others = asked[other_at]
            if 2 * len(pairs & others) >= NEAR * (len(pairs) + len(others)):
                yield Twins("near", other, passage, in_other, asked[at][1])


def _wordings(passages: Sequence[Passage]) -> Iterator[tuple[Passage, str]]:
    for passage in passages:
        if passage.kind == "entry":
            for wording in (passage.title, *passage.aliases):
                yield passage, wording


def _pairs(wording: str) -> frozenset[str]:
    bare = terms.bare(fold(wording))
    return frozenset(one + other for one, other in pairwise(bare))


def _answer(passage: Passage) -> str:
    return terms.bare(fold(passage.text))


def _key(passage: Passage) -> tuple[str, str]:
    return passage.base, passage.id


def _badness(twins: Twins) -> tuple[int, str, str, str]:
    return ORDER.index(twins.likeness), twins.one.base, twins.one.id, twins.other.id


def _meet(twins: Twins) -> bool:
    """Return whether there is a reader and a moment for both; a document's own passages are one text."""
    one, other = twins.one, twins.other
    if one.kind == other.kind == "passage" and one.document_id == other.document_id:
        return False
    return _read_by_some(one.keeping, other.keeping) and _begins(one.keeping, other.keeping)


def _read_by_some(one: Keeping, other: Keeping) -> bool:
    if not one.departments or not other.departments:
        return True
    paths = [(f"{a}/", f"{b}/") for a in one.departments for b in other.departments]
    return any(a.startswith(b) or b.startswith(a) for a, b in paths)


def _begins(one: Keeping, other: Keeping) -> bool:
    """Return whether neither is over before the other begins."""
    return all(
        first.expires_at is None or then.effective_at is None or then.effective_at < first.expires_at
        for first, then in ((one, other), (other, one))
    )
