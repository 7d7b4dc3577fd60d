"""Whose wish it is that something is done: the contact's own, in their own words, or perhaps a document's."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ai_worker.foundation.text import fold
from ai_worker.skills.tool import Tool

SHORT = 4
"""Characters from which on a value that stands inside of other words was hardly put there by chance."""


def of_contact(value: Any, said: Sequence[str]) -> bool:
    """Return whether every value in arguments stands in what the contact said: nobody else has put it there."""
    match value:
        case Mapping():
            return all(of_contact(one, said) for one in value.values())
        case list() | tuple():
            return all(of_contact(one, said) for one in value)
        case None | bool():
            return True
    written = " ".join(str(value).lower().split())
    if len(written) < SHORT:  # `5` stands in `ORD12345`, and nobody said it
        alone = re.compile(rf"(?<![0-9a-z]){re.escape(written)}(?![0-9a-z])")
        return bool(written) and any(alone.search(text.lower()) for text in said)
    return any(written.replace(" ", "") in "".join(text.lower().split()) for text in said)


def is_meant(tool: Tool, text: str, *, tools: Sequence[Tool]) -> bool:
    """Return whether a message itself speaks of what a tool does, in words that no tool that reads has, too.

    Those are its verb's triggers, or pairs of characters and words of its title.
    """
    reading = set[str]().union(*(_marks(one) for one in tools if not one.acts))
    said = fold(text)
    return any(mark in said for mark in _marks(tool) - reading)


def _marks(tool: Tool) -> set[str]:
    if tool.verb is not None:
        return {fold(trigger) for trigger in tool.verb.triggers}
    title = fold(tool.title or tool.description)
    runs = re.findall(r"[\u4e00-\u9fff]+", title)
    return {*re.findall(r"[a-z]{4,}", title), *(run[at : at + 2] for run in runs for at in range(len(run) - 1))}
