"""Quote: the part of a passage that is shown as an answer, in whole sentences."""

import re
from collections import Counter
from collections.abc import Sequence

from ai_worker.knowledge import terms
from ai_worker.knowledge.text_fit import ASKING

LONGEST = 300
"""Characters of a passage that are shown as an answer."""

SHORTEST_CLAUSE = 80
"""A sentence that has to be cut keeps at least so much; a clause that ends earlier is no place to cut."""

_SENTENCE = re.compile(r".*?(?:[。！？!?；;\n]+[”’」』）)】]*|\.(?=\s)|$)", re.DOTALL)
_CLAUSE_END = re.compile(r"[，,、：:]")
_LEANS = re.compile(
    r"\s*(?:[-*+•·]\s|\d{1,2}[.、)）]|[（(]\d{1,2}[）)]|[它其该此这那]|这|因此|所以|但|不过|否则|同时|另外|此外|如果不"
    r"|(?:it|this|that|these|those|they|but|however|otherwise|therefore|so|also)\b)",
    re.IGNORECASE,
)
"""How a sentence begins that needs the one before it: an item of a list, or a word that points back."""


def excerpt(text: str, question: str) -> str:
    """Return the sentences of a passage that answer best, at most 300 characters.

    They follow one another in the passage, say as much as possible of what the question has, and begin
    where a reader understands them. A passage that is short enough is quoted whole.
    """
    if len(text) <= LONGEST:
        return text.strip()
    sentences = [found for found in _SENTENCE.findall(text) if found.strip()]
    start = _start(sentences, question)
    taken = "".join(sentences[start : _end(sentences, start)]).strip()
    return taken if len(taken) <= LONGEST else _shortened(taken)


def _start(sentences: Sequence[str], question: str) -> int:
    """Return where the best stretch begins. Of equal ones the last has the least before what was asked."""
    asked = _pieces(ASKING.sub(" ", terms.plain(question)))
    has = [asked & _pieces(terms.plain(sentence)) for sentence in sentences]
    often = Counter(piece for found in has for piece in found)

    def worth(start: int) -> float:
        inside = frozenset[str]().union(*has[start : _end(sentences, start)])
        return sum(1 / often[piece] for piece in sorted(inside))

    best = max(range(len(sentences)), key=lambda start: (round(worth(start), 6), start if has[start] else -1))
    while best and _LEANS.match(sentences[best]) and _fits(sentences, best, has):
        best -= 1
    return best


def _fits(sentences: Sequence[str], start: int, has: Sequence[frozenset[str]]) -> bool:
    """Return whether the sentence before `start` can be taken in without losing any that has what is asked."""
    last = max((at for at in range(start, _end(sentences, start)) if has[at]), default=start)
    return sum(map(len, sentences[start - 1 : last + 1])) <= LONGEST


def _end(sentences: Sequence[str], start: int) -> int:
    """Return the end of the longest stretch from `start` that may be shown; it has one sentence at least."""
    length, end = len(sentences[start]), start + 1
    while end < len(sentences) and length + len(sentences[end].rstrip()) <= LONGEST:
        length += len(sentences[end])
        end += 1
    return end


def _shortened(sentence: str) -> str:
    """Return the beginning of a sentence that is too long, up to the end of a clause where there is one."""
    head = sentence[: LONGEST - 1]
    ends = [found.start() for found in _CLAUSE_END.finditer(head) if found.start() >= SHORTEST_CLAUSE]
    return f"{head[: ends[-1]] if ends else head}…"


def _pieces(plain: str) -> frozenset[str]:
    others = (word for word in terms.words(plain) if not terms.is_han(word) and word not in terms.FUNCTION_WORDS)
    return frozenset((*terms.bigrams(plain), *others))
