"""The table of quality: runs the evaluators over every development set, and writes what they found into `docs/`.

    python -m benchmarks.quality.table EVAL DATA [--write] [--only SET …]

EVAL and DATA are the folders with the evaluators and the development sets; neither is part of the
project. Each set is a process of its own with a time limit; one that fails is a row that says so. The
baselines stand beside the figures as they came with the evaluators. About fifteen minutes on two cores.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PAGES = {language: ROOT / "docs" / language / "reference" / "quality.md" for language in ("zh", "en")}
MARK = "<!-- generated below this line by: python -m benchmarks.quality.table EVAL DATA --write -->"
LIMIT_S = 900.0
NONE = "–"


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a set: where it stands in the report, what simple systems reach, and what is aimed at."""

    name: str
    path: str
    """Keys into the report, dots between."""

    baseline: str = NONE
    aim: str = NONE


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an evaluator."""

    title: str
    script: str
    target: str
    data: str
    figures: tuple[Figure, ...]
    options: tuple[str, ...] = ()


HIT1, HIT5 = "hit@1", "hit@5"
COVERAGE = Figure("correct answers at 95 % precision", "selective.at_p95.correct_coverage")
CHOICES = Figure("right one among the choices", "decisions.clarify_has_gold_top3")


def _retrieval(title: str, data: str, kb: str, *figures: Figure) -> Run:
    return Run(title, "run_retrieval.py", "retrieval", data, figures, ("--kb", kb))


def _noise(kb: str, folder: str, table: str, baseline: str) -> Run:
    figures = (Figure("hit@1 over all rules", "hit1", baseline),)
    return Run(
        f"zh-noise ({kb})",
        "run_retrieval.py",
        "retrieval",
        "zh-noise",
        figures,
        ("--kb", f"{{data}}/{folder}/{table}", "--kb-filter", kb),
    )


RUNS = (
    _retrieval("zh-faq-webank (kb_alias)", "zh-faq-webank", "kb_alias.jsonl",
        Figure(HIT1, "hit1", "0.791", "0.85"), Figure(HIT5, "hit5", NONE, "0.97"),
        Figure(COVERAGE.name, COVERAGE.path, NONE, "0.50"), Figure(CHOICES.name, CHOICES.path, NONE, "0.90"),
        Figure("AUROC, another company's question", "selective.auroc_in_vs_ook.near_ook", NONE, "0.97")),
    _retrieval("zh-faq-webank (kb)", "zh-faq-webank", "kb.jsonl", Figure(HIT1, "hit1", "0.669", "0.75")),
    _retrieval("zh-faq-general (kb)", "zh-faq-general", "kb.jsonl", Figure(HIT1, "hit1", "0.965"), COVERAGE),
    _retrieval("zh-smp2017 (kb)", "zh-smp2017", "kb.jsonl", Figure(HIT1, "hit1", "0.902")),
    _retrieval("zh-passages (kb)", "zh-passages", "kb.jsonl", Figure(HIT1, "hit1", "0.938", "0.965"),
        Figure(COVERAGE.name, COVERAGE.path, NONE, "0.75")),
    _retrieval("zh-docqa (kb)", "zh-docqa", "kb.jsonl", Figure(HIT1, "hit1", "0.609", "0.75")),
    _retrieval("en-clinc150 (kb)", "en-clinc150", "kb.jsonl", Figure(HIT1, "hit1", "0.932", "0.93")),
    _retrieval("en-clinc150 (kb_10shot)", "en-clinc150", "kb_10shot.jsonl", Figure(HIT1, "hit1", "0.818")),
    _retrieval("en-banking77 (kb)", "en-banking77", "kb.jsonl", Figure(HIT1, "hit1", "0.901", "0.93")),
    _retrieval("en-banking77 (kb_10shot)", "en-banking77", "kb_10shot.jsonl", Figure(HIT1, "hit1", "0.729", "0.82")),
    _retrieval("en-bank-docs (kb)", "en-bank-docs", "kb.jsonl", Figure(HIT1, "hit1", "0.333"),
        Figure("recall@10", "recall10", NONE, "0.40")),
    _noise("webank", "zh-faq-webank", "kb_alias.jsonl", NONE),
    _noise("general", "zh-faq-general", "kb.jsonl", NONE),
    Run("zh-dialogue", "run_dialogue.py", "dialogue", "zh-dialogue",
        (Figure("success", "all.success", "0.938", "0.98"), Figure("elliptical", "elliptical.success", "0.917", "0.97"),
         Figure("answered wrongly", "answered_wrong_share", "0.047", "0.01"))),
    Run("zh-rewrite", "run_rewrite.py", "rewrite", "zh-rewrite",
        (Figure("exact match", "exact", "0.241", "0.50"), Figure("restored F1", "restored_f1", "0.603"))),
)  # fmt: skip


def command(run: Run, evaluators: str, data: str, *, out: str) -> list[str]:
    """Return the command that measures one set."""
    options = [option.format(data=data) for option in run.options]
    target = f"benchmarks.quality.adapters:{run.target}"
    return [
        *(f"{evaluators}/{run.script}", "--adapter", "callable", "--target", target),
        *("--data", f"{data}/{run.data}", *options, "--out", out),
    ]


def measure(run: Run, evaluators: Path, data: Path) -> Mapping[str, Any] | None:
    """Run an evaluator; return its report, or `None` if it failed or did not end in time."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        words = command(run, str(evaluators), str(data), out=str(out))
        try:
            subprocess.run([sys.executable, *words], cwd=ROOT, timeout=LIMIT_S, check=True, capture_output=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            print(f"{run.title}: {error}", file=sys.stderr)
            return None
        report: Mapping[str, Any] = json.loads(out.read_text(encoding="utf-8"))
        return report


def value_at(report: Mapping[str, Any], path: str) -> str:
    """Return the figure at a path, three digits; a dash where the report has none."""
    found: Any = report
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return NONE if found is None else f"{found:.3f}"


def rows(measured: Sequence[tuple[Run, Mapping[str, Any] | None]], *, chinese: bool) -> list[str]:
    """Return the table."""
    head = (
        "| 数据集 | 指标 | 实测 | 简单基线 | 目标 |"
        if chinese
        else "| set | figure | measured | simple baseline | aim |"
    )
    failed = "没有量成" if chinese else "not measured"
    made = [head, "|---|---|---|---|---|"]
    for run, report in measured:
        for figure in run.figures:
            value = failed if report is None else value_at(report, figure.path)
            made.append(f"| {run.title} | {figure.name} | {value} | {figure.baseline} | {figure.aim} |")
    return made


def page(measured: Sequence[tuple[Run, Mapping[str, Any] | None]], *, chinese: bool) -> str:
    """Return what stands below the mark."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit.stdout.strip() or '?'}"
    commands = [" ".join(("python", *command(run, "EVAL", "DATA", out="report.json"))) for run, _ in measured]
    said = "每一行的命令（EVAL、DATA 是评测脚本和开发集的文件夹）：" if chinese else "The command of each row:"
    return "\n".join(
        [MARK, "", when, "", *rows(measured, chinese=chinese), "", said, "", "```text", *commands, "```", ""]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("evaluators", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true", help="write docs/*/reference/quality.md")
    parser.add_argument("--only", nargs="+", default=[], help="sets, by their folder's name")
    told = parser.parse_args()
    wanted = [run for run in RUNS if not told.only or run.data in told.only]
    measured = []
    for run in wanted:
        measured.append((run, measure(run, told.evaluators.resolve(), told.data.resolve())))
        print("\n".join(rows(measured[-1:], chinese=False)[2:]), flush=True)
    if told.write:
        for language, file in PAGES.items():
            words = file.read_text(encoding="utf-8").split(MARK)[0]
            file.write_text(words + page(measured, chinese=language == "zh"), encoding="utf-8")
    return any(report is None for _, report in measured)


if __name__ == "__main__":
    sys.exit(main())
