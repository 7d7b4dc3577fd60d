"""Support: whether a sentence says what a text says, by its words, its numbers and its negations.

No model judges the model. What is compared are words; so a claim that is right but worded with none
of its source's words is refused, and one that twists its source in the source's own words is found
only where a number, a name or a negation gives it away.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from ai_worker.conversation.grounding.facts import numbers
from ai_worker.conversation.grounding.sentences import clauses, split
from ai_worker.foundation.text import fold

PAIRS_COUNT = 0.6
"""How much of the likeness of Chinese texts is that of their pairs of characters; the rest is single ones."""

TOGETHER = 3
"""Sentences of one source that a sentence may be put together from."""

SAME_CLAUSE = 0.6
"""From here on two clauses speak of the same, so that one may contradict the other."""

WORTH_COMPARING = 3
"""Terms that a clause must have to be found inside a longer one,"""

INSIDE = 0.9
"""which counts a little less than the other way round."""

ANOTHER_FITS = 0.75
"""A clause that fits this well, compared with the best one, may be what was meant instead."""

REMEMBERED, REMEMBERED_CHARACTERS = 128, 2_000
"""Sources that stay taken apart, and how long they may be: one of 400 characters is about 22 KB."""

_RUN = re.compile(r"[\u3400-\u9fff]+|[a-z][a-z']*")
_FUNCTION = frozenset(
    "的了吗呢啊吧呀哦嘛么我你您他她它们这那是有在和与或也都就还要会能可以请为什怎如何下一个把被对到从上里去来得地着过很将则即由于及等而且并但若其所向给让"
)
_GRAMMAR = """
a an the is are was were be been do does did to of in on for with and or by at as from that this it its i you he she we
they your our their his her my me us them can could may might will would shall should must have has had if then so than
there here what which who when where how please also within after before into about up out any all each
"""
_ENGLISH = frozenset(_GRAMMAR.split())
_NOT = re.compile(
    r"不得不|不能不|非[^，。]{1,4}不可"  # two that cancel out come first, and count as none
    r"|(?P<no>不(?!锈|同|错|仅|断|但|论|管|动产|妨|少于|超过|低于|高于|晚于|早于|大于|小于|到\s*\d|止)|没(?!关系|问题)|无(?!线|人机|论|忧|需担心|理由|障碍|缝|纺|烟|糖|限)|"
    r"未(?!来|必)|非(?!常|洲|凡)|勿|禁止|拒绝|谢绝|免(?=收|费|除|交|税)|"
    r"\bnot?\b|n't\b|\bnever\b|\bnone\b|\bwithout\b|\bcannot\b|\bprohibited\b|\bforbidden\b)"
)


_BEARS = re.compile(
    r"(?:(?P<us>我们|我司|我方|本公司|商家|卖家|平台)|(?P<you>您|你|买家|客户|用户|顾客|消费者))(?:自行|自己|来|需要?|要)*(?:承担|支付|负责|负担|出|付|缴)"
)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a text is compared by."""

    characters: frozenset[str] = frozenset()
    pairs: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()

    def __or__(self, other: "Terms") -> "Terms":
        return Terms(self.characters | other.characters, self.pairs | other.pairs, self.words | other.words)

    def __sub__(self, other: "Terms") -> "Terms":
        return Terms(self.characters - other.characters, self.pairs - other.pairs, self.words - other.words)

    def __bool__(self) -> bool:
        return bool(self.characters or self.words)

    @property
    def chinese(self) -> bool:
        """Whether the text is in Chinese, foreign names in it apart."""
        return 2 * len(self.characters) >= len(self.words)

    def share_in(self, other: "Terms") -> float:
        """Return which share of these terms the other text has, 0..1."""
        han, latin = len(self.characters), 2 * len(self.words)
        if not han + latin:
            return 0.0
        single = len(self.characters & other.characters) / han if han else 0.0
        paired = len(self.pairs & other.pairs) / len(self.pairs) if self.pairs else single
        in_han = (1 - PAIRS_COUNT) * single + PAIRS_COUNT * paired
        in_latin = len(self.words & other.words) / len(self.words) if self.words else 0.0
        return (han * in_han + latin * in_latin) / (han + latin)


@lru_cache(maxsize=8_192)
def terms(text: str) -> Terms:
    """Return the terms of a text, without words that carry grammar only."""
    characters: set[str] = set()
    pairs: set[str] = set()
    words: set[str] = set()
    for run in _RUN.findall(fold(text)):
        if not "\u3400" <= run[0] <= "\u9fff":
            if run not in _ENGLISH:
                words.add(stem(run))
            continue
        characters.update(character for character in run if character not in _FUNCTION)
        pairs.update(pair for at in range(len(run) - 1) if not _FUNCTION.issuperset(pair := run[at : at + 2]))
    return Terms(frozenset(characters), frozenset(pairs), frozenset(words))


def joined(parts: Iterable[Terms]) -> Terms:
    """Return the terms of several texts together."""
    whole = Terms()
    for part in parts:
        whole |= part
    return whole


@dataclass(frozen=True, slots=True)
class Source:
    """One text that was shown, taken apart."""

    sentences: tuple[Terms, ...]
    clauses: tuple["Clause", ...]
    title: Terms
    whole: Terms = field(default_factory=Terms)

    @classmethod
    def of(cls, text: str, *, title: str = "") -> "Source":
        """Take a text apart, or remember how it was: the same few passages answer most questions."""
        return (
            _taken_apart(text, title) if len(text) <= REMEMBERED_CHARACTERS else _taken_apart.__wrapped__(text, title)
        )

    def nearest(self, said: Terms) -> Terms:
        """Return the terms of the few sentences here that are most like a sentence, and of the title."""
        best = sorted(self.sentences, key=said.share_in, reverse=True)[:TOGETHER]
        return joined(best) | self.title

    def share_of(self, said: Terms) -> float:
        """Return which share of a sentence's terms stands in those."""
        return said.share_in(self.nearest(said))


@lru_cache(maxsize=REMEMBERED)
def _taken_apart(text: str, title: str) -> Source:
    parts = split(text)
    sentences = tuple(terms(part) for part in parts)
    pieces = tuple(Clause.of(piece) for part in parts for piece in clauses(part))
    return Source(sentences, pieces, terms(title), joined(sentences))


@dataclass(frozen=True, slots=True)
class Clause:
    """The smallest piece that has a number or a negation of its own."""

    terms: Terms
    numbers: frozenset[str]
    negative: bool
    bearer: str
    """Who pays or does it: `us`, `you`, or nobody who is named."""

    @classmethod
    def of(cls, text: str) -> "Clause":
        """Take a clause apart."""
        folded = fold(text)
        denials = sum(1 for found in _NOT.finditer(folded) if found["no"])
        bearer = _BEARS.search(folded)
        return cls(terms(text), numbers(text), denials % 2 == 1, (bearer.lastgroup or "") if bearer else "")


def contradicts(sentence: str, sources: Sequence[Source]) -> bool:
    """Return whether a sentence says the opposite of what the sources say, or another number in its place.

    A clause is compared with the one that is most like it. It contradicts that one if one of them is
    denied and the other is not, or if both have numbers and no number is the same; unless a clause
    that is about as like it agrees.
    """
    return bool(sources) and any(_contradicts(Clause.of(piece), sources) for piece in clauses(sentence))


def _contradicts(said: Clause, sources: Sequence[Source]) -> bool:
    if len(said.terms.characters) + len(said.terms.words) < 2:
        return False
    clauses = [clause for source in sources for clause in source.clauses]
    near = _near([(said.terms.share_in(clause.terms), clause) for clause in clauses])
    if near and all(clause.negative != said.negative for clause in near):
        return True
    bearers = {clause.bearer for clause in near} - {""}
    if said.bearer and bearers and said.bearer not in bearers:
        return True
    with_numbers = [(_overlap(said.terms, clause.terms), clause) for clause in clauses if clause.numbers]
    alike = _near(with_numbers) if said.numbers else []
    return bool(alike) and not any(clause.numbers & said.numbers for clause in alike)


def _near(likeness: Sequence[tuple[float, Clause]]) -> list[Clause]:
    """Return the clauses that speak of the same; none if even the likest does not."""
    best = max((like for like, _ in likeness), default=0.0)
    return [clause for like, clause in likeness if like >= best * ANOTHER_FITS] if best >= SAME_CLAUSE else []


def _overlap(said: Terms, clause: Terms) -> float:
    """Return how far two clauses are about the same; one may say more than the other."""
    within = clause.share_in(said) if len(clause.characters) + len(clause.words) >= WORTH_COMPARING else 0.0
    return max(said.share_in(clause), INSIDE * within)


def stem(word: str) -> str:
    """Return an English word without its commonest endings: enough to find `refunds` in `refunded`."""
    word = word.removesuffix("'s").replace("'", "")
    for ending in ("ing", "ied", "ies", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word.removesuffix(ending)
            return stem + "y" if ending in ("ied", "ies") else stem.rstrip("e")
    return word.rstrip("e") if len(word) > 4 else word
