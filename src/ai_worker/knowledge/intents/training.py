"""Training: multinomial logistic regression by stochastic gradient descent, in numpy alone.

It is deterministic: the same lessons make the same model. Measured against scikit-learn's solvers on
the same features it is as good and faster, because it stops early (decision 0012 has the figures).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ai_worker.knowledge.intents.features import Kinds, Numbers, Places, Vector, Vocabulary, counted, singles

MOST_FEATURES = 1 << 16
MOST_WEIGHTS = 12_000_000
"""Features times entries: 24 MB on disk, and twice that while it is made."""

SEEN_TWICE_FROM = 5_000
"""From so many wordings on, a feature that only one of them has is left out."""

EPOCHS = 8
FEWEST_EPOCHS = 3
STEPS = 122_000
CELLS = 18_500_000
"""Bounds on the time of learning: with more wordings, or with more wordings times entries, there are fewer epochs."""

RATE = 4.0
DROPPED = 0.3
"""The share of features that each step does without, so that no few of them decide alone."""

SMOOTHED = 0.1
"""The share of certainty that is spread over all entries: wordings are sometimes under the wrong entry."""

SEED = 20_261_122

SHARES = (0.7, 0.7, 1.0, 1.0)
"""What the kinds of features weigh in the regression that sees all of them."""

SHARES_OF_MANY = (0.7, 0.7, 1.0, 0.5)
"""The same, with more than `MANY` wordings: those say most of what they mean in the words that people use."""

MANY = 10_000

ALONE = 0.33
"""What the regression of one kind weighs, beside the one that sees all. Of many wordings there is none:
the time is better spent on the one."""

CONFIDENT = 0.8
"""What the logits are multiplied by: spreading and dropping leave them more timid than they are right."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Wordings with their features, taken once for all trainings."""

    kinds: Sequence[Kinds]
    words: Sequence[Sequence[int]]
    labels: NDArray[np.intp]

    @classmethod
    def of(cls, texts: Sequence[str], labels: Sequence[int]) -> "Texts":
        """Take the features of plain texts."""
        kinds, words = [counted(text) for text in texts], [singles(text) for text in texts]
        return cls(kinds, words, np.array(labels, np.intp))

    def part(self, chosen: NDArray[np.intp]) -> "Texts":
        """Return some of the texts."""
        kinds, words = [self.kinds[at] for at in chosen], [self.words[at] for at in chosen]
        return Texts(kinds, words, self.labels[chosen])


def vocabulary_of(texts: Texts, entries: int) -> Vocabulary:
    """Return the features worth weighing: the most frequent ones, as many as there is room for."""
    frequency: Counter[int] = Counter()
    for kinds in texts.kinds:
        for counts in kinds:
            frequency.update(counts.keys())
    hashes = np.fromiter(frequency, np.uint32, len(frequency))
    often = np.fromiter(frequency.values(), np.float32, len(frequency))
    order = np.lexsort((hashes, -often))
    if len(texts.kinds) >= SEEN_TWICE_FROM:
        single = {word for words in texts.words for word in words}
        alone = np.isin(hashes[order], np.fromiter(single, np.uint32, len(single)))
        order = order[(often[order] > 1) | alone]
    kept = order[: min(MOST_FEATURES, max(1, MOST_WEIGHTS // entries))]
    kept = kept[np.argsort(hashes[kept])]
    rarity = np.log((1 + len(texts.kinds)) / (1 + often[kept])) + 1
    return Vocabulary(hashes[kept], rarity.astype(np.float32))


def weights_of(vectors: Sequence[Vector], labels: NDArray[np.intp], features: int, entries: int, of: int) -> Numbers:
    """Return the weight of each feature (rows) for each entry (columns).

    One regression sees all kinds of features, and each kind has one of its own besides: they err
    differently, and the sum of linear models is a linear model.
    """
    shares = SHARES_OF_MANY if of > MANY else SHARES
    length = float(np.sqrt(sum(share * share for share in shares)))
    whole = []
    for vector in vectors:
        shared = [value * np.float32(share / length) for value, share in zip(vector.values, shares, strict=True)]
        whole.append((np.concatenate(vector.places), np.concatenate(shared)))
    weights = _descend(whole, labels, features, entries)
    for kind, share in enumerate(shares):
        own = np.unique(np.concatenate([vector.places[kind] for vector in vectors]))
        weights[own] *= np.float32(share / length)
    if of > MANY:
        return weights * np.float32(CONFIDENT * 2)
    for kind in range(len(shares)):
        alone = [(vector.places[kind], vector.values[kind]) for vector in vectors]
        weights += _descend(alone, labels, features, entries) * np.float32(ALONE)
    return weights * np.float32(CONFIDENT)


def _descend(
    vectors: Sequence[tuple[Places, Numbers]], labels: NDArray[np.intp], features: int, entries: int
) -> Numbers:
    chance = np.random.default_rng(SEED)
    weights = np.zeros((features, entries), np.float32)
    affordable = min(STEPS // len(vectors), CELLS // (len(vectors) * entries))
    epochs = max(FEWEST_EPOCHS, min(EPOCHS, affordable))
    steps, step = epochs * len(vectors), 0
    for _ in range(epochs):
        for at in chance.permutation(len(vectors)):
            place, value = vectors[at]
            stays = chance.random(len(place)) >= DROPPED
            place, value = place[stays], value[stays] / np.float32(1 - DROPPED)
            rows = weights[place]
            shares = value @ rows
            shares -= shares.max()
            np.exp(shares, out=shares)
            shares /= shares.sum()
            shares -= np.float32(SMOOTHED / entries)
            shares[labels[at]] -= np.float32(1 - SMOOTHED)
            shares *= np.float32(-RATE * (1 - step / steps))
            rows += np.multiply.outer(value, shares)
            weights[place] = rows
            step += 1
    return weights


def tables_of(texts: Texts, entries: int, *, of: int | None = None) -> dict[str, NDArray[np.generic]]:
    """Learn from texts; return the tables of `model.Intents`.

    Args:
        texts: The wordings, and the entries they belong to.
        entries: How many entries there are.
        of: How many wordings there are of which these are a part that should be learned like the whole.
    """
    vocabulary = vocabulary_of(texts, entries)
    vectors = [vocabulary.vector(kinds) for kinds in texts.kinds]
    weights = weights_of(vectors, texts.labels, len(vocabulary.hashes), entries, of or len(vectors))
    words, rarity, said = _acquaintance(texts, entries)
    return {
        "hashes": vocabulary.hashes,
        "rarity": vocabulary.rarity,
        "weights": weights.astype(np.float16),
        "words": words,
        "word_rarity": rarity,
        "said": said,
    }


def _acquaintance(texts: Texts, entries: int) -> tuple[NDArray[np.uint32], Numbers, NDArray[np.uint8]]:
    """Return the words, their rarity (and last that of an unknown one), and which entries say them."""
    frequency = Counter(word for words in texts.words for word in words)
    words = np.array(sorted(frequency), np.uint32)
    often = np.array([*(frequency[int(word)] for word in words), 0], np.float32)
    said = np.zeros((len(words), entries), np.bool_)
    for label, found in zip(texts.labels, texts.words, strict=True):
        said[np.searchsorted(words, np.array(found, np.uint32)), label] = True
    rarity = np.log((len(texts.words) + 1) / (often + 0.5))
    return words, rarity.astype(np.float32), np.packbits(said, axis=1)
