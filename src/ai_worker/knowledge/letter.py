"""Letters: messages so long that they are no question, but tell a story with several in it.

Compared as a question, a letter is lost: its rarest words, names and numbers, stand in no document, and
what it is about is what it comes back to. So a word counts by how often the letter says it, and titles
count as much as texts.
"""

from collections import Counter
from collections.abc import Sequence

from ai_worker.knowledge import confidence, terms
from ai_worker.knowledge.passage import Scored
from ai_worker.knowledge.view import View
from ai_worker.knowledge.weights import Field

CHARACTERS = 4_000
"""Of a longer letter the beginning is read."""

FEWEST_CHARACTERS = 150
"""No shorter message is a letter: saves the cutting into words of all that is none."""

WORDS = 60
"""From so many different words that matter on, a message is a letter."""

MOST_WORDS = 120
"""The words that are looked up: those said most often, of equal ones the rarest."""

FOUND = 50
DAMPING = 10
"""Of reciprocal rank fusion: how little the first places of one list may outweigh a good place in both."""

REPEATED = 0.7
"""The power of how often a word is said: the tenth time says less than the second."""


def find(view: View, text: str, *, bases: Sequence[str], limit: int) -> list[Scored] | None:
    """Return what a letter is about, best first; `None` if the message is no letter.

    The confidence is never enough to answer: a letter asks for more than one passage says.
    """
    if len(text) < FEWEST_CHARACTERS:
        return None
    said = Counter(word for word in terms.words(terms.plain(text[:CHARACTERS])) if _matters(word))
    if len(said) < WORDS:
        return None
    places: dict[str, float] = {}
    fields: tuple[Field, ...] = ("told", "asked")
    for field in fields:
        weights = view.weights(field)
        chosen = sorted(said, key=lambda word: (-said[word], -weights[word], word))[:MOST_WORDS]
        hits = view.weighed(field, {word: said[word] ** REPEATED for word in chosen}, bases=bases, limit=FOUND)
        for place, key in enumerate(dict.fromkeys(hit.key for hit in hits)):
            places[key] = places.get(key, 0.0) + 1 / (DAMPING + place)
    order = sorted(places, key=lambda key: (-places[key], key))[:limit]
    passages = view.passages(order)
    most = 2 / DAMPING
    return [Scored(passages[key], confidence.TIED * places[key] / most) for key in order]


def _matters(word: str) -> bool:
    return word not in terms.FUNCTION_WORDS and len(word) > 1
