"""Calling the command line as a process of its own, the way people and scripts do."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Cli = Callable[..., "Called"]


@dataclass(frozen=True, slots=True)
class Called:
    """What a call left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return stdout, which must be JSON and nothing else."""
        return json.loads(self.out)


def call(folder: Path, *words: str, stdin: str = "", **environ: str) -> Called:
    """Run `ai-worker WORDS` in `folder` with an environment that holds nothing of this machine's.

    The settings file is named, because the machine may have an installation of its own.
    """
    clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "PYTHONPATH")}
    clean["AI_WORKER_CONFIG"] = str(folder / "ai-worker.toml")
    done = subprocess.run(
        [sys.executable, "-m", "ai_worker", *words],
        cwd=folder,
        env={**clean, "PYTHONUTF8": "1", **environ},
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=100,
    )
    return Called(done.returncode, done.stdout, done.stderr)
