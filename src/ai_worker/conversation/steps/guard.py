"""Guard: what of a model's words may be shown.

Nothing here makes a model trustworthy. It keeps out what must never be shown (pictures and links
that carry data away, thoughts, endless text), and tells whether an answer rests on anything.
"""

import re
from collections.abc import Sequence

from ai_worker.conversation.steps.prompt import NO_ANSWER
from ai_worker.foundation.text import clean, fold

LONGEST_REPLY = 4_000
"""Characters."""

RESTS_ON = 0.5
"""The share of an answer's words that must stand in a passage, for an answer that names none."""

_THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_MARK = re.compile(r"\s?[\[【](\d{1,2}(?:\s*[,，、]\s*\d{1,2})*)[\]】]")
_IMAGE = re.compile(r"!\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")
_LINK = re.compile(r"\[([^\]]*)\]\(\s*<?([^)>\s]*)>?[^)]*\)")
_TAG = re.compile(r"</?(?:img|a|iframe|script|style|link|object|embed|svg|video|audio|source|form|input)\b[^>]*>", re.I)
_ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]*://|www\.|javascript:|data:)[^\s<>\"'，。；！？、（）《》「」\]]+", re.I)
_SENTENCE_END = re.compile(r"[。！？!?\n]|\.(?=\s|$)")
_WORD = re.compile(r"[\u3400-\u9fff]+|[a-z0-9]+")


def polished(text: str, *, material: Sequence[str]) -> str:
    """Return a model's text as it may be shown; empty if nothing of it may.

    Args:
        text: What the model wrote, or the beginning of it up to the end of a sentence.
        material: Everything it was shown. An address may stay if it stands there letter for letter.
    """
    text = text.rpartition("</think>")[2] if "<think>" not in text else _THOUGHTS.sub("", text)
    text = _TAG.sub("", _MARK.sub("", _IMAGE.sub(r"\1", clean(text))))
    if "](" in text or _ADDRESS.search(text):
        known = {_bare(address) for shown in material for address in _ADDRESS.findall(shown)}
        text = _LINK.sub(lambda link: link[0] if _bare(link[2]) in known else link[1], text)
        text = _ADDRESS.sub(lambda found: found[0] if _bare(found[0]) in known else "", text)
    return text.strip() if len(text) <= LONGEST_REPLY else whole_sentences(text[:LONGEST_REPLY])


def declines(text: str) -> bool:
    """Return whether the model says that it has no answer."""
    return NO_ANSWER in text


def whole_sentences(text: str) -> str:
    """Return `text` up to the end of its last whole sentence; empty if there is none."""
    ends = [found.end() for found in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]].strip() if ends else ""


def rests_on(text: str, material: Sequence[str]) -> list[int]:
    """Return the places in `material` that an answer rests on, in order.

    These are the numbers that it names; if it names none, the text that most of its words come from.
    """
    named = {int(number) - 1 for mark in _MARK.findall(text) for number in re.findall(r"\d+", mark)}
    if valid := sorted(place for place in named if 0 <= place < len(material)):
        return valid
    said = _terms(_MARK.sub("", text))
    if not said or not material:
        return []
    shares = [len(said & _terms(passage)) / len(said) for passage in material]
    best = max(range(len(shares)), key=shares.__getitem__)
    return [best] if shares[best] >= RESTS_ON else []


def _bare(address: str) -> str:
    """Return an address without the punctuation of the sentence that it ends."""
    return address.rstrip(".,:)*_")


def _terms(text: str) -> set[str]:
    """Return pairs of Chinese characters, and Latin words and numbers whole."""
    terms: set[str] = set()
    for run in _WORD.findall(fold(text)):
        if run[0].isascii():
            terms.add(run)
        else:
            terms.update(run[at : at + 2] for at in range(max(1, len(run) - 1)))
    return terms
