"""One small installation for each test, and the command line to use it with."""

from functools import partial
from pathlib import Path

import pytest

from tests.cli.calling import Cli, call

SETTINGS = """
data_dir = "data"
[api]
host = "127.0.0.1"
port = 0
[console]
port = 18080
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a settings file that is found without being named."""
    (tmp_path / "ai-worker.toml").write_text(SETTINGS, encoding="utf-8")
    return tmp_path


@pytest.fixture
def cli(site: Path) -> Cli:
    """`ai-worker`, run in the site's folder."""
    return partial(call, site)
