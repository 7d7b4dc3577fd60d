"""An outline under construction: headings and paragraphs in, pieces of a readable size out."""

import re

from ai_worker.foundation.text import clean, shorten
from ai_worker.knowledge.ingest.parsed import Piece
from ai_worker.knowledge.ingest.refusals import TooCostly

TARGET = 400
"""Characters at which a piece is closed at the next paragraph."""

LONGEST = 500
"""Characters that no piece exceeds; a longer paragraph is cut between sentences."""

PIECES = 50_000
SEPARATOR = " › "

_SENTENCE_END = re.compile(r"(?<=[。！？!?；;\n])|(?<=\.)(?=\s)")
_NUMBER = re.compile(r"^(第\s*[0-9一二三四五六七八九十百零〇]+\s*[章节條条款篇部]|\d+(?:\.\d+)*)[\s.、:：]+")


class Outline:
    """Collects a document's headings and paragraphs."""

    def __init__(self, title: str) -> None:
        self.title = title
        """What the document is called: at first as given, then its first heading if that is level 1."""

        self._path: list[tuple[int, str, str]] = []
        self._numbers: dict[int, int] = {}
        self._waiting: list[str] = []
        self._locator = ""
        self._pieces: list[Piece] = []
        self._begun = False

    def heading(self, level: int, text: str) -> None:
        """Begin a section. `level` is 1 for the outermost."""
        text = shorten(clean(text), 120)
        if not text:
            return
        self._close()
        if level == 1 and not self._begun:
            self.title, self._begun = text, True
            return
        self._begun = True
        self._path = [above for above in self._path if above[0] < level]
        self._numbers = {depth: number for depth, number in self._numbers.items() if depth <= level}
        self._numbers[level] = self._numbers.get(level, 0) + 1
        number = ".".join(str(self._numbers[above]) for above in sorted(self._numbers))
        if own := _NUMBER.match(text):  # the author's own number is the one that readers know
            number, text = own.group(1), text[own.end() :].strip() or text
        self._path.append((level, text, f"§{number}"))

    def paragraph(self, text: str, locator: str | None = None) -> None:
        """Add a paragraph to the section. A `locator` other than the last one begins a new piece."""
        text = clean(text)
        if not text:
            return
        self._begun = True
        where = locator if locator is not None else self._path[-1][2] if self._path else ""
        if where != self._locator:
            self._close()
            self._locator = where
        for part in cut(text, LONGEST):
            if self._waiting and sum(map(len, self._waiting)) + len(part) > TARGET:
                self._close()
            self._waiting.append(part)

    def pieces(self) -> tuple[Piece, ...]:
        """Return the pieces, in the order of the document."""
        self._close()
        return tuple(self._pieces)

    def _close(self) -> None:
        if not self._waiting:
            return
        if len(self._pieces) >= PIECES:
            raise TooCostly(f"The document has more than {PIECES} passages")
        title = SEPARATOR.join([self.title, *(text for _, text, _ in self._path)])
        self._pieces.append(Piece(title, self._locator, "\n".join(self._waiting)))
        self._waiting = []


def cut(text: str, longest: int) -> list[str]:
    """Return `text` in parts of at most `longest` characters, between sentences where it can be."""
    if len(text) <= longest:
        return [text]
    parts = [""]
    for sentence in _SENTENCE_END.split(text):
        if len(parts[-1]) + len(sentence) <= longest:
            parts[-1] += sentence
        else:
            parts += [sentence[at : at + longest] for at in range(0, len(sentence), longest)]
    return [part.strip() for part in parts if part.strip()]
