"""Lessons: the wordings that a model is made from, and whether they are enough, or too much."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import structlog

from ai_worker.knowledge import terms
from ai_worker.knowledge.index import key_of, wordings
from ai_worker.knowledge.view import View

RECIPE = 3
"""Raise it with every change to how a model is made, features included: older ones are then made anew."""

FEWEST_ENTRIES = 8
FEWEST_WORDINGS = 40
"""With less, the model knows less than the search does."""

MOST_ENTRIES = 1_000
MOST_CELLS = 16_000_000
"""Wordings times entries: what the time of learning grows with. A thousand entries may have sixteen each."""

MOST_PER_ENTRY = 400
"""Of an entry with more wordings, the first ones are learned."""

MOST_LONE = 1_000
"""Of the entries with a single wording that are not told apart, so many teach what the others are not."""

MOST_READ = 5_000
"""Where there are more, they are not looked at: reading them would take longer than learning."""


class Taught(msgspec.Struct, frozen=True):
    """One entry with its wordings."""

    key: str
    wordings: tuple[str, ...]


log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lessons:
    """What a model is made from."""

    keys: tuple[str, ...]
    texts: tuple[str, ...]
    """As `terms.plain` makes them."""

    labels: tuple[int, ...]
    """The place in `keys` that each text belongs to."""

    @property
    def fingerprint(self) -> str:
        """What two sets of lessons share that make the same model."""
        known = hashlib.sha256(f"{RECIPE}/{terms.VERSION}".encode())
        for text, label in zip(self.texts, self.labels, strict=True):
            known.update(f"\x1e{self.keys[label]}\x1f{text}".encode())
        return known.hexdigest()

    @property
    def too_much(self) -> bool:
        """Whether learning would take more time and memory than it may."""
        return len(self.keys) > MOST_ENTRIES or len(self.keys) * len(self.texts) > MOST_CELLS


def lessons_of(entries: Sequence[Taught]) -> Lessons | None:
    """Return what can be learned from entries; `None` if their wordings are too few.

    Entries with a single wording are told apart where they are the minority. Elsewhere (a list of
    questions and answers in which a few have aliases) they stand together, as what the others are not.
    """
    plain = sorted((one.key, _plain(one)) for one in entries)
    several = [(key, texts) for key, texts in plain if len(texts) > 1]
    lone = [(key, texts) for key, texts in plain if len(texts) == 1]
    if len(lone) <= len(several):
        told, together = sorted([*several, *lone]), []
    else:
        told, together = several, lone[:MOST_LONE]
    if len(told) < FEWEST_ENTRIES or sum(len(texts) for _, texts in told) < max(FEWEST_WORDINGS, 2 * len(told)):
        return None
    keys = [key for key, _ in told]
    rows = [(text, label) for label, (_, texts) in enumerate(told) for text in texts]
    if together:
        rows += [(text, len(keys)) for _, texts in together for text in texts]
        keys.append("")
    return Lessons(tuple(keys), tuple(text for text, _ in rows), tuple(label for _, label in rows))


def lessons_in(view: View) -> Lessons | None:
    """Return what can be learned from all entries of an index; see `lessons_of`."""
    several = view.entries(several=True, limit=MOST_ENTRIES)
    if several is None:
        log.warning("knowledge.intents_skipped", most_entries=MOST_ENTRIES)
        return None
    if len(several) < FEWEST_ENTRIES / 2:
        return None
    entries = [*several, *(view.entries(several=False, limit=MOST_READ) or [])]
    return lessons_of([Taught(key_of(entry.base, entry.id), tuple(wordings(entry))) for entry in entries])


def _plain(entry: Taught) -> list[str]:
    return [text for text in dict.fromkeys(terms.plain(wording) for wording in entry.wordings[:MOST_PER_ENTRY]) if text]
