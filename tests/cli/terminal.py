"""A command at a terminal of its own: prompts are read, answers are typed, secrets are not echoed."""

import os
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

SPAWN = """
import os, pty, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job has it ignored, and hands that on
sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))
"""
PATIENCE_S = 60.0


class Terminal:
    """`ai-worker WORDS` as somebody at a terminal sees it."""

    def __init__(self, folder: Path, *words: str, **environ: str) -> None:
        clean = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "PYTHONPATH")}
        clean |= {"AI_WORKER_CONFIG": str(folder / "ai-worker.toml"), "PYTHONUTF8": "1", "LANG": "zh_CN.UTF-8"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", SPAWN, sys.executable, "-m", "ai_worker", *words],
            cwd=folder,
            env={**clean, "TERM": "dumb", "NO_COLOR": "1", **environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.seen = ""

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    def until(self, pattern: str) -> str:
        """Read until the screen shows `pattern`, and return what was new."""
        begins, deadline = len(self.seen), time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.seen[begins:]):
            more = self._more(deadline)
            assert more, f"{pattern!r} does not come: {self.seen}"
            self.seen += more
        return self.seen[begins:]

    def type(self, line: str) -> None:
        assert self._process.stdin is not None
        time.sleep(0.3)  # a hidden prompt drops what was typed before it
        self._process.stdin.write(f"{line}\n".encode())
        self._process.stdin.flush()

    def end(self) -> int:
        """Read to the end; return the exit code."""
        deadline = time.monotonic() + PATIENCE_S
        while more := self._more(deadline):
            self.seen += more
        return self._process.wait(PATIENCE_S)

    def _more(self, deadline: float) -> str:
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], max(0.0, deadline - time.monotonic()))
        return os.read(self._process.stdout.fileno(), 65_536).decode(errors="replace") if ready else ""
