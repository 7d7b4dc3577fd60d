"""Searching the knowledge for a message: by its words, by its meaning, and by what a model makes of it."""

from collections.abc import Sequence
from dataclasses import replace

from ai_worker.conversation.message import Utterance
from ai_worker.conversation.persona import Worker
from ai_worker.conversation.phrases import Phrases
from ai_worker.conversation.steps.look_up import Bars, Findings, Shelves, look_up
from ai_worker.conversation.steps.reason import Reasoner
from ai_worker.conversation.steps.understand import Understood
from ai_worker.conversation.turn import TurnInput
from ai_worker.knowledge.records.book import RecordBook
from ai_worker.knowledge.records.shelf import RecordShelf
from ai_worker.knowledge.retrieve import Meanings, Reader, Retriever
from ai_worker.skills.tool import Tool


class Finder:
    """Finds what one contact may read of one worker's knowledge."""

    def __init__(
        self,
        retriever: Retriever,
        *,
        records: RecordShelf | None,
        meanings: Meanings | None,
        reasoner: Reasoner | None,
        bars: Bars,
    ) -> None:
        """See `TurnEngine`, whose parts these are.

        Args:
            retriever: Finds passages.
            records: Has the records of tables; `None` where there are none.
            meanings: Embeds what is not sure by its words; `None` where no endpoint is configured.
            reasoner: Completes what leans on earlier messages; `None` without a model.
            bars: What is below them is searched for once more.
        """
        self._retriever, self._records = retriever, records
        self._meanings, self._reasoner, self._bars = meanings, reasoner, bars

    async def found(
        self, given: TurnInput, heard: Understood, worker: Worker, words: Phrases, tools: Sequence[Tool]
    ) -> Findings:
        """Search for a message; where nobody could say anything to it, for what a model makes of it."""
        shelves = self.shelves(given, worker)
        findings = await self._by_words_and_meaning(shelves, heard, given.history)
        reasoner = self._reasoner
        if reasoner is None or given.progress is not None or given.behind or findings.best >= self._bars.clarify_at:
            return findings
        if reasoner.has_to_go_by(worker, tools, findings):
            return findings
        whole = await reasoner.completed(heard.text, given.history, words)
        if not whole:
            return findings
        better = await self._by_words_and_meaning(shelves, replace(heard, text=whole, corrects=False), ())
        return replace(better, leans=True) if better.best > findings.best else findings

    async def _by_words_and_meaning(
        self, shelves: Shelves, heard: Understood, history: Sequence[Utterance]
    ) -> Findings:
        findings = look_up(shelves, heard.text, history, bars=self._bars, corrects=heard.corrects)
        if self._meanings is None or findings.best >= self._bars.answer_at:
            return findings
        vector = await self._meanings.of(heard.text)
        if vector is None:
            return findings
        near = replace(shelves, vector=vector)
        return look_up(near, heard.text, history, bars=self._bars, corrects=heard.corrects)

    def shelves(self, given: TurnInput, worker: Worker) -> Shelves:
        """Return what of the worker's knowledge the contact may read."""
        return Shelves(self._retriever, tuple(worker.knowledge), Reader(given.message.contact.department))

    def book(self, given: TurnInput, worker: Worker) -> RecordBook | None:
        """Return the records of tables among it; `None` where there are none."""
        if self._records is None:
            return None
        reader = Reader(given.message.contact.department)
        return self._records.records(bases=worker.knowledge, reader=reader) or None
