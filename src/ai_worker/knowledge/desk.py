"""The port through which knowledge is handed in by those who bring it over a door."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ai_worker.knowledge.archive import Thing
from ai_worker.knowledge.keeping import Keeping


@dataclass(frozen=True, slots=True)
class Entry:
    """One approved question with its answer, as somebody hands it in."""

    id: str
    """Kept; an entry with the same id in the same base is replaced."""

    question: str
    """May be empty: then the answer is a passage to be cited."""

    aliases: tuple[str, ...]
    answer: str
    keeping: Keeping | None = None
    """Who may read it, and when it holds; `None`: as before, and for everybody if it is new."""


class Failed(Protocol):
    """A document or entry that could not be taken."""

    @property
    def document(self) -> str:
        """Its name, or the entry's id."""
        ...

    @property
    def code(self) -> str:
        """A stable error code."""
        ...

    @property
    def reason(self) -> str:
        """Why, in words for its owner."""
        ...


class Report(Protocol):
    """What became of what was handed in."""

    @property
    def documents(self) -> int:
        """How many documents were taken."""
        ...

    @property
    def passages(self) -> int:
        """How many passages they hold."""
        ...

    @property
    def failed(self) -> Sequence[Failed]:
        """What was not taken, and why; the rest was."""
        ...


class KnowledgeDesk(Protocol):
    """Takes documents and entries into a knowledge base."""

    async def add_upload(
        self, name: str, content: bytes, *, base: str, keeping: Keeping | None = None, by: str = ""
    ) -> Report:
        """Read one document and make it findable. One that cannot be read is reported, not raised.

        `name` is text from outside: it says what the document is called and what kind it is, and is
        never used as a path. `keeping` is as in `Entry`; `by` is who brings it.
        """
        ...

    async def put_entries(self, entries: Sequence[Entry], *, base: str, by: str = "") -> Report:
        """Add or replace single entries."""
        ...


class Remover(Protocol):
    """Takes things out of the knowledge again."""

    async def remove(self, thing: Thing, *, by: str) -> int | None:
        """Remove an entry or a document; return the version that brings it back, `None` if nothing can.

        Raises:
            NoSuchThing: There is no such thing.
        """
        ...
