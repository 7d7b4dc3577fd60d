"""Origin: from whose words a tool's argument comes.

A document does not say whose order is looked up. What a tool is called with comes from the contact, from what
was said before, or from what a business system gave back; a value that only a document has is not used.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ai_worker.conversation.grounding.support import terms
from ai_worker.foundation.text import fold

SHARED = 0.5
"""The share of a text's words that must be the contact's, for it to be a text about what they asked."""

SHORT = 3
"""Digits of a number that anybody may use: a page, an amount, a quantity of things."""

LONGEST_DEPTH = 8

_BETWEEN = re.compile(r"[\W_]+")
_MARKED = re.compile(r"[a-z0-9@.:/_+\-]*(?:\d[\d\- ]{2,}\d|@|://)[a-z0-9@.:/_+\-?=&%]*|[a-z]+[\-_]?\d[a-z0-9\-_]*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose words there are in a turn."""

    documents: tuple[str, ...] = ()
    """What a model reads that nobody approved."""

    said: tuple[str, ...] = ()
    """What the contact has said or is known by, and what they were told."""

    def slipped_in(self, arguments: Mapping[str, Any], schema: Mapping[str, Any], results: Sequence[str]) -> str:
        """Return the name of an argument whose value comes from nothing but a document; empty if none does.

        Args:
            arguments: What the tool is to be called with.
            schema: The tool's parameters; the values that it lists itself are anybody's.
            results: What business systems gave back in this turn.
        """
        if not self.documents:
            return ""
        known = (*self.said, *results, str(schema))
        for name, value in arguments.items():
            if any(self._only_theirs(text, known) for text in _texts(value)):
                return name
        return ""

    def _only_theirs(self, text: str, known: Sequence[str]) -> bool:
        theirs, ours = _squeezed(self.documents), _squeezed(known)
        marked = [_squeeze(found) for found in _MARKED.findall(fold(text))]
        if any(one in theirs and one not in ours for one in marked):
            return True
        whole = _squeeze(text)
        if marked or whole not in theirs or whole in ours:
            return False
        return terms(text).share_in(terms("\n".join(known))) < SHARED


def _texts(value: Any, depth: int = 0) -> Iterator[str]:
    """Yield the texts and longer numbers of a JSON value."""
    if depth > LONGEST_DEPTH or value is None or isinstance(value, bool):
        return
    if isinstance(value, Mapping):
        for one in value.values():
            yield from _texts(one, depth + 1)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one, depth + 1)
    elif (text := str(value)) and (isinstance(value, str) or len(text) > SHORT):
        yield text


def _squeezed(texts: Sequence[str]) -> str:
    return "\n".join(map(_squeeze, texts))


def _squeeze(text: str) -> str:
    return _BETWEEN.sub("", fold(text))
