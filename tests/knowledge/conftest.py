"""A library on a store in memory, and what the tests say to it."""

from pathlib import Path

import pytest

from ai_worker.foundation.clock import FixedClock
from ai_worker.knowledge.library import Library
from tests.knowledge.memory_store import MemoryKnowledgeStore


@pytest.fixture
def store() -> MemoryKnowledgeStore:
    return MemoryKnowledgeStore()


@pytest.fixture
def library(store: MemoryKnowledgeStore, tmp_path: Path) -> Library:
    return Library(store, clock=FixedClock(), index_folder=tmp_path / "index")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty folder for documents."""
    made = tmp_path / "资料"
    made.mkdir()
    return made
