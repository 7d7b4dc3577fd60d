"""The worker's fixed words in the asker's language. The catalogues are the TOML files beside this."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any

from ai_worker.conversation.message import Utterance
from ai_worker.foundation.remembered import remembered
from ai_worker.knowledge import english
from ai_worker.knowledge.language import english_meaning

LANGUAGES = ("zh-CN", "en")

_CJK = re.compile(r"[\u3400-\u9fff]")
_CJK_MEETS_LATIN = re.compile(r"[\u3400-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u3400-\u9fff]")
FEW = 2
"""Words of Latin letters up to which a message does not change the language of a talk."""

FRAME = 2
"""English words of grammar from which on a sentence with Chinese names in it is English."""

_ENGLISH_FRAME = re.compile(
    r"\b(?:the|is|are|do|does|did|can|could|what|how|where|when|which|who|why|for|of|my|your|i|to|in|a|an|much|many)\b",
    re.IGNORECASE,
)
_CHINESE_FRAME = re.compile(r"[的了吗呢吧么怎哪谁几多少什]")
_LATIN_WORD = re.compile(r"(?<![A-Za-z0-9_])(?<!\d-)[A-Za-z]{2,}(?![A-Za-z0-9_]|-\d)")
"""A word, other than the letters of a code: `QX-7781`, `T9`."""

_EVERYWHERE = frozenset(("ok", "okay", "yes", "no", "bye", "hi", "thx", "lol", "pk", "vip", "app", "id"))
"""English words that are Chinese by now."""


class Phrases:
    """One language's words."""

    def __init__(self, language: str, catalogue: Mapping[str, Any]) -> None:
        self.language = language
        self._say: Mapping[str, str] = catalogue["say"]
        self.ask_model: Mapping[str, Any] = catalogue["ask_model"]
        """The parts of a model's instructions."""

    def say(self, key: str, **values: object) -> str:
        """Return the words called `key`, filled with `values`.

        Between a Chinese character of ours and a Latin one of theirs stands a space: `P60 的价格`.
        """
        if not self.language.startswith("zh"):
            return self._say[key].format(**values)
        said = ""
        for words, name, _, _ in Formatter().parse(self._say[key]):
            said += _gap(said, words) + words
            if name is not None:
                value = str(values[name])
                said += _gap(said, value) + value
        return said


def _gap(before: str, after: str) -> str:
    """Return the space that belongs between two pieces, if they do not bring one."""
    meet = before[-1:] + after[:1]
    return " " if _CJK_MEETS_LATIN.fullmatch(meet) else ""


@cache
def catalogue(language: str) -> Mapping[str, Any]:
    """Return a language's file, read once."""
    return tomllib.loads(files(__name__).joinpath(f"{language}.toml").read_text("utf-8"))


@cache
def phrases(language: str) -> Phrases:
    """Return the words of a language; English where we have none of its own."""
    known = "zh-CN" if language.startswith("zh") else "en"
    return Phrases(known, catalogue(known))


def language_of(text: str, *, history: Sequence[Utterance], default: str) -> str:
    """Return the language to answer `text` in: the asker's.

    Where both are mixed, the one that makes the sentence counts: `打印机 B2 的 price` is Chinese,
    `how much is 打印机 B2` English. `2`, `ORD12345`, `OK`, letters that are no word, and a `thank you` in a
    Chinese talk say nothing: then the contact's earlier words decide, and before there are any, `default`.
    """
    language = _language(text)
    if language is not None and not (language == "en" and _is_brief(text)):
        return language
    for utterance in reversed(history):
        before = _language(utterance.text) if utterance.role == "user" else None
        if before is not None and not (before == "en" and _is_brief(utterance.text)):
            return before
        language = language or before
    return language or default


def _is_brief(text: str) -> bool:
    return len(_LATIN_WORD.findall(text)) <= FEW


@remembered(texts=2_048, characters=400)
def _language(text: str) -> str | None:
    """Return the language of a text; `None` where it says nothing of it."""
    characters, words = len(_CJK.findall(text)), _LATIN_WORD.findall(text)
    if not characters:
        return "en" if any(_is_english(word) for word in words) else None
    framed = len(_ENGLISH_FRAME.findall(text)) >= FRAME and not _CHINESE_FRAME.search(text)
    return "en" if framed and len(words) * 2 > characters else "zh-CN"


def _is_english(word: str) -> bool:
    folded = word.lower()
    if folded in _EVERYWHERE:
        return False
    return folded in english.FUNCTION_WORDS or folded in _heard() or english.stem(folded) in _meant()


@cache
def _heard() -> frozenset[str]:
    """Return the English words that are heard without looking anything up: `morning`."""
    hear = catalogue("en")["hear"]
    return frozenset(
        word
        for said in hear.values()
        if isinstance(said, list)
        for one in said
        for word in one.split()
        if word.isalpha()
    )


@cache
def _meant() -> frozenset[str]:
    """Return the English words whose meaning is known, by their stems."""
    return frozenset(word for phrase in english_meaning.lexicon() for word in phrase)
