"""Replies as Feishu's messages show them: text where the words are plain, a post where they have marks."""

import re
from collections.abc import Callable

import msgspec

from ai_worker.foundation.text import split_bytes

TEXT_BYTES, RICH_BYTES = 120_000, 24_000
"""The platform takes 150 KB of a text message's request and 30 KB of a post's or card's; escapes count."""

Content = tuple[str, str]
"""`msg_type`, and `content` as the API wants it: JSON in a string."""

_AT = re.compile(r"<(?=/?at\b)", re.IGNORECASE)
# Every repetition is bounded: an endless line of opening marks must not cost its length squared.
_MARKS = re.compile(
    r"\*\*\S|`[^`\n]|^#{1,6}[ \t]|^[ \t]*[*+-][ \t]|^>[ \t]|!?\[[^\]\n]{1,200}\]\(https?://", re.MULTILINE
)


def harmless(text: str) -> str:
    """Return `text` without the power to mention anybody: a reply that quotes `<at …>` must call nobody."""
    return _AT.sub("＜", text)


def has_marks(text: str) -> bool:
    """Return whether `text` needs more than a text message to look right."""
    return _MARKS.search(text) is not None


def pieces(markdown: str, limit: int | None = None) -> list[str]:
    """Return the messages, in order, in which `markdown` is said; each fits into its kind of message."""
    limit = limit or (RICH_BYTES if has_marks(markdown) else TEXT_BYTES)
    return fitting(harmless(markdown), limit, lambda piece: len(_json(piece)) <= limit * 6 // 5)


def fitting(text: str, limit: int, fits: Callable[[str], bool]) -> list[str]:
    """Split `text` at sentence ends into pieces of at most `limit` bytes that all fit."""
    found = split_bytes(text, limit)
    while limit > 1_000 and not all(map(fits, found)):  # full of characters that JSON writes as two or more
        limit = limit * 2 // 3
        found = split_bytes(text, limit)
    return found


def said(piece: str, *, mention: str = "") -> Content:
    """Return a piece as a message of its own.

    Args:
        piece: Markdown, made harmless.
        mention: open_id of whom it is addressed to; empty: nobody in particular.
    """
    called = f'<at user_id="{mention}"></at> ' if mention else ""
    if not has_marks(piece):
        return plain(called + piece)
    post = {"zh_cn": {"content": [[{"tag": "md", "text": called + piece}]]}}
    return "post", _json(post).decode()


def plain(text: str) -> Content:
    """Return `text` as a text message."""
    return "text", _json({"text": text}).decode()


def card(content: object) -> Content:
    """Return a card, or the reference to one, as a message."""
    return "interactive", _json(content).decode()


_json = msgspec.json.encode
