"""The evaluator: runs over the golden questions, of the knowledge as it is and as it would be."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from ai_worker.conversation.engine import TurnEngine
from ai_worker.conversation.evaluation import Comparison, EvalRun, EvaluationStore, Turns, compare, evaluate
from ai_worker.conversation.persona import Staff
from ai_worker.conversation.steps.look_up import Bars
from ai_worker.conversation.thresholds import Thresholds
from ai_worker.foundation.clock import Clock
from ai_worker.knowledge.desk import Entry
from ai_worker.knowledge.records.shelf import RecordShelf
from ai_worker.knowledge.retrieve import ForEverything, Retriever


class Trial(Retriever, Protocol):
    """Knowledge that nobody is answered from."""

    def close(self) -> None:
        """Forget it."""
        ...


class Trials(Retriever, Protocol):
    """Knowledge of which one can try a change: `knowledge.library.Library`."""

    @property
    def revision(self) -> int:
        """The revision that searches see."""
        ...

    async def refresh(self) -> bool:
        """Take over what others have added; return whether there was anything."""
        ...

    async def try_entries(self, entries: Sequence[Entry | Mapping[str, object]], *, base: str) -> Trial:
        """Return the knowledge as it would be with these entries."""
        ...


class Evaluator:
    """Asks the golden questions. One code path with what contacts get: the same engine over the same search."""

    def __init__(
        self,
        store: EvaluationStore,
        *,
        library: Trials,
        engine: Callable[[Retriever], Awaitable[Turns]],
        worker: str,
        version: str,
        clock: Clock,
    ) -> None:
        """Prepare.

        Args:
            store: Where golden questions and runs are kept.
            library: The knowledge.
            engine: Returns a turn engine over some knowledge, without a model and without tools.
            worker: Who is asked.
            version: Of the product.
            clock: Tells the time.
        """
        self._store = store
        self._library = library
        self._engine = engine
        self._worker = worker
        self._version = version
        self._clock = clock

    async def run(self) -> EvalRun:
        """Ask all golden questions, keep the run and return it."""
        await self._library.refresh()
        run = await self._ask(self._library)
        return EvalRun(run.at, run.revision, run.version, run.outcomes, await self._store.keep_run(run))

    async def before_and_now(self) -> tuple[EvalRun, Comparison | None]:
        """Run, and compare with the run before; `None` if there was none."""
        earlier = await self._store.runs(1)
        run = await self.run()
        return run, compare(earlier[0], run) if earlier else None

    async def would_change(self, entries: Sequence[Entry], *, base: str) -> Comparison:
        """Return which golden questions these entries would make worse or better; nothing is published.

        Raises:
            BadInput: An entry cannot be taken.
            Busy: Another process is changing the index.
        """
        trial = await self._library.try_entries(entries, base=base)
        try:
            return compare(await self._ask(self._library), await self._ask(trial))
        finally:
            trial.close()

    async def _ask(self, knowledge: Retriever) -> EvalRun:
        return await evaluate(
            await self._engine(knowledge),
            await self._store.golden(),
            worker=self._worker,
            revision=self._library.revision,
            version=self._version,
            clock=self._clock,
        )


def golden_evaluator(
    store: EvaluationStore,
    *,
    library: Trials,
    records: RecordShelf | None = None,
    staff: Staff,
    default: Bars,
    version: str,
    clock: Clock,
) -> Evaluator:
    """Return the evaluator of the default worker, over the same engine and thresholds that contacts get."""

    async def engine(knowledge: Retriever) -> Turns:
        thresholds = Thresholds(default)
        thresholds.replace(await store.thresholds())
        return TurnEngine(
            staff=staff,
            retriever=ForEverything(knowledge),
            records=records,
            toolbox=None,
            model=None,
            feedback=None,
            clock=clock,
            thresholds=thresholds,
        )

    return Evaluator(store, library=library, engine=engine, worker=staff.default.name, version=version, clock=clock)
