"""Voice: whether a sentence tells its reader something, or tells whoever writes the answer what to write.

A help text speaks to the customer about the world (`请在个人中心点击…`, `we reply within 3 days`). What is
slipped into a document speaks to the writer about the reply. The two share most of their words; what
tells them apart is which kinds of words meet: a reply, a place in it and a phrase to be put there; a third
person who asks and something to be said to them. So a sentence is weighed by the kinds that meet in it
(`kinds.txt`, written by hand) and, less, by its pairs of characters and words. The weights are fitted
(`benchmarks/quality/fit_orders.py`) to sentences of our own and of openly licensed texts.
"""

import math
import re
from collections.abc import Collection, Iterator, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise

from ai_worker.conversation.grounding.sentences import split
from ai_worker.conversation.grounding.support import stem
from ai_worker.foundation.text import fold
from ai_worker.knowledge.language.script import simplified

KINDS, WEIGHTS = "kinds.txt", "weights.txt"

SURELY, SURE = 0.5, 3.0
"""From here on a sentence speaks to the writer, whatever it is about; and from here on even an approved one does."""

MENTIONED = 14
"""Characters up to which a quotation is a mere name of something, so that its words count for nothing."""

LONGEST_WORD = 5
"""Characters of the longest Chinese word among the kinds."""

WINDOW = 60
"""Characters of a stretch that is looked at by itself: an order must not hide in a long sentence."""

REMEMBERED = 8_192

_QUOTED = re.compile(r"[「『“《【‘\"«„]([^」』”》】’\"»“]{1,60})[」』”》】’\"»“]|(?<![a-z])'([^'\n]{2,60})'(?![a-z])")
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\S+@\S+\.\w+", re.IGNORECASE)
_NUMBER = re.compile(r"\d[\d\-,. ]*")
_CODEWORD = re.compile(r"\b[A-Z][A-Z0-9]+-[A-Z0-9-]*\b|\b[A-Z]{5,}\b")
_LEET = str.maketrans("013457@$", "oieastas")
_MIXED = re.compile(r"\b(?=[a-z]*\d)(?=\d*[a-z])[a-z013457@$]{3,}\b")
_HAN = "\u3400-\u9fff"
_SPREAD = re.compile(rf"(?:[{_HAN}][ \-_.·*|/]){{3,}}[{_HAN}]")
_SPELT = re.compile(r"\b(?:[a-z0-9][.\-_*]){2,}[a-z0-9]\b|\b(?:[a-z] ){3,}[a-z]\b")
_TOKEN = re.compile(
    rf"[{_HAN}]+|[a-zà-öø-ÿ][a-zà-öø-ÿ'\-]*:?|[\u3040-\u30ff]+|[\uac00-\ud7af]+|[\u0400-\u04ff]+|[#0:☐☏]"
)
_CLAUSE = re.compile(r"[，,：:；;。！？!?\n]")

QUOTE, ADDRESS, NUMBER, NAME = "☐", "☏", "0", "#"
"""What stands for a quotation, an address, a number and a code word: that there is one matters, not which."""

_SIGNS = {QUOTE: "quote", ADDRESS: "address", NUMBER: "number", NAME: "name", ":": "colon"}
_FIRST_HAN, _LAST_HAN, _LAST_LATIN = "\u3400", "\u9fff", "\u00ff"


@cache
def kinds() -> dict[str, tuple[str, ...]]:
    """Return the kinds of each word."""
    found: dict[str, list[str]] = {}
    for line in files(__package__).joinpath(KINDS).read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            kind, _, words = line.partition(":")
            for word in words.split():
                plain = simplified(word.replace("_", " "))
                known = found.setdefault(plain if " " in plain or not plain.isascii() else stem(plain), [])
                if kind not in known:
                    known.append(kind)
    return {word: tuple(of) for word, of in found.items()}


@cache
def weights() -> dict[str, float]:
    """Return the weight of each figure; that of nothing is where a sentence begins."""
    lines = files(__package__).joinpath(WEIGHTS).read_text("utf-8").splitlines()
    rows = (line.rsplit("\t", 1) for line in lines if line and not line.startswith("#"))
    return {figure: float(weight) for figure, weight in rows}


def written_out(text: str) -> str:
    """Return a text as it is looked at: folded, in simplified script, not spread out, digits for letters undone."""
    marked = _CODEWORD.sub(f" {NAME} ", text)
    folded = simplified(fold(marked))
    folded = _SPREAD.sub(lambda found: re.sub(r"[^\u3400-\u9fff]", "", found[0]), folded)
    folded = _SPELT.sub(lambda found: re.sub(r"[^a-z0-9]", "", found[0]), folded)
    folded = _MIXED.sub(lambda found: found[0].translate(_LEET), folded)
    folded = _ADDRESS.sub(f" {ADDRESS} ", folded)
    folded = _QUOTED.sub(_mention, folded)
    return _NUMBER.sub(f" {NUMBER} ", folded)


def _mention(found: re.Match[str]) -> str:
    inside = found[1] or found[2] or ""
    longest = 3 * MENTIONED if inside.isascii() else MENTIONED
    return f" {QUOTE} " if len(inside) <= longest else f" {QUOTE} {inside} "


def figures(written: str) -> tuple[list[tuple[str, ...]], set[str]]:
    """Return the kinds that come up in a stretch of text, in order, and its pieces."""
    of = kinds()
    met: list[tuple[str, ...]] = []
    pieces: set[str] = set()
    words: list[str] = []
    for token in _TOKEN.findall(written):
        if token in _SIGNS:
            met.append((_SIGNS[token],))
            words.append("")
        elif _FIRST_HAN <= token[0] <= _LAST_HAN:
            pieces.update(token[at : at + size] for size in (2, 3) for at in range(len(token) - size + 1))
            met.extend(_met_in(token, of, LONGEST_WORD))
            words.append("")
        elif token[0] > _LAST_LATIN:
            met.append(("foreign",))
            met.extend(_met_in(token, of, LONGEST_WORD))
        else:
            words.append(token if token in of else stem(token.strip(":'-")))
            met.append(of.get(words[-1], ()))
            ends = (words[-size:] for size in (2, 3, 4) if size <= len(words))
            met.extend(of.get(" ".join(end), ()) for end in ends if all(end))
    pieces.update(word for word in words if word)
    pieces.update(f"{one} {other}" for one, other in pairwise(words) if one and other)
    return [kind for kind in met if kind], pieces


def _met_in(run: str, of: dict[str, tuple[str, ...]], longest: int) -> Iterator[tuple[str, ...]]:
    """Yield the kinds of the words in a text without spaces, the longest word at each place."""
    at = 0
    while at < len(run):
        for end in range(min(len(run), at + longest), at, -1):
            if (found := of.get(run[at:end])) is not None:
                yield found
                at = end
                break
        else:
            at += 1


def named(met: Sequence[tuple[str, ...]], pieces: Collection[str]) -> Iterator[tuple[str, float]]:
    """Return each figure with how much there is of it: kinds, which of them meet, which follows which; pieces."""
    among = sorted({kind for kinds_ in met for kind in kinds_})
    for at, one in enumerate(among):
        yield f"={one}", 1.0
        for other in among[at + 1 :]:
            yield f"={one}+{other}", 1.0
    after = {(one, other) for before, then in pairwise([("",), *met]) for one in before for other in then}
    yield from ((f"={one}>{other}", 1.0) for one, other in after)
    share = 1.0 / math.sqrt(len(pieces)) if pieces else 0.0
    for piece in pieces:
        yield piece, share


@lru_cache(maxsize=REMEMBERED)
def to_writer(sentence: str) -> float:
    """Return how much a sentence speaks to whoever writes the answer: above 0, more likely than not."""
    written = written_out(sentence)
    best = _weighed(written)
    if len(written) > WINDOW:
        best = max(best, *(_weighed(part) for part in stretches(written)))
    return best


@lru_cache(maxsize=REMEMBERED // 4)
def speaks_to_writer(text: str, at: float = SURELY) -> bool:
    """Return whether any sentence of a short text plainly speaks to whoever writes the answer."""
    return any(to_writer(part) >= at for one in split(text) if (part := one.strip()))


def stretches(written: str) -> list[str]:
    """Return a long sentence in stretches of whole clauses."""
    parts: list[str] = []
    current = ""
    for clause in _CLAUSE.split(written):
        if current and len(current) + len(clause) > WINDOW:
            parts.append(current)
            current = ""
        current = f"{current} {clause}" if current else clause
    return [*parts, current]


def _weighed(written: str) -> float:
    known = weights()
    return known.get("", 0.0) + sum(known.get(name, 0.0) * much for name, much in named(*figures(written)))
