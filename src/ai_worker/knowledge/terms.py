"""Terms: the pieces of a text by which it is searched and compared.

Every function here takes text that `plain` has made comparable.
"""

import re
from functools import cache
from typing import Protocol

from ai_worker.foundation.text import fold
from ai_worker.knowledge import english
from ai_worker.knowledge.language.script import simplified

VERSION = 7
"""Raise it with every change to the terms: indexes that hold the old ones are then built anew."""

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+")
_PUNCTUATION = re.compile(r"[\W_]+")
_LATIN = re.compile(r"[^\W_\u3400-\u9fff\uf900-\ufaff]+")

_FUNCTION_WORDS = """
的 了 吗 呢 啊 吧 呀 哦 哈 嘛 么 呗 我 你 您 他 她 它 们 这 那 是 有 在 和 与 或 也 都 就 还 要 会 能 可 以 可以
请 问 请问 怎 怎么 怎样 如 何 如何 什 什么 为 为什么 哪 哪里 哪些 多 少 多少 几 下 一 一下 个 一个 想 我想 知 道 知道 说
不 没 没有 给 把 被 对 到 从 上 里 去 来 得 地 着 过 很
"""

FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split()) | english.FUNCTION_WORDS
"""Words that carry grammar rather than matter. In a small knowledge base they may be rare, and would
otherwise count as informative."""


class Cutter(Protocol):
    """What of rjieba is used here."""

    def cut(self, text: str, hmm: bool = True) -> list[str]:
        """Return the words of `text`, nothing left out."""
        ...

    def cut_for_search(self, text: str, hmm: bool = True) -> list[str]:
        """Return the words of `text`, and the shorter words inside the longer ones."""
        ...


@cache
def _cutter() -> Cutter:
    import rjieba

    cutter: Cutter = rjieba
    return cutter


def plain(text: str) -> str:
    """Return `text` folded and in simplified script: what is compared does not depend on how it is written."""
    return simplified(fold(text))


def cut(folded: str, *, new: bool = True) -> list[str]:
    """Return the words of a text with everything between them: joined, they are the text.

    Args:
        folded: The text.
        new: Whether characters may form a word that is in no dictionary.
    """
    return _cutter().cut(folded, new)


def words(folded: str) -> list[str]:
    """Return the words: rjieba's search mode, without punctuation; English ones as their stems."""
    found = _cutter().cut_for_search(english.spelled_out(folded))
    return [english.stem(word) for word in found if word[0].isalnum() or word[-1].isalnum()]


def tagged(folded: str) -> list[tuple[str, str]]:
    """Return the words with their parts of speech, in ICTCLAS tags: `n…` nouns, `v…` verbs, `r` pronouns."""
    import rjieba

    tags: list[tuple[str, str]] = rjieba.tag(folded)
    return tags


def characters(folded: str) -> list[str]:
    """Return the single Chinese characters, and the words in other scripts; English ones as their stems."""
    others = map(english.stem, _LATIN.findall(english.spelled_out(folded)))
    return [*(character for run in _HAN.findall(folded) for character in run), *others]


def is_han(term: str) -> bool:
    """Return whether a term is of Chinese characters."""
    return bool(_HAN.match(term))


def bigrams(folded: str) -> list[str]:
    """Return the pairs of neighbouring Chinese characters; a pair never spans a space or punctuation."""
    return [run[at : at + 2] for run in _HAN.findall(folded) for at in range(len(run) - 1)]


def trigrams(folded: str) -> list[str]:
    """Return three neighbouring Chinese characters each."""
    return [run[at : at + 3] for run in _HAN.findall(folded) for at in range(len(run) - 2)]


def asked_terms(folded: str) -> list[str]:
    """Return the terms of a wording: a question, or a title.

    Wordings are short and people misspell them, so single characters count too; a long text would
    contain them all.
    """
    parts = [*characters(folded), *bigrams(folded)]
    seen = set(parts)
    return [*parts, *(word for word in words(folded) if word not in seen)]


def told_terms(folded: str) -> list[str]:
    """Return the terms of a text that answers."""
    parts = words(folded)
    seen = set(parts)
    return [*parts, *(pair for pair in bigrams(folded) if pair not in seen)]


def bare(folded: str) -> str:
    """Return a text without spaces and punctuation: what two equal questions share."""
    return _PUNCTUATION.sub("", folded)


_FILLER = re.compile(r"你好|您好|请问|谢谢|一下|我想问问|我想问|我想知道|问一下|咨询|[吗呢啊吧呀哦哈嘛么的了]")


def essence(bare_text: str) -> str:
    """Return a bare text without greetings and particles: what two questions share that mean the same."""
    return _FILLER.sub("", bare_text) or bare_text
