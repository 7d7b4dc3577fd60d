"""Marks: what was said, shown with its bold words and lists, and never as anything that acts."""

import re

from markupsafe import Markup, escape

_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_BULLET = re.compile(r"^[-*] ", re.MULTILINE)
_LINK = re.compile(r"\[([^\]\n]+)\]\((https?://[^)\s]+)\)")


def rich_text(text: str) -> Markup:
    """Return `text` escaped, with bold words and list marks. Links are shown as text, not followed.

    What contacts and models write is untrusted: a link in the console would be a trap in its trust.
    """
    shown = str(escape(text))
    shown = _LINK.sub(r"\1（\2）", shown)
    shown = _BULLET.sub("• ", shown)
    return Markup(_BOLD.sub(r"<strong>\1</strong>", shown))  # noqa: S704  (escaped above)
