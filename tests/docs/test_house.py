"""The house itself: scripts that parse, walls that hold, assets that are the ones we know."""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.generated import load_script

ROOT = Path(__file__).resolve().parents[2]
SHELL = [
    path
    for path in sorted((ROOT / "scripts").iterdir())
    if path.is_file() and "bash" in path.read_text("utf-8").split("\n")[0]
]

HTMX = {
    "htmx.min.js": "71ea67185bfa8c98c39d31717c6fce5d852370fcdfd129db4543774d3145c0de",
    "hx-sse.min.js": "98a46496de0c3605fbffdce9167ba427bdd9553184f83f149c261891a92c0136",
}
"""SHA-256 of the files as django-htmx 1.29.0 carries them: htmx 2.0.10 and its SSE extension."""

PLANTED = {
    "a room that speaks HTTP": ("conversation/planted.py", "import aiohttp\n", "Rooms know no plumbing"),
    "a channel that knows another": (
        "channels/web/planted.py",
        "from ai_worker.channels.wecom import crypto\n",
        "Channels are strangers",
    ),
    "a floor that looks up": ("knowledge/planted.py", "from ai_worker.pipeline import store\n", "Floors"),
    "a folder without a floor": ("planted/__init__.py", '"""Nowhere."""\n', "Floors"),
}


@pytest.mark.parametrize("script", SHELL, ids=lambda path: path.name)
def test_a_script_parses_and_stops_at_its_first_failure(script: Path) -> None:
    text = script.read_text(encoding="utf-8")

    subprocess.run(["bash", "-n", script], check=True)
    assert text.startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in text
    assert script.stat().st_mode & 0o111


def test_setup_refuses_options_that_it_does_not_know() -> None:
    done = subprocess.run([ROOT / "scripts" / "setup", "--nope"], capture_output=True, text=True, timeout=60)

    assert done.returncode == 2
    assert "--test" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("what", PLANTED)
def test_the_walls_are_red_on(what: str, tmp_path: Path) -> None:
    place, text, wall = PLANTED[what]
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "vendor"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "src/ai_worker" / place).parent.mkdir(exist_ok=True)
    (tmp_path / "src/ai_worker" / place).write_text(text, encoding="utf-8")

    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "src"), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=100,
    )

    assert done.returncode != 0, done.stdout
    assert re.search(rf"{wall}.* BROKEN", done.stdout) or "planted" in done.stdout + done.stderr


def test_the_consoles_scripts_are_the_released_ones() -> None:
    folder = ROOT / "src/ai_worker/console/static/vendor"

    assert {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in HTMX} == HTMX
    assert 'version:"2.0.10"' in (folder / "htmx.min.js").read_text(encoding="utf-8")


def test_no_committed_file_names_a_package_index_or_is_minified() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not run: this is not a git checkout")

    for name in filter(None, listed.stdout.split("\0")):
        assert not name.endswith((".min.js", ".min.css")), name
    for lock in ("requirements.lock", "requirements-test.lock"):
        assert not re.search(r"https?://|file:/|--(extra-)?index|--find-links", lock_body(ROOT / lock)), lock


def lock_body(lock: Path) -> str:
    """Return a lock file without the command that made it."""
    return "\n".join(line for line in lock.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))


def test_sizes_can_be_measured(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = load_script("sizes")
    sizes.main()

    assert capsys.readouterr().out.startswith("sizes: ")
    assert (sizes.percentile([], 0.5), sizes.percentile([3, 1, 2], 0.5)) == (0, 2)
