"""Which records a text names: in full, without its branch or city, or nearly."""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ai_worker.foundation.text import fold
from ai_worker.knowledge.records.table import Record

READ = 600
"""Characters of a text that names are looked for in."""

COMMON = 40
"""A pair of characters that more names have finds no candidates; it still counts when they are compared."""

LIKE = 0.72
"""The share of a name, by weight, that a text must have in one stretch to name it partly."""

WORTH_A_LOOK = 0.35
"""The share of a name's pairs that a text must have somewhere before it is compared."""

PART_CHARACTERS = 2

_KEPT = re.compile(r"[\W_]+")
_BRANCH = re.compile(r"[(（\[【].*?[)）\]】]")


@dataclass(frozen=True, slots=True)
class Mention:
    """A stretch of a text that names one record, or one of several."""

    start: int
    """Place in the squashed text."""

    end: int
    records: tuple[Record, ...]
    """More than one when the words fit several equally, as `速递站` fits all of its branches."""

    share: float
    """How much of the name stands there: 1 in full."""

    @property
    def exact(self) -> bool:
        """The name stands there in full."""
        return self.share >= 1.0


def squashed(text: str) -> str:
    """Return `text` folded, with nothing but letters and digits."""
    return _KEPT.sub("", fold(text))


class Names:
    """All names of an installation's records, for finding them in texts."""

    def __init__(self, records: Iterable[Record]) -> None:
        self._whole: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            for form in _forms(record.name):
                self._whole[form].append(record)
        self._full: dict[str, list[Record]] = {}
        self._by_start: dict[str, list[str]] = defaultdict(list)
        for form in self._whole:
            self._by_start[form[:2]].append(form)
        for forms in self._by_start.values():
            forms.sort(key=len, reverse=True)
        self._having: dict[str, set[str]] = defaultdict(set)
        self._pairs = {form: _pairs(form) for form in self._whole}
        for form, own in self._pairs.items():
            for pair in own:
                self._having[pair].add(form)
        counts = Counter(character for form in self._whole for character in set(form))
        self._weight = {one: math.log((1 + len(self._whole)) / times) for one, times in counts.items()}
        self._own_weight = {form: self._weigh(form) for form in self._whole}

    def mentioned(self, text: str) -> list[Mention]:
        """Return what `text` names, in its order. Longer names hide shorter ones inside them."""
        read = squashed(text)[:READ]
        found = self._exact(read)
        taken = [(mention.start, mention.end) for mention in found]
        found += [
            mention
            for mention in self._partly(read)
            if all(mention.end <= start or end <= mention.start for start, end in taken)
        ]
        return sorted(found, key=lambda mention: mention.start)

    def shared(self, text: str, name: str) -> int:
        """Return how many characters of a name stand together in `text`, if not everything is called so."""
        start, length = _longest_common(squashed(name), text)
        pairs = (text[at : at + 2] for at in range(start, start + length - 1))
        return length if any(len(self._having.get(pair, ())) <= COMMON for pair in pairs) else 0

    def _exact(self, text: str) -> list[Mention]:
        found: list[Mention] = []
        at = 0
        while at < len(text) - 1:
            form = next((form for form in self._by_start.get(text[at : at + 2], ()) if text.startswith(form, at)), None)
            if form is None:
                at += 1
                continue
            found.append(Mention(at, at + len(form), self._meant(form), 1.0))
            at += len(form)
        return found

    def _meant(self, form: str) -> tuple[Record, ...]:
        records = self._whole[form]
        full = [record for record in records if squashed(record.name) == form]
        return tuple(full or records)

    def _partly(self, text: str) -> list[Mention]:
        """Return the best partial mention of each stretch of `text`."""
        pairs = {text[at : at + 2] for at in range(len(text) - 1)}
        likely: set[str] = set()
        for pair in pairs:
            having = self._having.get(pair, ())
            if len(having) <= COMMON:
                likely.update(having)
        found: list[Mention] = []
        for form in likely:
            own = self._pairs[form]
            if len(own & pairs) < WORTH_A_LOOK * len(own):
                continue
            start, length = _longest_common(form, text)
            share = self._weigh(text[start : start + length]) / (self._own_weight[form] or 1.0)
            if share >= LIKE and length >= PART_CHARACTERS:
                found.append(Mention(start, start + length, self._meant(form), min(share, 0.99)))
        return _apart(found)

    def _weigh(self, text: str) -> float:
        return sum(self._weight.get(character, 0.0) for character in text)


def _forms(name: str) -> list[str]:
    """Return how a name may be said: in full, and without what stands in brackets."""
    full, short = squashed(name), squashed(_BRANCH.sub("", name))
    return [form for form in dict.fromkeys((full, short)) if len(form) >= PART_CHARACTERS]


def _pairs(text: str) -> frozenset[str]:
    return frozenset(text[at : at + 2] for at in range(len(text) - 1))


def _longest_common(name: str, text: str) -> tuple[int, int]:
    """Return the place in `text` and the length of the longest stretch that `name` has, too."""
    best, where = 0, 0
    for start in range(len(text)):
        while start + best < len(text) and text[start : start + best + 1] in name:
            best += 1
            where = start
        if start + best >= len(text):
            break
    return where, best


def _apart(found: Sequence[Mention]) -> list[Mention]:
    """Return the mentions that do not overlap better ones; those that are as good at one place become one."""
    kept: list[Mention] = []
    for mention in sorted(found, key=lambda one: (-(one.end - one.start), -one.share)):
        rival = next((other for other in kept if mention.start < other.end and other.start < mention.end), None)
        if rival is None:
            kept.append(mention)
        elif (rival.start, rival.end) == (mention.start, mention.end):
            together = tuple(dict.fromkeys((*rival.records, *mention.records)))
            kept[kept.index(rival)] = Mention(rival.start, rival.end, together, rival.share)
    return kept
