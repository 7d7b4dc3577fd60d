"""The worker's fixed words in the asker's language. The catalogues are the TOML files beside this."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from ai_worker.conversation.message import Utterance

LANGUAGES = ("zh-CN", "en")

_CJK = re.compile(r"[\u3400-\u9fff]")
_LATIN_WORD = re.compile(r"\b[A-Za-z]{2,}\b")


class Phrases:
    """One language's words."""

    def __init__(self, language: str, catalogue: Mapping[str, Any]) -> None:
        self.language = language
        self._say: Mapping[str, str] = catalogue["say"]
        self.ask_model: Mapping[str, Any] = catalogue["ask_model"]
        """The parts of a model's instructions."""

    def say(self, key: str, **values: object) -> str:
        """Return the words called `key`, filled with `values`."""
        return self._say[key].format(**values)


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
    """Return the language to answer `text` in.

    A Chinese character makes it Chinese, a word of Latin letters English. `2` or `ORD12345` say
    nothing: then the contact's earlier words decide, and before there are any, `default`.
    """
    said = [text, *(utterance.text for utterance in reversed(history) if utterance.role == "user")]
    for words in said:
        if _CJK.search(words):
            return "zh-CN"
        if _LATIN_WORD.search(words):
            return "en"
    return default
