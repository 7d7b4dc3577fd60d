"""Text from outside: made safe to store, cut without breaking a character or a sentence."""

import re
import unicodedata

from ai_worker.foundation.remembered import remembered

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_SENTENCE_END = re.compile(r"(?<=[。！？!?；;\n])|(?<=\.)(?=\s)")


def clean(text: str) -> str:
    r"""Return `text` without what a database or a screen chokes on.

    Control characters other than tab and newline are removed (PostgreSQL refuses NUL), lone
    surrogates become U+FFFD, line ends become `\\n`, and the ends are stripped.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATE.sub("\ufffd", _CONTROL.sub("", text)).strip()


@remembered(texts=4_096, characters=200)
def fold(text: str) -> str:
    """Return `text` in the form that is compared and searched: NFKC, lower case, single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def shorten(text: str, characters: int) -> str:
    """Return `text` on one line, at most `characters` long, with `…` where something was cut."""
    line = " ".join(text.split())
    return line if len(line) <= characters else line[: characters - 1].rstrip() + "…"


def cut_bytes(text: str, limit: int) -> str:
    """Return the longest start of `text` that is at most `limit` bytes of UTF-8."""
    raw = text.encode()
    return text if len(raw) <= limit else raw[:limit].decode(errors="ignore")


def split_bytes(text: str, limit: int) -> list[str]:
    """Split `text` into pieces of at most `limit` bytes of UTF-8, at sentence ends where it can.

    A single sentence that is longer than `limit` is cut between characters. Nothing is lost: apart
    from white space at the cuts, the pieces joined are the text. Empty text gives no piece.
    """
    pieces: list[str] = []
    current = ""
    for sentence in _SENTENCE_END.split(text):
        if len((current + sentence).encode()) <= limit:
            current += sentence
            continue
        if current.strip():
            pieces.append(current.strip())
        while len(sentence.encode()) > limit:
            head = cut_bytes(sentence, limit)
            pieces.append(head.strip())
            sentence = sentence[len(head) :]
        current = sentence
    if current.strip():
        pieces.append(current.strip())
    return [piece for piece in pieces if piece]
