"""Under which conditions knowledge is kept: who may read it, from when until when, and who sees to it."""

import re
from dataclasses import dataclass
from datetime import date, datetime

SEVERAL = re.compile(r"[、,，;；\n]")
"""What stands between departments where somebody works in several of them, or several may read."""

DEPARTMENTS = 50
"""Most departments that one thing can be open to: each is a term of the search index."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """The conditions of one entry or document. A document's passages are kept as the document is."""

    departments: tuple[str, ...] = ()
    """Who may read it, as paths: `总部/财务`. What is open to a department is open to all below it.
    Empty: everybody."""

    effective_at: datetime | None = None
    """From when on it is found; `None`: since ever."""

    expires_at: datetime | None = None
    """From when on it is found no more; `None`: never."""

    owner: str = ""
    """Who sees to it that it is right."""

    review_by: date | None = None
    """The day on which its owner should have looked at it again; `None`: nobody said."""

    def holds_at(self, moment: datetime) -> bool:
        """Return whether it is in effect at a moment: its first moment belongs to it, its last does not."""
        begun = self.effective_at is None or self.effective_at <= moment
        return begun and (self.expires_at is None or moment < self.expires_at)


OPEN = Keeping()
"""For everybody and for ever, without an owner."""


def path_of(department: str) -> str:
    """Return a department as it is compared: `总部 / 财务/` is `总部/财务`; empty if nothing is left of it."""
    return "/".join(part for part in map(str.strip, department.split("/")) if part)


def paths_of(said: str | None) -> tuple[str, ...]:
    """Return the departments that a text names, each once, in its order."""
    found = map(path_of, SEVERAL.split(said or ""))
    return tuple(dict.fromkeys(path for path in found if path))


def readable_from(said: str | None) -> frozenset[str]:
    """Return the departments whose knowledge somebody may read who works in `said`: theirs and all above."""
    readable = set[str]()
    for path in paths_of(said):
        parts = path.split("/")
        readable.update("/".join(parts[: depth + 1]) for depth in range(len(parts)))
    return frozenset(readable)
