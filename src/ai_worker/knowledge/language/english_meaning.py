"""What English words mean: other words for the same thing, brought together."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.resources import files

from ai_worker.knowledge import english

LEXICON = "synonyms.en.txt"
LONGEST = 3
"""Words of the longest phrase."""

Phrase = tuple[str, ...]


@cache
def lexicon() -> Mapping[Phrase, tuple[str, ...]]:
    """Return what each word or phrase means, by its stems; read once."""
    meanings: dict[Phrase, list[str]] = {}
    for line in files(__package__).joinpath(LEXICON).read_text("utf-8").splitlines():
        if line.startswith("#") or "=" not in line:
            continue
        meaning, _, wordings = line.partition("=")
        for wording in wordings.split():
            found = meanings.setdefault(tuple(map(english.stem, wording.split("_"))), [])
            if meaning.strip() not in found:
                found.append(meaning.strip())
    return {phrase: tuple(found) for phrase, found in meanings.items()}


def read(stems: Sequence[str]) -> Iterator[str]:
    """Yield what the words mean, in order; a word that the lexicon does not know means itself.

    The longest phrase wins. Function words that are part of no phrase mean nothing here.
    """
    known = lexicon()
    at = 0
    while at < len(stems):
        size = next((size for size in range(LONGEST, 0, -1) if tuple(stems[at : at + size]) in known), 0)
        if size:
            yield from known[tuple(stems[at : at + size])]
        elif stems[at] not in english.FUNCTION_WORDS:
            yield stems[at]
        at += size or 1
