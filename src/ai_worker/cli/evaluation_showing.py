"""What came of golden questions, for people and as JSON."""

from typing import TYPE_CHECKING, Any

from ai_worker.cli.invocation import Invocation

if TYPE_CHECKING:
    from ai_worker.conversation.evaluation import Comparison, EvalRun, Outcome
    from ai_worker.conversation.thresholds import Tuned


SHOWN = 20
"""Questions that are named of those that got worse."""

VERDICTS = {
    "right": ("答对", "right"),
    "refused": ("没有答案，也没有乱答", "rightly not answered"),
    "offered": ("反问，选项里有对的", "asked back, the right one among the choices"),
    "missed": ("有答案但没答", "has an answer, not given"),
    "wrong": ("答错", "wrong"),
    "invented": ("没有答案却答了", "has no answer, one was given"),
}


def described(run: "EvalRun", comparison: "Comparison | None") -> dict[str, Any]:
    """Return a run as JSON has it."""
    return {
        "run": run.number,
        "at": run.at.isoformat(),
        "revision": run.revision,
        "version": run.version,
        "questions": len(run.outcomes),
        "verdicts": {verdict: run.count(verdict) for verdict in VERDICTS},  # type: ignore[arg-type]
        "precision": run.precision,
        "score": run.score,
        "topics": [{"topic": topic, "good": good, "questions": count} for topic, good, count in run.topics()],
        "worse": [_changed(*pair) for pair in comparison.worse] if comparison else None,
        "better": [_changed(*pair) for pair in comparison.better] if comparison else None,
    }


def outcome_object(outcome: "Outcome") -> dict[str, Any]:
    """Return one outcome as JSON has it."""
    fields = ("id", "question", "topic", "answer_ids", "decision", "answer_id", "best_id", "base", "offered", "verdict")
    return {name: getattr(outcome, name) for name in fields} | {"confidence": round(outcome.confidence, 4)}


def _changed(before: "Outcome", now: "Outcome") -> dict[str, Any]:
    return {"id": now.id, "question": now.question, "before": before.verdict, "now": now.verdict}


def print_run(invocation: Invocation, run: "EvalRun", comparison: "Comparison | None") -> None:
    """Print how a run went, and what got worse since the one before; `None`: it is the first."""
    unnamed = invocation.say("全部" if len(run.topics()) == 1 else "其他", "all" if len(run.topics()) == 1 else "other")
    print(" · ".join(f"{topic or unnamed} {good}/{count}" for topic, good, count in run.topics()))
    precision = "–" if run.precision is None else f"{run.precision:.1%}"
    print(
        invocation.say(
            f"答了 {run.answered} 个，对 {precision}；该转人工而答了 {run.count('invented')}；"
            f"反问里有对的 {run.count('offered')}；有答案没答 {run.count('missed')}",
            f"{run.answered} answered, {precision} of them right; answered without an answer {run.count('invented')}; "
            f"asked back with the right choice {run.count('offered')}; missed {run.count('missed')}",
        )
    )
    if comparison is None:
        print(invocation.say("这是第一次，没有可比的。", "This is the first run: nothing to compare with."))
        return
    worse, better = len(comparison.worse), len(comparison.better)
    print(
        invocation.say(
            f"比上次：进步 {better} 条，退步 {worse} 条", f"Since the last run: {better} better, {worse} worse"
        )
    )
    for before, now in comparison.worse[:SHOWN]:
        was, is_ = invocation.say(*VERDICTS[before.verdict]), invocation.say(*VERDICTS[now.verdict])
        print(f"  {now.id}「{now.question}」 {was} → {is_}   ai-worker eval show {now.id}")
    if worse > SHOWN:
        print(invocation.say(f"  还有 {worse - SHOWN} 条：--json", f"  {worse - SHOWN} more: --json"))


def print_outcome(invocation: Invocation, outcome: "Outcome") -> None:
    """Print what became of one question, beside what should have."""
    known = [
        ("问题", "question", outcome.question),
        ("应当", "should be", " | ".join(outcome.answer_ids) or "–"),
        ("结果", "result", invocation.say(*VERDICTS[outcome.verdict])),
        ("决定", "decision", outcome.decision),
        ("答案", "answer", outcome.answer_id or "–"),
        ("最像的", "best candidate", f"{outcome.best_id or '–'}  {outcome.confidence:.2f}"),
        ("选项", "choices", ", ".join(outcome.offered) or "–"),
    ]
    for chinese, english, value in known:
        print(invocation.say(f"{chinese}：{value}", f"{english}: {value}"))


def tuned_object(found: "Tuned", *, applied: bool) -> dict[str, Any]:
    """Return what was found for a base as JSON has it."""
    return {
        "base": found.threshold.base,
        "target": found.threshold.target,
        "answer_at": found.threshold.answer_at,
        "clarify_at": found.threshold.clarify_at,
        "questions": found.threshold.questions,
        "precision": round(found.precision, 4),
        "coverage": round(found.coverage, 4),
        "reached": found.reached,
        "applied": applied,
    }


def print_tuned(invocation: Invocation, found: "Tuned") -> None:
    """Print from which confidence on a base answers and asks back, and what that gives."""
    one = found.threshold
    if not found.reached:
        print(invocation.say("任何阈值都达不到这个目标。", "No threshold reaches this target."))
    print(
        invocation.say(
            f"知识库 {one.base}：{one.questions} 个标准问题；置信度 {one.answer_at:.2f} 起直接回答，"
            f"{one.clarify_at:.2f} 起反问。答了的有 {found.precision:.0%} 是对的，"
            f"有答案的问题答上 {found.coverage:.0%}。",
            f"Base {one.base}, {one.questions} golden questions: answer from {one.answer_at:.2f}, "
            f"ask back from {one.clarify_at:.2f}. Of the answers {found.precision:.0%} are right; "
            f"{found.coverage:.0%} of the questions that have an answer get it.",
        )
    )
