"""English words as terms: what different spellings and endings of one word share.

Every stem is a beginning of its word, so that a stem can be looked for in a text that was not taken
apart. Words in other scripts pass unchanged.
"""

import re
from functools import lru_cache

_FUNCTION_WORDS = """
a an the this that these those there here it its i me my mine we us our you your yours he him his she her they them
their one ones some any all such own same so than too very just also only
am is are was were be been being do does did doing done have has had having will would shall should may might must
can could cannot get got gets getting let
of in on at to for from with by about into onto over under up down out off as and or but if then because while
what which who whom whose when where why how
please thanks thank hi hello hey ok okay yes well really actually maybe
want wanted need needed like know tell help
"""

FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""English words that carry grammar rather than matter, as they are written."""

_WORD = re.compile(r"[a-z]+")
_APOSTROPHE = re.compile(r"(?<=[a-z])[’‘`´](?=[a-z])")
_CONTRACTION = re.compile(r"\b([a-z]+?)(n't|'(?:s|m|re|ve|ll|d|all))\b")
_WRITTEN_TOGETHER = re.compile(
    r"\b(?:(?:is|are|was|were|do|does|did|have|has|had|would|could|should)nt|(?:ca|wo|do)nt"
    r"|im|ive|whats|wheres|whos|hows|thats|theres)\b"
)
_TOGETHER_ENDS = ("nt", "m", "ve", "s")
_NEGATED = {"ca": "can", "wo": "will", "sha": "shall"}

_BRITISH = (
    (re.compile(r"(?<=[bdlnvp])our(?=$|s|ed|ing|it|ful|abl)"), "or"),
    (re.compile(r"(?<=[a-z]{2})is(?=e$|es$|ed$|ing$|ation)"), "iz"),
    (re.compile(r"(?<=[a-z]{2})tre(?=$|s$)"), "ter"),
    (re.compile(r"^cheque"), "check"),
    (re.compile(r"(?<=[a-z]{3})ogue(?=$|s$)"), "og"),
)

_SHORTEST = 3
_VOWEL = re.compile(r"[aeiouy]")
_ENDINGS = (
    *("ications", "ication", "ations", "ation", "ments", "ment", "ingly", "ings", "ing", "edly"),
    *("ied", "ies", "ed", "es", "s", "ly"),
)
_NO_ENDING = re.compile(r"\w*(?:ss|us|is|eed)|[a-z]{3}ly")


def spelled_out(folded: str) -> str:
    """Return a folded text with its English contractions taken apart: `don't` and `dont` are `do not`."""
    if not _WORD.search(folded):
        return folded
    plain = _APOSTROPHE.sub("'", folded)
    return _WRITTEN_TOGETHER.sub(_apart, _CONTRACTION.sub(_apart, plain))


def _apart(found: re.Match[str]) -> str:
    word = found[0]
    ending = next((end for end in ("n't", "'") if end in word), "")
    if not ending:
        ending = next(end for end in _TOGETHER_ENDS if word.endswith(end))
    head = word[: word.rindex(ending)]
    return f"{_NEGATED.get(head, head)} not" if ending in {"n't", "nt"} else head


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """Return what the forms of an English word begin with: `cancelled`, `cancels` and `cancel` are one.

    Lighter than Porter's: it takes inflection off and few derivations, because words that differ in
    more (`organ`, `organization`) are different questions. Function words keep their form.
    """
    if word in FUNCTION_WORDS or not _WORD.fullmatch(word):
        return word
    for british, american in _BRITISH:
        word = british.sub(american, word)
    return _without_ending(word)


def _without_ending(word: str) -> str:
    if _NO_ENDING.fullmatch(word):
        return _bare_end(word)
    for ending in _ENDINGS:
        head = word.removesuffix(ending)
        if head != word and len(head) >= _SHORTEST and _VOWEL.search(head):
            return _bare_end(head)
    return _bare_end(word)


def _bare_end(head: str) -> str:
    """Return a head without what changes before an ending: a doubled consonant, a final e, y or i."""
    if len(head) > _SHORTEST:
        if head[-1] == head[-2] and head[-1] not in "aeious":
            return head[:-1]
        if head[-1] in "eyi":
            return head[:-1]
    return head
