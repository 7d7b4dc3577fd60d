"""What an error is told in: the reader's language first, and what the program saw beside it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ai_worker.foundation.errors import AiWorkerError


@dataclass(frozen=True, slots=True)
class Told:
    """An error in words."""

    words: str
    """What happened."""

    detail: str
    """What the program saw, in English; empty if `words` says it already."""

    hint: str
    """What to do; empty if there is nothing."""


@cache
def chinese() -> Mapping[str, Mapping[str, str]]:
    """Return the Chinese words (`words`) and hints (`hint`, not always there) of every error, by its code."""
    text = files(__package__).joinpath("errors.zh-CN.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def tell(code: str, detail: str, language: str, *, hint: str = "") -> Told:
    """Return what an error is told in, of which only its code, its English words and its hint are known."""
    known = chinese().get(code) if language == "zh-CN" else None
    if known is None:
        return Told(detail, "", hint)
    return Told(known["words"], "" if detail == known["words"] else detail, known.get("hint", hint))


def tell_error(error: AiWorkerError, language: str) -> Told:
    """Return what an error is told in."""
    told = tell(error.code, str(error), language, hint=error.hint or "")
    if say := getattr(error, "say", None):  # it has the reader's words for what happened itself
        return Told(say(language), "", told.hint)
    return told
