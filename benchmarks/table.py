"""The table of benchmarks: runs them one after the other, and writes what they measured into `docs/`.

    python -m benchmarks.table [--quick] [--write] [--only PART …]

Each benchmark is a process of its own with a time limit. One that fails, or does not end in time, is a
row that says so; the others are measured all the same. The whole takes about eleven minutes on two
cores. `--quick` shows in two minutes that all of it works, and says on the page that it was quick.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import apsw
import psutil

from benchmarks.rows import PARTS, Part, Row
from benchmarks.scene import RECORD

ROOT = Path(__file__).resolve().parents[1]
MARK = "<!-- generated below this line by: python -m benchmarks.table --write -->"
QUICK_LIMIT_S = 90.0

Language = Literal["zh", "en"]
Outcome = Literal["done", "failed", "late"]

WORDS: Mapping[Language, Mapping[str, str]] = {
    "zh": {
        "head": "| 量什么 | 实测 | 目标 | 命令 |",
        "failed": "没有量成：命令失败",
        "late": "没有量成：{limit:.0f} 秒内没有结束",
        "none": "没有量成：命令没有给出这个数字",
        "quick": "**这是一次 `--quick` 运行：数量很小，只说明命令可用，不作为结果。**",
        "commit": "提交",
        "dirty": "，外加未提交的改动",
        "date": "时间（UTC）",
        "machine": "机器",
        "cores": "{cores} 核，{memory:.0f} GB 内存",
        "load": "开始时的负载（1 分钟平均）",
        "took": "全部用时",
        "seconds": "{seconds:.0f} 秒",
    },
    "en": {
        "head": "| what | measured | aim | command |",
        "failed": "not measured: the command failed",
        "late": "not measured: not done within {limit:.0f} s",
        "none": "not measured: the command did not give this figure",
        "quick": "**This was a `--quick` run: small numbers, which show that the commands work and are no result.**",
        "commit": "commit",
        "dirty": ", with changes that are not committed",
        "date": "time (UTC)",
        "machine": "machine",
        "cores": "{cores} cores, {memory:.0f} GB of memory",
        "load": "load at the beginning (average of 1 minute)",
        "took": "took in all",
        "seconds": "{seconds:.0f} s",
    },
}


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one benchmark."""

    part: Part
    outcome: Outcome
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Run:
    """When, where and of what the table was made."""

    commit: str
    dirty: bool
    began: datetime
    machine: str
    cores: int
    memory_gb: float
    software: str
    load: float
    quick: bool


def this_run(*, quick: bool) -> Run:
    """Look at the machine and the working tree."""
    return Run(
        commit=_git("rev-parse", "--short=10", "HEAD") or "unknown",
        dirty=bool(_git("status", "--porcelain")),
        began=datetime.now(UTC),
        machine=_processor(),
        cores=os.cpu_count() or 1,
        memory_gb=psutil.virtual_memory().total / 1e9,
        software=f"Python {platform.python_version()}, SQLite {apsw.sqlite_lib_version()}, Linux {platform.release()}",
        load=os.getloadavg()[0],
        quick=quick,
    )


def measure(part: Part, *, quick: bool) -> Measured:
    """Run one benchmark in a process of its own, for as long as it may take."""
    command = [sys.executable, "-m", *part.command, *(part.quick if quick else ())]
    limit = QUICK_LIMIT_S if quick else part.limit_s
    print(f"\n$ python {' '.join(command[1:])}", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        record = Path(folder) / "record"
        record.touch()
        process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {RECORD: str(record)}, stdout=sys.stderr)
        outcome: Outcome
        try:
            outcome = "failed" if process.wait(limit) else "done"
        except subprocess.TimeoutExpired:
            outcome = "late"
            _end(process)
        lines = record.read_text(encoding="utf-8").splitlines()
    return Measured(part, outcome, dict(json.loads(line) for line in lines))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a benchmark and the services that it has started."""
    started = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    for service in started:
        service.kill()
    process.wait()


def page(run: Run, measured: Sequence[Measured], seconds: float, language: Language) -> str:
    """Return the generated part of the page, in Markdown."""
    words = WORDS[language]
    cores = words["cores"].format(cores=run.cores, memory=run.memory_gb)
    told = [
        (words["commit"], f"`{run.commit}`{words['dirty'] if run.dirty else ''}"),
        (words["date"], f"{run.began:%Y-%m-%d %H:%M}"),
        (words["machine"], f"{run.machine}，{cores}" if language == "zh" else f"{run.machine}, {cores}"),
        ("", run.software),
        (words["load"], f"{run.load:.1f}"),
        (words["took"], words["seconds"].format(seconds=seconds)),
    ]
    rows = [_row(one, row, language) for one in measured for row in one.part.rows]
    lines = [
        *([words["quick"], ""] if run.quick else []),
        words["head"],
        "| --- | --- | --- | --- |",
        *rows,
        "",
        *(f"- {name}{'：' if language == 'zh' else ': '}{what}" if name else f"- {what}" for name, what in told),
    ]
    return "\n".join(lines) + "\n"


def _row(one: Measured, row: Row, language: Language) -> str:
    words = WORDS[language]
    if all(name in one.figures for name in row.figures):
        shown = row.shown[language].format(*(one.figures[name] for name in row.figures))
    else:
        shown = words["none" if one.outcome == "done" else one.outcome].format(limit=one.part.limit_s)
    return f"| {row.label[language]} | {shown} | {row.aim[language]} | `python -m {' '.join(one.part.command)}` |"


def write(text: str, language: Language) -> None:
    """Put the table into its page, below the mark."""
    path = ROOT / "docs" / language / "reference" / "benchmarks.md"
    before = path.read_text(encoding="utf-8").partition(MARK)[0]
    path.write_text(f"{before}{MARK}\n\n{text}", encoding="utf-8")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _processor() -> str:
    """Return the processor's name as Linux knows it."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.machine())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small numbers: shows that it works, measures little")
    parser.add_argument("--write", action="store_true", help="write the pages in docs/; else Markdown is printed")
    parser.add_argument("--only", nargs="+", choices=[part.name for part in PARTS], help="run only these parts")
    given = parser.parse_args()
    if given.write and given.only:
        parser.error("a page holds the whole table: --write goes without --only")
    began, run = time.monotonic(), this_run(quick=given.quick)
    parts = [part for part in PARTS if given.only is None or part.name in given.only]
    measured = [measure(part, quick=given.quick) for part in parts]
    seconds = time.monotonic() - began
    if given.write:
        for language in WORDS:
            write(page(run, measured, seconds, language), language)
    else:
        print(page(run, measured, seconds, "zh"))
    sys.exit(any(one.outcome != "done" for one in measured))


if __name__ == "__main__":
    main()
