"""What all tests share: where the development data is, and why a test was not run."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.channels.store import close_temporary_stores
from tests.tryton.peer import Tryton, running

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
CHROMIUM = shutil.which("chromium")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out, with the reason, what cannot run on this machine."""
    for item in items:
        if "shared" in item.keywords and not SHARED.is_dir():
            item.add_marker(pytest.mark.skip(reason="not run: the development data (../shared) is not here"))
        if "browser" in item.keywords and CHROMIUM is None:
            item.add_marker(pytest.mark.skip(reason="not run: there is no chromium on this machine"))


def pytest_runtest_teardown() -> None:
    """Close what the test's channels remembered in."""
    close_temporary_stores()


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder with the development data; only for tests marked `shared`."""
    return SHARED


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The browser; only for tests marked `browser`."""
    assert CHROMIUM is not None
    return CHROMIUM


@pytest.fixture(scope="session")
def tryton() -> Iterator[Tryton]:
    """A Tryton with a small company in it; its tests are listed as not run where it is not installed."""
    with running() as server:
        yield server
