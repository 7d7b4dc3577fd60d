"""A library learns in the background, and its search goes on meanwhile."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ai_worker.foundation.clock import FixedClock
from ai_worker.knowledge.intents.folder import FILE, IntentFolder, LearningLimits
from ai_worker.knowledge.intents.lessons import lessons_of
from ai_worker.knowledge.library import Library
from tests.knowledge.intents.office import OFFICE, rows
from tests.knowledge.memory_store import MemoryKnowledgeStore


@pytest.fixture
async def learner(store: MemoryKnowledgeStore, tmp_path: Path) -> AsyncIterator[Library]:
    library = Library(store, clock=FixedClock(), index_folder=tmp_path / "index", learns=True)
    yield library
    await library.close()


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    return tmp_path / "index" / "intents" / FILE


def bytes_of(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def damaged(path: Path) -> bytes:
    """Put nonsense in the place of a file (in a new one: the old one is mapped); return what it was."""
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(b"nonsense" * 20)
    return whole


async def test_what_wordings_share_is_learned_in_the_background(learner: Library) -> None:
    await learner.put_entries(rows(), base="default")
    before = learner.search("想休息")
    await learner.settle()

    assert before  # the search does without
    assert learner.search("我的工资怎么还没到账")[0].passage.id == "payday"
    assert learner.search("the battery of this notebook died")[0].passage.id == "laptop"


async def test_confidences_are_in_order_and_each_passage_comes_once(learner: Library) -> None:
    await learner.put_entries(rows(), base="default")
    await learner.settle()

    found = learner.search("请假要走什么流程", limit=9)

    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    assert len({one.passage.id for one in found}) == len(found)
    assert all(0 <= one.score <= 1 for one in found)
    assert learner.search("请假要走什么流程", limit=9) == found


async def test_an_entry_that_is_gone_is_not_guessed_by_an_older_model(
    learner: Library, store: MemoryKnowledgeStore, tmp_path: Path
) -> None:
    await learner.put_entries(rows(), base="default")
    await learner.settle()
    reader = Library(store, clock=FixedClock(), index_folder=tmp_path / "index")
    await reader.refresh()
    await store.remove_document("default", "entries")
    await reader.put_entries(
        [{"id": "new", "question": "食堂几点开饭", "aliases": [], "answer": "十一点半。"}], base="x"
    )

    assert {one.passage.id for one in reader.search("怎么请年假")} <= {"new"}
    assert reader.search("食堂几点开饭")[0].passage.id == "new"


async def test_entries_of_other_bases_are_not_guessed(learner: Library) -> None:
    await learner.put_entries(rows(), base="default")
    await learner.put_entries([{"id": "new", "question": "食堂几点开饭", "answer": "十一点半。"}], base="canteen")
    await learner.settle()

    assert {one.passage.id for one in learner.search("怎么请年假几点开饭", bases=["canteen"])} == {"new"}


async def test_a_process_that_does_not_learn_uses_what_another_learned(
    learner: Library, store: MemoryKnowledgeStore, tmp_path: Path
) -> None:
    await learner.put_entries(rows(), base="default")
    await learner.settle()
    reader = Library(store, clock=FixedClock(), index_folder=tmp_path / "index")
    await reader.refresh()

    assert reader.search("请假要走什么流程") == learner.search("请假要走什么流程")


async def test_a_damaged_model_is_made_anew(
    learner: Library, store: MemoryKnowledgeStore, model_file: Path, tmp_path: Path
) -> None:
    await learner.put_entries(rows(), base="default")
    await learner.settle()
    whole = damaged(model_file)
    other = Library(store, clock=FixedClock(), index_folder=tmp_path / "index", learns=True)
    await other.refresh()
    await other.settle()

    assert bytes_of(model_file) == whole
    assert other.search("请假要走什么流程") == learner.search("请假要走什么流程")


async def test_wordings_that_change_while_learning_are_learned_too(tmp_path: Path) -> None:
    folder = IntentFolder(tmp_path / "intents", learns=True)
    first, second = lessons_of(OFFICE), lessons_of(OFFICE[1:])
    await folder.tend(first)
    await folder.tend(second)
    await folder.settle()

    assert second is not None
    assert folder.current is not None
    assert folder.current.meta.fingerprint == second.fingerprint

    await folder.tend(None)
    assert folder.current is None


async def test_learning_that_takes_too_much_is_given_up(tmp_path: Path) -> None:
    folder = IntentFolder(tmp_path / "intents", learns=True, limits=LearningLimits(memory_bytes=1 << 20))
    await folder.tend(lessons_of(OFFICE))
    await folder.settle()

    assert folder.current is None


async def test_closing_ends_the_learning(tmp_path: Path) -> None:
    folder = IntentFolder(tmp_path / "intents", learns=True)
    await folder.tend(lessons_of(OFFICE))
    await folder.close()

    assert not bytes_of(tmp_path / "intents" / FILE)
