"""The gap desk: a person answers what nothing answered, and it is answered from then on."""

from collections.abc import Sequence
from dataclasses import dataclass

from ai_worker.conversation.evaluation import Comparison, EvaluationStore, GoldenQuestion
from ai_worker.conversation.evaluator import Evaluator
from ai_worker.foundation.clock import Clock
from ai_worker.foundation.errors import NotFound
from ai_worker.knowledge.desk import Entry, KnowledgeDesk
from ai_worker.knowledge.gaps import Gap, GapGroup, GapStore, groups
from ai_worker.knowledge.gaps_csv import MOST

SHOWN = 500


class NoSuchGap(NotFound):
    """The gap is not there (any more)."""

    code = "gap.unknown"
    hint = "Open the list again: somebody may have answered it, or it was forgotten."


@dataclass(frozen=True, slots=True)
class Draft:
    """What a person writes to close a gap."""

    numbers: tuple[int, ...]
    """The gaps that it closes."""

    question: str
    aliases: tuple[str, ...]
    answer: str
    base: str


class GapDesk:
    """Shows gaps in groups, and closes them with an entry, or without."""

    def __init__(
        self,
        gaps: GapStore,
        *,
        knowledge: KnowledgeDesk,
        evaluation: EvaluationStore,
        evaluator: Evaluator,
        clock: Clock,
    ) -> None:
        self._gaps = gaps
        self._knowledge = knowledge
        self._evaluation = evaluation
        self._evaluator = evaluator
        self._clock = clock

    async def open_groups(self) -> list[GapGroup]:
        """Return what waits for an answer, the most frequent first."""
        return groups(await self._gaps.open_gaps(SHOWN))

    async def open_gaps(self) -> Sequence[Gap]:
        """Return every wording that waits for an answer."""
        return await self._gaps.open_gaps(MOST)

    async def settled(self, limit: int) -> list[Gap]:
        """Return what was answered or dismissed, the latest first."""
        return await self._gaps.settled_gaps(limit)

    async def group(self, numbers: Sequence[int]) -> GapGroup:
        """Return these gaps as one group.

        Raises:
            NoSuchGap: None of them is there (any more).
        """
        found = await self._gaps.by_number(numbers)
        if not found:
            raise NoSuchGap("There is no such gap (any more).")
        return GapGroup(tuple(sorted(found, key=lambda gap: (-gap.times, -gap.last_at.timestamp(), gap.question))))

    async def check(self, draft: Draft) -> Comparison:
        """Return which golden questions the draft would make worse or better; nothing is published.

        Raises:
            BadInput: The draft cannot be an entry.
            Busy: Somebody else is changing the index.
        """
        return await self._evaluator.would_change([self._entry(draft)], base=draft.base)

    async def publish(self, draft: Draft, *, by: str) -> str:
        """Make the draft an entry, close its gaps, and let its question be a golden one; return the entry's id.

        Raises:
            NoSuchGap: None of its gaps is there (any more).
            BadInput: The draft cannot be an entry.
        """
        group = await self.group(draft.numbers)
        entry, now = self._entry(draft), self._clock.now()
        await self._knowledge.put_entries([entry], base=draft.base)
        golden = GoldenQuestion(f"{entry.id}", group.question, (entry.id,), topic=draft.base, source="gap")
        await self._evaluation.put_golden([golden], at=now)
        await self._gaps.settle(group.numbers, "answered", by=by, at=now, base=draft.base, entry_id=entry.id)
        return entry.id

    async def dismiss(self, numbers: Sequence[int], *, by: str) -> GapGroup:
        """Put gaps away that need no answer; return them. They stay away, however often they are asked again.

        Raises:
            NoSuchGap: None of them is there (any more).
        """
        group = await self.group(numbers)
        await self._gaps.settle(group.numbers, "dismissed", by=by, at=self._clock.now())
        return group

    async def reopen(self, numbers: Sequence[int], *, by: str) -> GapGroup:
        """Put gaps back into the list; return them.

        Raises:
            NoSuchGap: None of them is there (any more).
        """
        group = await self.group(numbers)
        await self._gaps.settle(group.numbers, "open", by=by, at=self._clock.now())
        return group

    @staticmethod
    def _entry(draft: Draft) -> Entry:
        return Entry(f"gap-{min(draft.numbers)}", draft.question, draft.aliases, draft.answer)
