"""Sentences and clauses of an answer or of a passage, with nothing lost between them."""

import re

_SENTENCE = re.compile(
    r"(?:[^。！？!?；;\n.]|\.(?!\s|$|[\[【])|(?<=\d)\.(?=\s?\d))*"
    r"(?:[。！？!?；;.]+[”’」』）)\"']*(?:\s?[\[【]\d{1,2}(?:\s*[,，、]\s*\d{1,2})*[\]】])*[。！？!?；;.]*[ \t]*|\n+|$)"
)
_CLAUSE = re.compile(r"[，：、|]\s*|,(?!\d{3})\s*|:(?!\d)\s*|\s[-–—]\s")


def split(text: str) -> list[str]:
    """Return the sentences; joined they are the text. Marks of citations stay with what they follow."""
    return [found[0] for found in _SENTENCE.finditer(text) if found[0]]


def clauses(sentence: str) -> list[str]:
    """Return the clauses of a sentence that are more than a word."""
    return [part for part in _CLAUSE.split(sentence) if len(part.strip()) > 1]
