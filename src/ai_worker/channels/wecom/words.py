"""Replies as WeCom's text messages show them.

Replies are sent as `text`, never as `markdown`: members who read in WeChat (微信插件) see nothing of a
markdown message but the advice to install WeCom. Text knows line breaks and links, so the marks
of plain Markdown are taken off and its links become the one tag that text messages have.
"""

import re

from ai_worker.foundation.text import split_bytes

TEXT_BYTES = 2048
"""WeCom cuts longer text off without saying so."""

_MARKS = re.compile(r"[\[*#+-]")
"""What all marks of Markdown begin with: most replies have none and need no closer look."""

# Every repetition is bounded: an endless line of opening marks must not cost its length squared.
_IMAGE = re.compile(r"!\[([^\]\n]{0,200})\]\([^)\n]{0,2000}\)")
_LINK = re.compile(r"\[([^\]\n]{1,200})\]\((https?://[^\s)\"<>]{1,1000})\)")
_BOLD = re.compile(r"\*\*(?=\S)(.{1,300}?)(?<=\S)\*\*")
_HEADING = re.compile(r"^#{1,6}[ \t]+", re.MULTILINE)
_BULLET = re.compile(r"^([ \t]*)[*+-][ \t]+", re.MULTILINE)


def pieces(markdown: str) -> list[str]:
    """Return the text messages, in order, that say what `markdown` says."""
    if not _MARKS.search(markdown):
        return split_bytes(markdown, TEXT_BYTES)
    plain = _BULLET.sub(r"\1• ", _HEADING.sub("", _BOLD.sub(r"\1", _IMAGE.sub(r"\1", markdown))))
    linked = split_bytes(_LINK.sub(r'<a href="\2">\1</a>', plain), TEXT_BYTES)
    if all(piece.count("<a ") == piece.count("</a>") for piece in linked):
        return linked
    return split_bytes(_LINK.sub(r"\1 \2 ", plain), TEXT_BYTES)  # a cut fell into a link: show its address instead


def markdown_pieces(markdown: str, most: int, *, before: str = "") -> list[str]:
    """Return the Markdown messages of at most `most` bytes, in order, that say what `markdown` says.

    `before` begins the first of them.
    """
    if not markdown.strip():
        return []
    found = split_bytes(markdown, most - len(before.encode()))
    return [before + found[0], *found[1:]]
