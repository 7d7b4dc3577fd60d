"""Replies as DingTalk's Markdown shows them."""

import re
from itertools import pairwise

from ai_worker.foundation.text import shorten, split_bytes

PIECE_CHARACTERS, PIECE_BYTES = 4_500, 18_000
"""One message stays below 5,000 characters and 20,000 bytes, with room for a mention."""

TITLE_CHARACTERS = 32
"""The title is what the list of chats and the notification show."""

_MARKS = re.compile(r"[#*_`>\[\]]+|\(https?://[^)\s]{1,1000}\)")
_BLOCK = re.compile(r"[ \t]*(?:[-*+][ \t]|\d{1,3}[.)][ \t]|#{1,6}[ \t]|>|\||```)")


def pieces(text: str) -> list[str]:
    """Return the messages, in order, that say what `text` says; cut at sentence or line ends."""
    return [part for piece in split_bytes(text, PIECE_BYTES) for part in _few_characters(piece)]


def _few_characters(piece: str) -> list[str]:
    if len(piece) <= PIECE_CHARACTERS:
        return [piece]
    parts = -(-len(piece) // PIECE_CHARACTERS)
    return [part for half in split_bytes(piece, len(piece.encode()) // parts) for part in _few_characters(half)]


def title(text: str) -> str:
    """Return a title for a Markdown message: the beginning of its words."""
    return shorten(_MARKS.sub("", text[:500]), TITLE_CHARACTERS) or "消息"


def broken_lines(text: str) -> str:
    """Return Markdown in which single line ends between plain lines stay line ends."""
    return _with_line_ends(text, "  \n")


def card_text(text: str) -> str:
    """Return Markdown for a card's variable, where a single line end would vanish: a blank line instead."""
    return _with_line_ends(text, "\n\n")


def _with_line_ends(text: str, line_end: str) -> str:
    shown, code = [], False
    for line, following in pairwise([*text.split("\n"), ""]):
        code ^= line.lstrip().startswith("```")
        plain = not code and line.strip() and following.strip() and not _BLOCK.match(following)
        shown.append(line + (line_end if plain else "\n"))
    return "".join(shown)[:-1]
