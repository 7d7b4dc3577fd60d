"""`ai-worker demo` as a user runs it: in its own process, on this machine alone, leaving nothing behind."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from ai_worker.demo.company import examples

pytestmark = pytest.mark.slow

START_S = 60.0
STEPS = {
    "wecom": ["knowledge", "order", "clarify", "choice", "unknown", "duplicate", "helpful", "forged"],
    "feishu": ["knowledge", "helpful", "clarify", "choice", "group", "overheard", "forged"],
    "dingtalk": ["knowledge", "helpful", "clarify", "choice", "group", "overheard", "forged"],
}

DEMO = (sys.executable, "-m", "ai_worker", "demo")
FREE = ("--port-api", "0", "--port-console", "0")


def environment(folder: Path) -> dict[str, str]:
    """Return an environment that would break a demo that listened to it."""
    return {
        **os.environ,
        "TMPDIR": str(folder),
        "LANG": "zh_CN.UTF-8",
        "COLUMNS": "120",
        "AI_WORKER__API__PORT": "1",
        "AI_WORKER_CONFIG": "/nonexistent/config.toml",
        "http_proxy": "http://127.0.0.1:1",
        "https_proxy": "http://127.0.0.1:1",
    }


class Played:
    """A demo on a terminal of its own (or on pipes), in a process group of its own."""

    def __init__(self, folder: Path, *words: str, terminal: bool) -> None:
        self._folder = folder
        self._seen = ""
        ours, theirs = pty.openpty() if terminal else os.pipe()
        self._ours = ours
        self.process = subprocess.Popen(
            [*DEMO, *words],
            env=environment(folder),
            stdin=theirs if terminal else subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._ours)

    def until(self, words: str) -> str:
        """Return what was printed up to and with `words`; wait for it if need be."""
        deadline = time.monotonic() + START_S
        while words not in self._seen:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._ours], [], [], max(0.0, left))
            piece = self._read() if ready else b""
            assert piece, f"{words!r} was never printed; but:\n{self._seen}"
            self._seen += piece.decode(errors="replace")
        before, found, self._seen = self._seen.partition(words)
        return before + found

    def _read(self) -> bytes:
        try:
            return os.read(self._ours, 65_536)
        except OSError:  # Linux says so when the other side of a terminal is closed
            return b""

    def press(self, key: str) -> None:
        """Press a key."""
        os.write(self._ours, key.encode())

    def ended(self) -> int:
        """Return the exit code once it has ended, and see that nothing is left of it."""
        code = self.process.wait(timeout=START_S)
        with pytest.raises(ProcessLookupError):
            os.killpg(self.process.pid, 0)
        assert list(self._folder.iterdir()) == []
        return code


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("once")
    ended = subprocess.run(
        [*DEMO, "--once", "--json"],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert list(folder.iterdir()) == []
    summary: dict[str, Any] = json.loads(ended.stdout)
    return summary


def step(summary: dict[str, Any], name: str) -> dict[str, Any]:
    return next(step for step in summary["steps"] if step["name"] == name)


def test_every_step_of_the_round_works(summary: dict[str, Any]) -> None:
    assert summary["ok"] is True
    assert [(step["name"], step["ok"], step["channel"]) for step in summary["steps"]] == [
        (name if platform == "wecom" else f"{platform}.{name}", True, platform)
        for platform, names in STEPS.items()
        for name in names
    ]
    assert summary["messages"] == {"sent": 14, "answered": 14, "duplicates_ignored": 3}
    assert summary["mean_seconds"] > 0
    assert summary["knowledge"]["documents"] == len(list((examples() / "knowledge").iterdir()))
    assert summary["console_url"].startswith("http://127.0.0.1:")


def test_the_knowledge_answer_cites_its_section(summary: dict[str, Any]) -> None:
    [citation, *_] = step(summary, "knowledge")["citations"]

    assert citation["document"] == "售后政策.md"
    assert "3.2" in citation["title"]
    assert "5 天到账" in step(summary, "knowledge")["reply"]


def test_the_order_is_told_by_the_erp(summary: dict[str, Any]) -> None:
    order = step(summary, "order")

    assert order["tools"] == ["erp.get_order"]
    assert "ORD12345" in order["reply"]
    assert "已发货" in order["reply"]


def test_the_unclear_question_is_asked_back_and_the_second_choice_understood(summary: dict[str, Any]) -> None:
    assert 2 <= len(step(summary, "clarify")["choices"]) <= 3
    assert step(summary, "choice")["question"] == "2"
    assert step(summary, "choice")["decision"] == "answer"


@pytest.mark.parametrize("platform", STEPS)
def test_each_platform_keeps_the_same_promises(summary: dict[str, Any], platform: str) -> None:
    result = summary["platforms"][platform]
    in_groups = 0 if platform == "wecom" else 1  # a self-built application of WeCom is in no group

    assert result["ok"] is True
    assert len(result["steps"]) == len(STEPS[platform])
    assert result["citations"] >= 1
    assert result["duplicates_ignored"] == 1
    assert result["forged_refused"] == 1
    assert result["ratings_stored"] == 1
    assert result["chosen_by"] == ["number" if platform == "wecom" else "button"]
    assert (result["group_answered"], result["group_ignored"]) == (in_groups, in_groups)
    assert result["violations"] == []


@pytest.mark.parametrize("platform", ["feishu", "dingtalk"])
def test_in_a_group_the_asker_is_mentioned(summary: dict[str, Any], platform: str) -> None:
    grouped = step(summary, f"{platform}.group")

    assert grouped["reply"].startswith(f"@{grouped['contact']} ")


def test_without_a_terminal_it_keeps_serving_until_it_is_told_to_stop(tmp_path: Path) -> None:
    with Played(tmp_path, *FREE, terminal=False) as demo:
        printed = demo.until("还在运行")
        demo.process.send_signal(signal.SIGTERM)

        assert "成功 22/22" in printed
        assert "\x1b" not in printed
        assert demo.ended() == 0


def test_on_a_terminal_each_key_does_what_it_says(tmp_path: Path) -> None:
    with Played(tmp_path, *FREE, terminal=True) as demo:
        first = re.findall(r"/start\?t=(\S+?) （", demo.until("[q] 退出"))
        demo.press(" ")
        assert "ORD12346" in demo.until("成功 23/23")
        demo.press("3")
        assert "钉钉" in demo.until("成功 24/24")
        demo.press("o")
        second = re.findall(r"/start\?t=(\S+?) （", demo.until("[q] 退出") + demo.until("[q] 退出"))
        demo.press("p")
        demo.until("每秒答完")
        demo.press("p")
        assert "没答上 0" in demo.until("没答上 0")
        demo.press("q")
        demo.until("已停止")

        assert len({*first, *second}) == 2
        assert demo.ended() == 0


def test_ctrl_c_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    with Played(tmp_path, "--once", terminal=False) as demo:
        demo.until("演示模式")
        demo.process.send_signal(signal.SIGINT)

        assert demo.ended() == 1
