"""Addresses: nobody is sent anywhere that the material does not name letter for letter."""

import re
from collections.abc import Sequence

from ai_worker.foundation.text import clean

_THOUGHTS = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
_IMAGE = re.compile(r"!\[([^\]]*)\](?:\([^)]*\)?|\[[^\]]*\])")
_LINK = re.compile(r"\[([^\]]*)\]\(\s*<?([^)>\s]*)>?[^)]*\)")
_REFERENCE = re.compile(r"^\s*\[[^\]]+\]:\s*\S+.*$", re.MULTILINE)
_TAG = re.compile(
    r"</?(?:img|a|iframe|script|style|link|object|embed|svg|video|audio|source|form|input|material|system)\b[^>]*>",
    re.IGNORECASE,
)
_TOP = (
    "com|cn|net|org|io|top|xyz|info|biz|cc|co|me|ru|tk|site|online|shop|vip|club|app|dev|link|live|store|icu|"
    "example|test|invalid|local|localhost|internal"
)
_ADDRESS = re.compile(
    rf"(?:[a-z][a-z0-9+.-]*://|www\.|javascript:|data:|mailto:|tel:)[^\s<>\"'，。；！？、（）《》「」\]]+"
    rf"|(?:[\w.+-]+@)?(?:[a-z0-9-]+\.)+(?:{_TOP})(?![a-z0-9])(?::\d+)?(?:[/?#][^\s<>\"'，。；！？、（）《》「」\]]*)?",
    re.IGNORECASE,
)
_PHONE = re.compile(r"(?<![\d.])(?:\+?\d[\d \-]{5,}\d)(?![\d.])")
_APART, _APART_IN_NUMBER = re.compile(r"[ \-]"), re.compile(r"(?<=\d)[ \-](?=\d)")


def without_thoughts(text: str) -> str:
    """Return a model's text without what it thought before it answered."""
    return text.rpartition("</think>")[2] if "<think>" not in text else _THOUGHTS.sub("", text)


def presentable(text: str, *, material: Sequence[str]) -> str:
    """Return a model's text without pictures, active elements and unknown addresses.

    Args:
        text: What the model wrote, or the beginning of it up to the end of a sentence.
        material: Everything it was shown. An address may stay if it stands there letter for letter.
    """
    text = _REFERENCE.sub("", _TAG.sub("", _IMAGE.sub(r"\1", clean(without_thoughts(text)))))
    if "](" in text or _ADDRESS.search(text):
        known = {_bare(address) for shown in material for address in _ADDRESS.findall(shown)}
        text = _LINK.sub(lambda link: link[0] if _bare(link[2]) in known else link[1], text)
        text = _ADDRESS.sub(lambda found: found[0] if _bare(found[0]) in known else "", text)
    return text


def names_address(sentence: str) -> bool:
    """Return whether a sentence has an address or a telephone number in it."""
    return _ADDRESS.search(sentence) is not None or _PHONE.search(sentence) is not None


def numbers_to_call(sentence: str) -> list[str]:
    """Return the telephone and account numbers of a sentence, without spaces and dashes."""
    return [_APART.sub("", number) for number in _PHONE.findall(sentence)]


def digits(texts: Sequence[str]) -> str:
    """Return texts as one in which such numbers can be looked up."""
    return "\n".join(_APART_IN_NUMBER.sub("", text) for text in texts)


def _bare(address: str) -> str:
    """Return an address without the punctuation of the sentence that it ends."""
    return address.rstrip(".,:)*_")
