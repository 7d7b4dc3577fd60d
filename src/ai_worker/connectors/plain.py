"""Cut what a contract says to what a model needs to read."""

import re
import unicodedata

_TAGS = re.compile(r"<[^<>]{1,200}>")
_MARKUP = re.compile(r"\]\([^()\s]{1,400}\)|[*`#|\[]+")
_SPACE = re.compile(r"\s+")


def cut(text: object, limit: int) -> str:
    """Return `text` on one line, without markup and characters that nobody sees, at most `limit` long."""
    if not isinstance(text, str) or limit <= 0:
        return ""
    plain = _SPACE.sub(" ", _MARKUP.sub(" ", _TAGS.sub(" ", text[: limit * 6])))
    plain = "".join(character for character in plain if unicodedata.category(character) not in _UNSEEN).strip()
    if len(plain) <= limit:
        return plain
    head = plain[: limit - 1]
    sentence = max(head.rfind(mark) for mark in (". ", "。", "; ", "；"))
    return head[: sentence + 1].rstrip() if sentence > limit // 2 else f"{head.rstrip()}…"


_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co"})
